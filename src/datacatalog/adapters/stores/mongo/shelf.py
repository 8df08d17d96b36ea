"""The documents of records, as one piece of work has read them: records and links are asked of the same ones."""

from __future__ import annotations

from collections.abc import Iterable

from datacatalog.adapters.stores import rules
from datacatalog.adapters.stores.mongo import documents, marking
from datacatalog.adapters.stores.mongo.documents import Targets
from datacatalog.adapters.stores.mongo.layout import COLLECTION_OF
from datacatalog.adapters.stores.mongo.view import Document, View
from datacatalog.domain.kinds import Kind


class Shelf:
    """Reads documents by UUID, each once, until something is written to it.

    What it returns is not to be changed.

    Attributes:
        view: where it reads from.
    """

    __slots__ = ("_read", "view")

    def __init__(self, view: View) -> None:
        self.view = view
        self._read: dict[str, Document | None] = {}

    def get(self, uuid: str) -> Document | None:
        """Return the document of a UUID, be it a record or not; what is no UUID of a record has none."""
        mark, kind = marking.record(uuid), rules.kind_of(uuid)
        if kind is None or not rules.is_uuid(uuid):
            return None
        if uuid in self._read:
            self.view.note([mark])
        else:
            self._read[uuid] = self.view.get(COLLECTION_OF[kind], uuid, seen=mark)
        return self._read[uuid]

    def many(self, uuids: Iterable[str]) -> dict[str, Document]:
        """Return the documents that there are, by UUID, in the order of the UUIDs."""
        asked = [uuid for uuid in dict.fromkeys(uuids) if rules.is_uuid(uuid)]
        missing: dict[Kind, list[str]] = {}
        for uuid in asked:
            kind = rules.kind_of(uuid)
            if kind is not None and uuid not in self._read:
                missing.setdefault(kind, []).append(uuid)
        for kind, some in missing.items():
            seen = map(marking.record, some)
            found = self.view.many(COLLECTION_OF[kind], some, seen=seen)
            self._read.update((uuid, found.get(uuid)) for uuid in some)
        read = ((uuid, self._read.get(uuid)) for uuid in asked)
        return {uuid: document for uuid, document in read if document is not None}

    def put(self, kind: Kind, document: Document, *, touched: Iterable[str]) -> None:
        self._read.pop(document["uuid"], None)
        self.view.put(COLLECTION_OF[kind], document["uuid"], document, touched=touched)

    def say(self, uuid: str, targets: Targets, *, touched: Iterable[str]) -> None:
        """Write what a UUID says of others; its record, if there is one, stays as it is.

        Args:
            targets: all of it.
        """
        kind = rules.kind_of(uuid)
        if kind is None:
            raise ValueError(f"{uuid} is no UUID of a record")
        known, collection = self.get(uuid), COLLECTION_OF[kind]
        self._read.pop(uuid, None)
        marks = {marking.record(uuid), *touched}
        links = documents.of_links(kind, targets)
        if known is None:
            self.view.put(collection, uuid, {"uuid": uuid, **links}, touched=marks)
        elif documents.VISIBLE not in known and not any(targets.values()):
            self.view.drop(collection, uuid, touched=marks)
        else:
            self.view.set(collection, uuid, links, touched=marks)

    def drop(self, kind: Kind, uuid: str, *, touched: Iterable[str]) -> None:
        self._read.pop(uuid, None)
        self.view.drop(COLLECTION_OF[kind], uuid, touched=touched)

    def forget(self) -> None:
        """Read everything anew: what was written has been taken back."""
        self._read.clear()
