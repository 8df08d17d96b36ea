"""The wire contract: JSON Schemas by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol


class Schemas(Protocol):
    def valid(self, name: str, document: Any) -> bool:
        """Tell whether a document fits schema `name` (e.g. "pipelinejob_manager_event").  Raises KeyError."""
        ...

    def complaints(self, name: str, document: Any) -> Sequence[tuple[str, str]]:
        """Return [(JSON pointer, reason), ...]; empty where the document fits.  Raises KeyError."""
        ...

    def names(self) -> Iterable[str]: ...

    def get(self, name: str) -> Mapping[str, Any]:
        """Return a schema with its `$id` under the configured base URL.  Raises KeyError."""
        ...
