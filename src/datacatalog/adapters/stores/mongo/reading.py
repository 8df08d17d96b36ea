"""Finding and reading records in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import groupby
from typing import Any

from datacatalog.adapters.stores import rules
from datacatalog.adapters.stores.mongo import documents, marking
from datacatalog.adapters.stores.mongo.documents import PROPERTIES, VISIBLE
from datacatalog.adapters.stores.mongo.layout import COLLECTION_OF, TENANTS, UUID
from datacatalog.adapters.stores.mongo.shelf import Shelf
from datacatalog.adapters.stores.mongo.surroundings import Surroundings
from datacatalog.adapters.stores.mongo.updates import MongoUpdates
from datacatalog.adapters.stores.mongo.view import Document
from datacatalog.domain.errors import UnknownRecord
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Change, Record
from datacatalog.ports.stores import Glance, Page

_BY_UUID = [(UUID, 1)]


class RecordReading:
    """The reading half of ports.stores.Records."""

    __slots__ = ("_shelf", "_surroundings", "_updates", "_view")

    def __init__(self, shelf: Shelf, surroundings: Surroundings) -> None:
        self._shelf = shelf
        self._view = shelf.view
        self._surroundings = surroundings
        self._updates = MongoUpdates(shelf.view)

    def get(self, uuid: TypedUuid) -> Record:
        record = self.find(uuid)
        if record is None:
            raise UnknownRecord(uuid, rules.kind_of(uuid) or "record")
        return record

    def find(self, uuid: TypedUuid) -> Record | None:
        return _record(self._shelf.get(uuid))

    def find_many(self, uuids: Iterable[TypedUuid]) -> Mapping[TypedUuid, Record]:
        found = ((TypedUuid(uuid), _record(each)) for uuid, each in self._shelf.many(uuids).items())
        return {uuid: record for uuid, record in found if record is not None}

    def visible(self, uuids: Iterable[TypedUuid]) -> Set[TypedUuid]:
        asked = sorted({uuid for uuid in uuids if rules.is_uuid(uuid)})
        shown: set[TypedUuid] = set()
        for kind, group in groupby(asked, rules.kind_of):
            some = list(group)
            if kind is not None:
                where = {UUID: {"$in": some}, VISIBLE: True}
                seen = map(marking.record, some)
                found = self._view.find(COLLECTION_OF[kind], where, sort=_BY_UUID, fields=[UUID], seen=seen)
                shown.update(TypedUuid(each[UUID]) for each in found)
        return shown

    def identified(self, kind: Kind, field: str, value: str) -> Record | None:
        rules.check_identifier(rules.spec_of(kind), field)
        documents.check_texts(value)
        seen = [marking.value(kind, field, value)]
        found = self._view.find(COLLECTION_OF[kind], {field: value}, sort=_BY_UUID, limit=1, seen=seen)
        return self._records(found)[0] if found else None

    def page(
        self,
        kind: Kind,
        where: Mapping[str, str] | None = None,
        *,
        after: str | None = None,
        limit: int = 100,
        hidden: bool = False,
    ) -> Page:
        rules.check_cursor(after)
        asked = _asked(kind, where or {}, hidden=hidden)
        if after is not None:
            asked[UUID] = {"$gt": after}
        seen = _seen_by(kind, where or {})
        found = self._view.find(COLLECTION_OF[kind], asked, sort=_BY_UUID, limit=limit + 1, seen=seen)
        records = self._records(found[:limit])
        more = len(found) > limit
        if not where:
            last = found[-1][UUID] if more else None
            self._view.note(marking.records_between(kind, after or "", last))
        return Page(records=records, next=records[-1].uuid if more and records else None)

    def between(
        self, kind: Kind, field: str, low: str, high: str, *, limit: int = 1000, hidden: bool = False
    ) -> Sequence[Record]:
        rules.check_searchable(rules.spec_of(kind), {field: low})
        return self._records(self._between(kind, field, low, high, limit=limit, hidden=hidden, fields=None))

    def glance(
        self, kind: Kind, fields: Sequence[str], low: str, high: str, *, limit: int = 1000
    ) -> Sequence[Glance]:
        spec = rules.spec_of(kind)
        rules.check_kept(spec, fields)
        rules.check_searchable(spec, {"name": low})
        asked = (*fields, "name", UUID, VISIBLE, PROPERTIES)
        found = self._between(kind, "name", low, high, limit=limit, hidden=True, fields=asked)
        self._view.note(marking.record(each[UUID]) for each in found)
        return [
            Glance(
                TypedUuid(each[UUID]),
                int(each[PROPERTIES]["revision"]),
                bool(each[VISIBLE]),
                rules.texts_of(each, fields),
            )
            for each in found
        ]

    def count(self, kind: Kind, where: Mapping[str, str] | None = None) -> int:
        asked = _asked(kind, where or {}, hidden=False)
        seen = _seen_by(kind, where or {}) or [marking.kind(kind)]
        return self._view.count(COLLECTION_OF[kind], asked, seen=seen)

    def tenants(self) -> Set[str]:
        found = self._view.find(TENANTS, {}, sort=[("_id", 1)], seen=[marking.TENANTS])
        return {each["tenant"] for each in found}

    def changes(self, uuid: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, Change]]:
        return self._updates.page(uuid, self.find(uuid), after=after, limit=limit)

    def _between(
        self,
        kind: Kind,
        field: str,
        low: str,
        high: str,
        *,
        limit: int,
        hidden: bool,
        fields: Sequence[str] | None,
    ) -> list[Document]:
        documents.check_texts(low, high)
        where = {field: {"$gte": low, "$lt": high}, VISIBLE: _shown(hidden=hidden)}
        return self._view.find(
            COLLECTION_OF[kind],
            where,
            sort=[(field, 1), (UUID, 1)],
            limit=limit,
            fields=fields,
            seen=[marking.values_between(kind, field, low, high)],
        )

    def _records(self, found: Sequence[Document]) -> list[Record]:
        """Return the records that documents are; what an answer says of them is part of it."""
        self._view.note(marking.record(each[UUID]) for each in found)
        return [record for record in map(_record, found) if record is not None]


def _record(document: Document | None) -> Record | None:
    if document is None:
        return None
    kind = rules.kind_of(document[UUID])
    return None if kind is None else documents.record_of(kind, document)


def _asked(kind: Kind, where: Mapping[str, str], *, hidden: bool) -> dict[str, Any]:
    """Return the filter for records whose declared fields equal `where`.  Raises InvalidField."""
    rules.check_searchable(rules.spec_of(kind), where)
    documents.check_texts(*where.values())
    return {**where, VISIBLE: _shown(hidden=hidden)}


def _seen_by(kind: Kind, where: Mapping[str, str]) -> list[str]:
    """Return the marks of the records whose fields equal `where`: none comes to them, and none leaves, without touching one."""
    return [marking.value(kind, field, value) for field, value in where.items()]


def _shown(*, hidden: bool) -> Any:
    return {"$in": [True, False]} if hidden else True
