"""Trees of an Agave tenant's files service, or of another gateway of this kind.

Source: the Agave documents, "Files"; agavepy 0.9.5, resources/api_files.json.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from datacatalog.adapters.remote.conversation import Conversation
from datacatalog.adapters.storage.sites import MISSING, Listings, downloaded, quoted, refusals, uploaded
from datacatalog.adapters.storage.tree import Found
from datacatalog.domain.paths import joined
from datacatalog.ports.storage import Names


class AgaveTree:
    """Implements tree.Tree. Paths are what the tenant takes them for: below the `homeDir` of its system, "/" as a rule.

    A file is there once its upload was answered. Making a directory that is there is no error at Agave.
    """

    def __init__(self, service: Conversation, system: str) -> None:
        """`system`: what the tenant calls it."""
        self._service = service
        self._media = f"/files/v2/media/system/{system}"
        listed = f"/files/v2/listings/system/{system}"
        self._listings = Listings(service, lambda names: f"{listed}{quoted(names) or '/'}", size="length")

    def find(self, names: Names) -> Found:
        return self._listings.find(names)

    def entries(self, names: Names) -> Iterator[Found]:
        return self._listings.entries(names)

    def read(self, names: Names) -> AbstractContextManager[Iterator[bytes]]:
        return downloaded(self._service, self._media + quoted(names))

    def make(self, names: Names) -> None:
        self._do(names[:-1], {"action": "mkdir", "path": names[-1]})

    def write(self, names: Names, source: BinaryIO) -> int:
        path, name = self._media + (quoted(names[:-1]) or "/"), names[-1]
        return uploaded(
            self._service, path, source, file="fileToUpload", fields={"fileName": name}, name=name
        )

    def remove(self, names: Names, found: Found) -> None:
        with refusals():
            self._service.delete(self._media + quoted(names), MISSING, place="path")

    def rename(self, names: Names, to: Names) -> None:
        self._do(names, {"action": "move", "path": joined(to)})

    def _do(self, names: Names, order: dict[str, str]) -> None:
        with refusals():
            self._service.send("PUT", self._media + (quoted(names) or "/"), order, MISSING, place="path")
