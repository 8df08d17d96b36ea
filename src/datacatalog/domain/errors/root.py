"""What all errors have in common."""

from __future__ import annotations

from typing import ClassVar


class DatacatalogError(Exception):
    """Root of all errors raised on purpose."""

    code: ClassVar[str] = "error"
    http: ClassVar[int] = 500
    exit: ClassVar[int] = 1
    retry: ClassVar[bool] = False

    @property
    def complaints(self) -> list[dict[str, str]]:
        """Places and reasons, for programs; empty where the text says it all."""
        return []
