"""Writing records, and their update log, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Set
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.sqlite import bulk, keys
from datacatalog.adapters.stores.sqlite.reading import RecordReading
from datacatalog.adapters.stores.sqlite.rows import STATEMENTS, Row, values_of
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import Duplicate, StaleWrite, UnknownRecord
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.records import Record


class SqliteRecords(RecordReading):
    """Implements ports.stores.Records."""

    __slots__ = ("_admins", "_check", "_tenants")

    def __init__(self, session: Session, check: CheckRecord) -> None:
        super().__init__(session)
        self._check = check
        self._admins: dict[str, int] = {}
        self._tenants: Set[str] | None = None

    def put(
        self,
        record: Record,
        *,
        at: datetime,
        beside: JsonObject | None = None,
        by: str | None = None,
        action: str | None = None,
    ) -> Record:
        if record.revision is None:
            return self._insert(record, at, beside or {}, by)
        return self._replace(record, at, beside or {}, by, action)

    def put_many(self, records: Iterable[Record], *, at: datetime) -> None:
        new: list[Record] = []
        changed: list[Record] = []
        for record in records:
            (new if record.revision is None else changed).append(record)
        prepared = bulk.prepare(new, (), self._check)
        if not changed:
            self.insert(prepared, at=at)
            return
        self.find_many(record.uuid for record in changed)
        try:
            with self._session.all_or_nothing():
                self.insert(prepared, at=at)
                for record in changed:
                    self._replace(record, at, {}, None, None)
        except BaseException:
            self._rows.clear()
            self._admins.clear()
            self._tenants = None
            raise

    def insert(self, prepared: bulk.SqlitePrepared, *, at: datetime) -> None:
        """Insert what was checked, all or none of it.  Raises StaleWrite, Duplicate."""
        for rows in prepared.rows.values():
            numbers = {admin: self._admin_number(admin) for admin in set(rows.admins)}
            rows.fill_in(numbers, codec.micros(at))
        collided = bulk.insert_all(self._session, prepared)
        if collided is not None:
            raise self._first_taken(prepared.rows[collided].records())

    def purge(self, uuid: TypedUuid, *, at: datetime, by: str | None = None) -> None:
        row = self._row(uuid)
        if row is None:
            raise UnknownRecord(uuid, rules.kind_of(uuid) or "record")
        table, key = STATEMENTS[row.record.kind].table, keys.packed(uuid)
        self._session.write(f"DELETE FROM {table} WHERE uuid = ?", (key,))  # noqa: S608
        self._session.write("DELETE FROM links WHERE source = ?", (key,))
        self._session.write("DELETE FROM links WHERE target = ?", (key,))
        self._session.write("DELETE FROM history WHERE job = ?", (key,))
        del self._rows[uuid]
        self._changes.purged(row.record, rules.purge_line(row.record, at=at, by=by))

    def _insert(self, record: Record, at: datetime, beside: JsonObject, by: str | None) -> Record:
        text = rules.text_of_new(record, self._check)
        statements = STATEMENTS[record.kind]
        fields = statements.fields_of(record)
        owner = self._admin_number(codec.encode(dict(record.admin), record.kind))
        values = values_of(record, owner, codec.micros(at), text, fields)
        try:
            self._session.write(statements.insert, values)
        except sqlite3.IntegrityError as error:
            raise self._taken(record, insert=True) from error
        stored = replace(record, revision=0, created=at, modified=at)
        self._rows[record.uuid] = Row(stored, text, fields)
        if beside or by is not None:
            # All else that the log says of it, the record tells.
            diff = {**rules.diff_of_new(record), **beside}
            self._changes.created(rules.change_of(None, stored, diff, at=at, by=by))
        return stored

    def tenants(self) -> Set[str]:
        if self._tenants is None:
            owners = self._session.read("SELECT text FROM admins").fetchall()
            self._tenants = {_tenant_in(text) for [text] in owners}
        return self._tenants

    def _admin_number(self, text: str) -> int:
        """Return the number of an owner; a new one gets one."""
        number = self._admins.get(text)
        if number is None:
            found = self._session.read("SELECT id FROM admins WHERE text = ?", (text,)).fetchone()
            if found is None:
                self._tenants = None
                added = self._session.write("INSERT INTO admins (text) VALUES (?)", (text,))
                found = (added.lastrowid or 0,)
            number = self._admins[text] = int(found[0])
        return number

    def _replace(
        self,
        record: Record,
        at: datetime,
        beside: JsonObject,
        by: str | None,
        action: str | None,
    ) -> Record:
        rules.check_kind(record)
        text = codec.text_of(record.body, record.kind)
        row = self._row(record.uuid)
        if row is None or row.record.revision != record.revision:
            self._check(record)
            raise StaleWrite(record.uuid)
        old = row.record
        diff = rules.diff_for_log(row.text, record, text)
        if diff is None and not beside and rules.same_outside(old, record):
            return old
        self._check(record)
        fields = STATEMENTS[record.kind].fields_of(record)
        stored = Record(
            kind=record.kind,
            uuid=record.uuid,
            body=record.body,
            salt=record.salt,
            admin=record.admin,
            revision=1 + (old.revision or 0),
            visible=record.visible,
            created=old.created,
            modified=at,
        )
        self._write(row, stored, text, fields)
        self._rows[record.uuid] = Row(stored, text, fields)
        change = rules.change_of(old, stored, {**(diff or {}), **beside}, at=at, by=by, action=action)
        if change is not None:
            # From its text: whoever read the record may have changed its body in place.
            self._changes.changed(replace(old, body=codec.decode(row.text)), change)
        return stored

    def _write(self, row: Row, stored: Record, text: str, fields: tuple[str | None, ...]) -> None:
        """Set the columns that differ, so that only their indexes are touched."""
        statements = STATEMENTS[stored.kind]
        old = row.record
        changed: dict[str, Any] = {
            "revision": stored.revision,
            "modified": codec.micros_or_none(stored.modified),
            "body": text,
        }
        if fields != row.fields:
            pairs = zip(statements.fields, row.fields, fields, strict=True)
            changed.update((column, new) for column, was, new in pairs if was != new)
        if not rules.same_outside(old, stored):
            changed["visible"] = stored.visible
            changed["salt"] = stored.salt
            changed["admin"] = self._admin_number(codec.encode(dict(stored.admin), stored.kind))
        values = (*changed.values(), keys.packed(stored.uuid))
        try:
            self._session.write(statements.update(tuple(changed)), values)
        except sqlite3.IntegrityError as error:
            raise self._taken(stored, insert=False) from error

    def _taken(self, record: Record, *, insert: bool) -> StaleWrite | Duplicate:
        """Find out what a record collided with."""
        if insert and self._row(record.uuid) is not None:
            return StaleWrite(record.uuid)
        for field, value in rules.identifiers_of(record):
            other = self.identified(record.kind, field, value)
            if other is not None and other.uuid != record.uuid:
                return Duplicate(field, value)
        raise AssertionError(f"{record.uuid} collides with nothing")

    def _first_taken(self, records: Iterable[Record]) -> StaleWrite | Duplicate:
        """Find out which of some new records collides, with what is stored or with one before it."""
        seen: set[tuple[str, str]] = set()
        for record in records:
            mine = rules.identifiers_of(record)
            if ("uuid", record.uuid) in seen or self._row(record.uuid) is not None:
                return StaleWrite(record.uuid)
            for field, value in mine:
                if (field, value) in seen or self.identified(record.kind, field, value) is not None:
                    return Duplicate(field, value)
            seen.update(mine, [("uuid", record.uuid)])
        raise AssertionError("new records collide with nothing")


@lru_cache(maxsize=10_000)
def _tenant_in(admin: str) -> str:
    return str(codec.decode(admin).get("tenant", ""))
