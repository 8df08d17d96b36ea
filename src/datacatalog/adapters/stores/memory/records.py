"""Records, their update log and their links in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.memory.session import MemorySession
from datacatalog.adapters.stores.memory.tables import Stored
from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import DatacatalogError, Duplicate, StaleWrite, UnknownRecord
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Change, Link, Record
from datacatalog.ports.stores import Glance, Page


class MemoryRecords:
    """Implements ports.stores.Records."""

    def __init__(self, session: MemorySession, check: CheckRecord) -> None:
        self._session = session
        self._check = check

    def get(self, uuid: TypedUuid) -> Record:
        record = self.find(uuid)
        if record is None:
            raise UnknownRecord(uuid, rules.kind_of(uuid) or "record")
        return record

    def find(self, uuid: TypedUuid) -> Record | None:
        stored = self._session.to_read().records.get(uuid)
        return None if stored is None else _fresh(stored)

    def find_many(self, uuids: Iterable[TypedUuid]) -> Mapping[TypedUuid, Record]:
        found = ((uuid, self.find(uuid)) for uuid in uuids)
        return {uuid: record for uuid, record in found if record is not None}

    def visible(self, uuids: Iterable[TypedUuid]) -> Set[TypedUuid]:
        records = self._session.to_read().records
        return {uuid for uuid in uuids if uuid in records and records[uuid].record.visible}

    def identified(self, kind: Kind, field: str, value: str) -> Record | None:
        rules.check_identifier(rules.spec_of(kind), field)
        uuid = self._session.to_read().identifiers.get((kind, field, value))
        return None if uuid is None else self.find(TypedUuid(uuid))

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
        found = self._matching(kind, where or {}, after=after or "", hidden=hidden)
        records = [_fresh(stored) for stored in found[:limit]]
        return Page(records=records, next=records[-1].uuid if len(found) > limit and records else None)

    def between(
        self, kind: Kind, field: str, low: str, high: str, *, limit: int = 1000, hidden: bool = False
    ) -> Sequence[Record]:
        rules.check_searchable(rules.spec_of(kind), {field: low})
        found = [
            (value, stored.record.uuid, stored)
            for stored in self._matching(kind, {}, after="", hidden=hidden)
            if isinstance(value := codec.decode(stored.text).get(field), str) and low <= value < high
        ]
        return [_fresh(stored) for _, _, stored in sorted(found, key=lambda each: each[:2])[:limit]]

    def glance(
        self, kind: Kind, fields: Sequence[str], low: str, high: str, *, limit: int = 1000
    ) -> Sequence[Glance]:
        rules.check_kept(rules.spec_of(kind), fields)
        found = self.between(kind, "name", low, high, limit=limit, hidden=True)
        return [
            Glance(each.uuid, each.revision or 0, each.visible, rules.texts_of(each.body, fields))
            for each in found
        ]

    def count(self, kind: Kind, where: Mapping[str, str] | None = None) -> int:
        return len(self._matching(kind, where or {}, after="", hidden=False))

    def changes(self, uuid: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, Change]]:
        lines = self._session.to_read().changes.get(uuid, {})
        return [
            (seq, replace(lines[seq][0], diff=codec.decode(lines[seq][1])))
            for seq in sorted(seq for seq in lines if seq > after)[:limit]
        ]

    def put_many(self, records: Iterable[Record], *, at: datetime) -> None:
        tables = self._session.to_write()
        mark = tables.mark()
        try:
            for record in sorted(records, key=lambda record: record.revision is not None):
                self.put(record, at=at)
        except DatacatalogError:
            tables.undo(mark)
            raise

    def put(
        self,
        record: Record,
        *,
        at: datetime,
        beside: JsonObject | None = None,
        by: str | None = None,
        action: str | None = None,
    ) -> Record:
        tables = self._session.to_write()
        rules.check_kind(record)
        text = codec.text_of(record.body, record.kind)
        stored = tables.records.get(record.uuid)
        old = None if stored is None else _fresh(stored)
        same = old is not None and old.revision == record.revision
        if old is None or stored is None or not same:
            return self._insert(record, text, taken=old is not None, at=at, beside=beside or {}, by=by)
        diff = rules.diff_for_log(stored.text, record, text)
        if diff is None and not beside and rules.same_outside(old, record):
            return old
        self._check(record)
        revision = 0 if old.revision is None else old.revision + 1
        new = replace(record, revision=revision, created=old.created, modified=at)
        self._keep(old, new, text)
        self._log(rules.change_of(old, new, {**(diff or {}), **(beside or {})}, at=at, by=by, action=action))
        return new

    def purge(self, uuid: TypedUuid, *, at: datetime, by: str | None = None) -> None:
        tables = self._session.to_write()
        record = self.get(uuid)
        self._forget_identifiers(record)
        tables.drop(tables.records, uuid)
        links = MemoryLinks(self._session)
        links.remove(links.of(uuid))
        links.remove(links.to(uuid, limit=len(tables.said_of.get(uuid, {}))))
        tables.drop(tables.history, uuid)
        self._log(rules.purge_line(record, at=at, by=by))
        lines = tables.changes[uuid]
        for seq, (line, _) in list(lines.items()):
            tables.set(lines, seq, (line, "{}"))

    def _insert(
        self, record: Record, text: str, *, taken: bool, at: datetime, beside: JsonObject, by: str | None
    ) -> Record:
        codec.check_integers(record.body, record.kind)
        self._check(record)
        if taken or record.revision is not None:
            raise StaleWrite(record.uuid)
        new = replace(record, revision=0, created=at, modified=at)
        self._keep(None, new, text)
        self._log(rules.change_of(None, new, {**rules.diff_of_new(record), **beside}, at=at, by=by))
        return new

    def tenants(self) -> Set[str]:
        return set(self._session.to_read().tenants)

    def _keep(self, old: Record | None, new: Record, text: str) -> None:
        tables = self._session.to_write()
        for field, value in rules.identifiers_of(new):
            if tables.identifiers.get((new.kind, field, value), new.uuid) != new.uuid:
                raise Duplicate(field, value)
        if old is not None:
            self._forget_identifiers(old)
        for field, value in rules.identifiers_of(new):
            tables.set(tables.identifiers, (new.kind, field, value), new.uuid)
        admin = codec.decode(codec.encode(dict(new.admin), new.kind))
        tables.set(tables.tenants, str(admin.get("tenant", "")), None)
        tables.set(tables.records, new.uuid, Stored(replace(new, body={}, admin=admin), text))

    def _forget_identifiers(self, record: Record) -> None:
        tables = self._session.to_write()
        for field, value in rules.identifiers_of(record):
            tables.drop(tables.identifiers, (record.kind, field, value))

    def _matching(self, kind: Kind, where: Mapping[str, str], *, after: str, hidden: bool) -> list[Stored]:
        rules.check_searchable(rules.spec_of(kind), where)
        records = self._session.to_read().records
        uuids = sorted(uuid for uuid in records if uuid > after and rules.kind_of(uuid) is kind)
        return [
            stored
            for stored in map(records.__getitem__, uuids)
            if (hidden or stored.record.visible) and _has(codec.decode(stored.text), where)
        ]

    def _log(self, change: Change | None) -> None:
        if change is None:
            return
        tables = self._session.to_write()
        lines = tables.changes.setdefault(change.uuid, {})
        tables.set(lines, len(lines) + 1, (replace(change, diff={}), codec.text_of(change.diff, "change")))


class MemoryLinks:
    """Implements ports.stores.Links."""

    def __init__(self, session: MemorySession) -> None:
        self._session = session

    def add(self, links: Iterable[Link]) -> int:
        tables = self._session.to_write()
        new = [link for link in dict.fromkeys(rules.check_links(links)) if not self._known(link)]
        for link in new:
            tables.set(tables.said_by.setdefault(link.source, {}), (link.relation, link.target), None)
            tables.set(tables.said_of.setdefault(link.target, {}), (link.relation, link.source), None)
        return len(new)

    def remove(self, links: Iterable[Link]) -> int:
        tables = self._session.to_write()
        there = [link for link in dict.fromkeys(links) if self._known(link)]
        for link in there:
            tables.drop(tables.said_by[link.source], (link.relation, link.target))
            tables.drop(tables.said_of[link.target], (link.relation, link.source))
        return len(there)

    def of(self, source: TypedUuid, relation: Relation | None = None) -> Sequence[Link]:
        said = sorted(self._session.to_read().said_by.get(source, {}))
        return [
            Link(source=source, relation=name, target=TypedUuid(target))
            for name, target in said
            if relation in (None, name)
        ]

    def to(
        self,
        target: TypedUuid,
        relation: Relation | None = None,
        *,
        kind: Kind | None = None,
        after: str | None = None,
        limit: int = 1000,
    ) -> Sequence[Link]:
        rules.check_cursor(after)
        prefixes = ("",) if kind is None else tuple(rules.prefixes_of(kind))
        found = (
            Link(source=TypedUuid(source), relation=name, target=target)
            for name, source in self._session.to_read().said_of.get(target, {})
            if relation in (None, name) and source > (after or "") and source.startswith(prefixes)
        )
        return rules.page_of_links(found, limit)

    def step(
        self, uuids: Iterable[TypedUuid], *, up: bool, relations: Collection[Relation] | None = None
    ) -> Sequence[Link]:
        tables = self._session.to_read()
        said = tables.said_by if up else tables.said_of
        return rules.ordered_links(
            Link(source=near if up else TypedUuid(far), relation=name, target=TypedUuid(far) if up else near)
            for near in set(uuids)
            for name, far in said.get(near, {})
            if relations is None or name in relations
        )

    def _known(self, link: Link) -> bool:
        said = self._session.to_read().said_by.get(link.source, {})
        return (link.relation, link.target) in said


def _fresh(stored: Stored) -> Record:
    """Return a record of its own, so that what a caller does to it stays with the caller."""
    return replace(stored.record, body=codec.decode(stored.text), admin=dict(stored.record.admin))


def _has(body: Mapping[str, object], where: Mapping[str, str]) -> bool:
    return all(body.get(name) == value for name, value in where.items())
