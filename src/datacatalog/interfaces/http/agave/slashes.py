"""Addresses of collections: Agave's clients ask for them with a slash at the end, and people without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.routing import Route


def both(path: str, endpoint: Callable[..., Any], *methods: str) -> list[Route]:
    """Return the routes of a collection."""
    return [Route(each, endpoint, methods=methods) for each in (path, f"{path}/")]
