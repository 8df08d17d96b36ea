"""Pipeline texts of 2018, for reading what was named by them; nothing new is.

P0 (September) gave untyped UUIDs, P1 (October and November) typed ones. Both knew only components with an id, sorted
by it, and not the pipeline's own id. P2 with `repo` (December to February 2019) is today's text: see `identity.reduced`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from datacatalog.domain.documents import JsonObject, minified


def pipeline_text_p0(components: Sequence[JsonObject]) -> str:
    return minified(_with_id(components))


def pipeline_text_p1(components: Sequence[JsonObject]) -> str:
    """Return the components as JSON with a line per token, which is how the writer of that time was set."""
    return json.dumps(_with_id(components), sort_keys=True, separators=(",", ":"), indent=0)


def _with_id(components: Sequence[JsonObject]) -> list[dict[str, Any]]:
    found = (_renamed(component) for component in components)
    return sorted((component for component in found if "id" in component), key=lambda c: str(c["id"]))


def _renamed(component: JsonObject) -> dict[str, Any]:
    for key in ("appId", "actorId"):
        if key in component:
            return {**{k: v for k, v in component.items() if k != key}, "id": component[key]}
    return dict(component)
