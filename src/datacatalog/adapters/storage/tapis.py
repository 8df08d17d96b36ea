"""Trees of a Tapis tenant's files service.

Source: "Tapis Files API", version 1.8.2 (tapipy/resources/openapi_v3-files.yml).
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


class TapisTree:
    """Implements tree.Tree. Paths are below the `rootDir` of the tenant's system.

    Links are told of, and no way through. Making a directory that is there is no error at Tapis.
    """

    def __init__(self, service: Conversation, system: str) -> None:
        """`system`: what the tenant calls it."""
        self._service = service
        self._ops, self._content = f"/v3/files/ops/{system}", f"/v3/files/content/{system}"
        self._listings = Listings(service, lambda names: f"{self._ops}{quoted(names) or '/'}", size="size")

    def find(self, names: Names) -> Found:
        return self._listings.find(names)

    def entries(self, names: Names) -> Iterator[Found]:
        return self._listings.entries(names)

    def read(self, names: Names) -> AbstractContextManager[Iterator[bytes]]:
        return downloaded(self._service, self._content + quoted(names))

    def make(self, names: Names) -> None:
        with refusals():
            self._service.send("POST", self._ops, {"path": joined(names)}, MISSING, place="path")

    def write(self, names: Names, source: BinaryIO) -> int:
        path = self._ops + quoted(names)
        return uploaded(self._service, path, source, file="file", fields={}, name=names[-1])

    def remove(self, names: Names, found: Found) -> None:
        with refusals():
            self._service.delete(self._ops + quoted(names), MISSING, place="path")

    def rename(self, names: Names, to: Names) -> None:
        order = {"operation": "MOVE", "newPath": joined(to)}
        with refusals():
            self._service.send("PUT", self._ops + quoted(names), order, MISSING, place="path")
