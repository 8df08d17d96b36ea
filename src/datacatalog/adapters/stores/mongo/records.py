"""Writing records, and their update log, in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.mongo import documents, marking
from datacatalog.adapters.stores.mongo.documents import Targets
from datacatalog.adapters.stores.mongo.history import MongoHistory
from datacatalog.adapters.stores.mongo.layout import COLLECTION_OF, TENANTS, UUID
from datacatalog.adapters.stores.mongo.links import MongoLinks
from datacatalog.adapters.stores.mongo.prepared import MongoPrepared, prepare
from datacatalog.adapters.stores.mongo.reading import RecordReading
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import DatacatalogError, Duplicate, StaleWrite, UnknownRecord
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Record

_AT_ONCE = 1000

Taken = set[tuple[Kind, str, str]]
"""Identifiers: (kind, field, value)."""


class MongoRecords(RecordReading):
    """Implements ports.stores.Records."""

    __slots__ = ()

    def put(
        self,
        record: Record,
        *,
        at: datetime,
        beside: JsonObject | None = None,
        by: str | None = None,
        action: str | None = None,
    ) -> Record:
        self._view.writing()
        if record.revision is None:
            return self._insert(record, at, beside or {}, by)
        return self._replace(record, at, beside or {}, by, action)

    def put_many(self, records: Iterable[Record], *, at: datetime) -> None:
        self._view.writing()
        new: list[Record] = []
        changed: list[Record] = []
        for record in records:
            (new if record.revision is None else changed).append(record)
        prepared = prepare(new, (), (), self._surroundings.check)
        self._shelf.many(record.uuid for record in changed)
        try:
            with self._view.all_or_nothing():
                self.insert(prepared, at=at)
                for record in changed:
                    self._replace(record, at, {}, None, None)
        except DatacatalogError:
            self._shelf.forget()
            raise

    def insert(self, prepared: MongoPrepared, *, at: datetime) -> None:
        """Insert what was checked, all or none of it, and what the new records say.  Raises StaleWrite, Duplicate."""
        self._view.writing()
        self._check_free(prepared.records)
        for record in prepared.records:
            self._write(
                replace(record, revision=0, created=at, modified=at), prepared.said.get(record.uuid, {})
            )

    def purge(self, uuid: TypedUuid, *, at: datetime, by: str | None = None) -> None:
        self._view.writing()
        record = self.find(uuid)
        if record is None:
            raise UnknownRecord(uuid, rules.kind_of(uuid) or "record")
        MongoLinks(self._shelf).forget(uuid)
        self._shelf.drop(record.kind, uuid, touched=marking.of_record(None, record))
        MongoHistory(self._view).forget(uuid)
        self._updates.purged(record, rules.purge_line(record, at=at, by=by))

    def _insert(self, record: Record, at: datetime, beside: JsonObject, by: str | None) -> Record:
        rules.text_of_new(record, self._surroundings.check)
        if self.find(record.uuid) is not None:
            raise StaleWrite(record.uuid)
        self._check_identifiers(record, None)
        stored = replace(record, revision=0, created=at, modified=at)
        self._write(stored, {})
        if beside or by is not None:
            # All else that the log says of it, the record tells.
            diff = {**rules.diff_of_new(record), **beside}
            self._updates.created(rules.change_of(None, stored, diff, at=at, by=by))
        return stored

    def _replace(
        self, record: Record, at: datetime, beside: JsonObject, by: str | None, action: str | None
    ) -> Record:
        rules.check_kind(record)
        text = codec.text_of(record.body, record.kind)
        old = self.find(record.uuid)
        if old is None or old.revision != record.revision:
            codec.check_integers(record.body, record.kind)
            self._surroundings.check(record)
            raise StaleWrite(record.uuid)
        diff = rules.diff_for_log(codec.text_of(old.body, old.kind), record, text)
        if diff is None and not beside and rules.same_outside(old, record):
            return old
        self._surroundings.check(record)
        self._check_identifiers(record, old)
        stored = replace(record, revision=1 + (old.revision or 0), created=old.created, modified=at)
        change = rules.change_of(old, stored, {**(diff or {}), **beside}, at=at, by=by, action=action)
        self._write(stored, {}, old)
        if change is not None:
            self._updates.changed(old, change)
        return stored

    def _write(self, stored: Record, said: Targets, old: Record | None = None) -> None:
        """Write a record, with what its UUID says already and what it says besides."""
        known = self._shelf.get(stored.uuid)
        targets = documents.targets_of(known)
        touched = marking.of_record(stored, old) | marking.of_links(said)
        for relation, others in said.items():
            targets.setdefault(relation, set()).update(others)
        admin = codec.encode(dict(stored.admin), stored.kind)
        documents.check_texts(stored.salt)
        document = documents.of_record(stored, targets, known=known)
        self._shelf.put(stored.kind, document, touched=touched)
        if old is None or old.admin != stored.admin:
            self._note_tenant(str(codec.decode(admin).get("tenant", "")))

    def _note_tenant(self, tenant: str) -> None:
        if tenant in self._surroundings.tenants:
            return
        key = documents.key(tenant)
        if self._view.get(TENANTS, key, seen=marking.tenant(tenant)) is None:
            touched = [marking.tenant(tenant), marking.TENANTS]
            self._view.put(TENANTS, key, {"tenant": tenant}, touched=touched)

    # --------------------------------------------------------------------------- what is taken already

    def _check_identifiers(self, record: Record, old: Record | None) -> None:
        """Raises Duplicate: what identifies a record identifies another one."""
        mine = [] if old is None else rules.identifiers_of(old)
        for field, value in rules.identifiers_of(record):
            if (field, value) not in mine:
                other = self.identified(record.kind, field, value)
                if other is not None and other.uuid != record.uuid:
                    raise Duplicate(field, value)

    def _check_free(self, records: Iterable[Record]) -> None:
        """Make sure that new records can be inserted together.

        Raises:
            StaleWrite, Duplicate: one collides, with what is stored or with one before it.
        """
        some = list(records)
        there = self.find_many(record.uuid for record in some)
        taken = self._taken(some)
        seen: set[str] = set()
        for record in some:
            if record.uuid in seen or record.uuid in there:
                raise StaleWrite(record.uuid)
            seen.add(record.uuid)
            for field, value in rules.identifiers_of(record):
                if (record.kind, field, value) in taken:
                    raise Duplicate(field, value)
                taken.add((record.kind, field, value))

    def _taken(self, records: Iterable[Record]) -> Taken:
        """Return which of the identifiers of new records are there already."""
        asked: dict[tuple[Kind, str], list[str]] = {}
        for record in records:
            for field, value in rules.identifiers_of(record):
                asked.setdefault((record.kind, field), []).append(value)
        taken: Taken = set()
        for (kind, field), values in asked.items():
            for start in range(0, len(values), _AT_ONCE):
                some = values[start : start + _AT_ONCE]
                found = self._view.find(
                    COLLECTION_OF[kind],
                    {field: {"$in": some}},
                    sort=[(UUID, 1)],
                    fields=[field],
                    seen=[marking.value(kind, field, value) for value in some],
                )
                taken.update((kind, field, each[field]) for each in found)
        return taken
