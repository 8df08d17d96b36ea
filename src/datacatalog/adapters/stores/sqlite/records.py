"""Records and their update log in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.sqlite.schema import RECORD_COLUMNS, field_column, quoted
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import Duplicate, StaleWrite, UnknownRecord
from datacatalog.domain.kinds import SPECS, Kind, KindSpec, TypedUuid
from datacatalog.domain.records import Change, Record
from datacatalog.ports.stores import Glance, Page


class _Statements:
    """The SQL of one collection."""

    def __init__(self, spec: KindSpec) -> None:
        self.spec = spec
        self.table = quoted(spec.collection)
        self.fields = tuple(field_column(field) for field in spec.kept)
        columns = (*RECORD_COLUMNS, *self.fields)
        self.select = f"SELECT rowid, uuid, {', '.join(columns)} FROM {self.table}"  # noqa: S608
        self.get = f"{self.select} WHERE uuid = ?"
        marks = ", ".join("?" * (len(columns) + 1))
        self.insert = f"INSERT INTO {self.table} (uuid, {', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        self.update = cache(self._update)

    def _update(self, columns: tuple[str, ...]) -> str:
        sets = ", ".join(f"{column} = ?" for column in columns)
        return f"UPDATE {self.table} SET {sets} WHERE rowid = ?"  # noqa: S608

    def filter(self, where: Mapping[str, str]) -> str:
        return "".join(f" AND {field_column(name)} = ?" for name in where)


_STATEMENTS = {kind: _Statements(spec) for kind, spec in SPECS.items()}


@dataclass(slots=True)
class _Row:
    """A record as it lies in its table; never changed (freezing it would double what it costs)."""

    rowid: int
    record: Record
    text: str
    fields: tuple[str | None, ...]


class SqliteRecords:
    """Implements ports.stores.Records."""

    __slots__ = ("_check", "_rows", "_session")

    def __init__(self, session: Session, check: CheckRecord) -> None:
        self._session = session
        self._check = check
        self._rows: dict[str, _Row] = {}

    # ------------------------------------------------------------------------------------ reading

    def get(self, uuid: TypedUuid) -> Record:
        row = self._row(uuid)
        if row is None:
            raise UnknownRecord(uuid, rules.kind_of(uuid) or "record")
        return row.record

    def find(self, uuid: TypedUuid) -> Record | None:
        row = self._row(uuid)
        return None if row is None else row.record

    def find_many(self, uuids: Iterable[TypedUuid]) -> Mapping[TypedUuid, Record]:
        found = ((uuid, self.find(uuid)) for uuid in uuids)
        return {uuid: record for uuid, record in found if record is not None}

    def identified(self, kind: Kind, field: str, value: str) -> Record | None:
        spec = rules.spec_of(kind)
        rules.check_identifier(spec, field)
        sql = f"{_STATEMENTS[kind].select} WHERE {field_column(field)} = ?"
        found = self._session.read(sql, (value,)).fetchone()
        return None if found is None else self._keep(_row_of(kind, found)).record

    def page(
        self,
        kind: Kind,
        where: Mapping[str, str] | None = None,
        *,
        after: str | None = None,
        limit: int = 100,
        hidden: bool = False,
    ) -> Page:
        where = where or {}
        rules.check_searchable(rules.spec_of(kind), where)
        statements = _STATEMENTS[kind]
        visible = "" if hidden else " AND visible = 1"
        sql = f"{statements.select} WHERE uuid > ?{visible}{statements.filter(where)} ORDER BY uuid LIMIT ?"
        values = (after or "", *where.values(), limit + 1)
        rows = self._session.read(sql, values).fetchall()
        records = [_row_of(kind, row).record for row in rows[:limit]]
        return Page(records=records, next=records[-1].uuid if len(rows) > limit and records else None)

    def between(
        self, kind: Kind, field: str, low: str, high: str, *, limit: int = 1000, hidden: bool = False
    ) -> Sequence[Record]:
        rules.check_searchable(rules.spec_of(kind), {field: low})
        column = field_column(field)
        visible = "" if hidden else " AND visible = 1"
        sql = (
            f"{_STATEMENTS[kind].select} WHERE {column} >= ? AND {column} < ?{visible}"
            f" ORDER BY {column}, uuid LIMIT ?"
        )
        return [_row_of(kind, row).record for row in self._session.read(sql, (low, high, limit)).fetchall()]

    def glance(
        self,
        kind: Kind,
        fields: Sequence[str],
        low: str,
        high: str,
        *,
        field: str = "name",
        limit: int = 1000,
    ) -> Sequence[Glance]:
        spec = rules.spec_of(kind)
        rules.check_searchable(spec, {field: low})
        rules.check_kept(spec, fields)
        columns = "".join(f", {field_column(name)}" for name in fields)
        order = field_column(field)
        sql = (
            f"SELECT uuid, revision, visible{columns} FROM {_STATEMENTS[kind].table}"  # noqa: S608
            f" WHERE {order} >= ? AND {order} < ? ORDER BY {order}, uuid LIMIT ?"
        )
        return [
            Glance(uuid, revision, visible == 1, tuple(values))
            for uuid, revision, visible, *values in self._session.read(sql, (low, high, limit)).fetchall()
        ]

    def count(self, kind: Kind, where: Mapping[str, str] | None = None) -> int:
        where = where or {}
        rules.check_searchable(rules.spec_of(kind), where)
        statements = _STATEMENTS[kind]
        count = f"SELECT count(*) FROM {statements.table}"  # noqa: S608
        if where:
            sql = f"{count} WHERE visible = 1{statements.filter(where)}"
        else:
            # All but the hidden ones: both counts stay within a narrow index.
            sql = f"SELECT ({count}) - ({count} WHERE visible = 0)"
        [found] = self._session.read(sql, tuple(where.values())).fetchone()
        return int(found)

    def changes(self, uuid: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, Change]]:
        rows = self._session.read(
            "SELECT seq, date, action, revision, diff, admin FROM changes WHERE uuid = ? AND seq > ?"
            " ORDER BY seq LIMIT ?",
            (uuid, after, limit),
        ).fetchall()
        return [
            (
                seq,
                Change(
                    uuid=uuid,
                    date=codec.instant(date),
                    action=action,
                    revision=revision,
                    diff=codec.decode(diff),
                    admin=codec.decode(admin),
                ),
            )
            for seq, date, action, revision, diff, admin in rows
        ]

    # ------------------------------------------------------------------------------------ writing

    def put(
        self,
        record: Record,
        *,
        at: datetime,
        beside: JsonObject | None = None,
        by: str | None = None,
        action: str | None = None,
    ) -> Record:
        rules.check_kind(record)
        text = codec.text_of(record.body, record.kind)
        if record.revision is None:
            return self._insert(record, text, at, beside or {}, by)
        return self._replace(record, text, at, beside or {}, by, action)

    def put_many(self, records: Iterable[Record], *, at: datetime) -> Sequence[Record]:
        return [self.put(record, at=at) for record in records]

    def purge(self, uuid: TypedUuid, *, at: datetime, by: str | None = None) -> None:
        row = self._row(uuid)
        if row is None:
            raise UnknownRecord(uuid, rules.kind_of(uuid) or "record")
        table = _STATEMENTS[row.record.kind].table
        self._session.write(f"DELETE FROM {table} WHERE rowid = ?", (row.rowid,))  # noqa: S608
        self._session.write("DELETE FROM links WHERE source = ?", (uuid,))
        self._session.write("DELETE FROM links WHERE target = ?", (uuid,))
        self._session.write("DELETE FROM history WHERE job = ?", (uuid,))
        del self._rows[uuid]
        self._log(rules.purge_line(row.record, at=at, by=by))

    def _insert(self, record: Record, text: str, at: datetime, beside: JsonObject, by: str | None) -> Record:
        codec.check_integers(record.body, record.kind)
        self._check(record)
        statements = _STATEMENTS[record.kind]
        fields = rules.kept_values(statements.spec, record.body)
        moment = codec.micros(at)
        admin = codec.encode(dict(record.admin), record.kind)
        values = (record.uuid, 0, record.visible, record.salt, admin, moment, moment, text, *fields)
        try:
            rowid = self._session.write(statements.insert, values).lastrowid or 0
        except sqlite3.IntegrityError as error:
            raise self._taken(record, fields, insert=True) from error
        stored = replace(record, revision=0, created=at, modified=at)
        self._rows[record.uuid] = _Row(rowid, stored, text, fields)
        diff = {**rules.diff_of_new(record), **beside}
        self._log(rules.change_of(None, stored, diff, at=at, by=by))
        return stored

    def _replace(
        self,
        record: Record,
        text: str,
        at: datetime,
        beside: JsonObject,
        by: str | None,
        action: str | None,
    ) -> Record:
        row = self._row(record.uuid)
        if row is None or row.record.revision != record.revision:
            self._check(record)
            raise StaleWrite(record.uuid)
        old = row.record
        diff = rules.diff_for_log(old, row.text, record, text)
        if diff is None and not beside and rules.same_outside(old, record):
            return old
        self._check(record)
        fields = rules.kept_values(SPECS[record.kind], record.body)
        stored = Record(
            kind=record.kind,
            uuid=record.uuid,
            body=record.body,
            salt=record.salt,
            admin=record.admin,
            revision=old.revision + 1,  # type: ignore[operator]
            visible=record.visible,
            created=old.created,
            modified=at,
        )
        self._write(row, stored, text, fields)
        self._rows[record.uuid] = _Row(row.rowid, stored, text, fields)
        self._log(rules.change_of(old, stored, {**(diff or {}), **beside}, at=at, by=by, action=action))
        return stored

    def _write(self, row: _Row, stored: Record, text: str, fields: tuple[str | None, ...]) -> None:
        """Set the columns that differ, so that only their indexes are touched."""
        statements = _STATEMENTS[stored.kind]
        old = row.record
        changed: dict[str, Any] = {
            "revision": stored.revision,
            "modified": codec.micros(stored.modified),  # type: ignore[arg-type]
            "body": text,
        }
        if fields != row.fields:
            pairs = zip(statements.fields, row.fields, fields, strict=True)
            changed.update((column, new) for column, was, new in pairs if was != new)
        if not rules.same_outside(old, stored):
            changed["visible"] = stored.visible
            changed["salt"] = stored.salt
            changed["admin"] = codec.encode(dict(stored.admin), stored.kind)
        try:
            self._session.write(statements.update(tuple(changed)), (*changed.values(), row.rowid))
        except sqlite3.IntegrityError as error:
            raise self._taken(stored, fields, insert=False) from error

    def _taken(
        self, record: Record, fields: tuple[str | None, ...], *, insert: bool
    ) -> StaleWrite | Duplicate:
        """Find out what a record collided with."""
        if insert and self._row(record.uuid) is not None:
            return StaleWrite(record.uuid)
        spec = SPECS[record.kind]
        for field, value in zip(spec.identifiers, fields, strict=False):
            if value is None:
                continue
            other = self.identified(record.kind, field, value)
            if other is not None and other.uuid != record.uuid:
                return Duplicate(field, value)
        raise AssertionError(f"{record.uuid} collides with nothing")

    def _log(self, change: Change | None) -> None:
        if change is None:
            return
        self._session.write(
            "INSERT INTO changes (uuid, seq, date, action, revision, diff, admin)"
            " VALUES (?, (SELECT coalesce(max(seq), 0) + 1 FROM changes WHERE uuid = ?), ?, ?, ?, ?, ?)",
            (
                change.uuid,
                change.uuid,
                codec.micros(change.date),
                change.action,
                change.revision,
                codec.text_of(change.diff, "change"),
                codec.text_of(dict(change.admin), "change"),
            ),
        )

    # --------------------------------------------------------------------------------------- rows

    def _row(self, uuid: TypedUuid) -> _Row | None:
        """Return what is stored; what this work has read or written before is not read again."""
        row = self._rows.get(uuid)
        if row is not None:
            return row
        kind = rules.kind_of(uuid)
        if kind is None:
            return None
        found = self._session.read(_STATEMENTS[kind].get, (uuid,)).fetchone()
        return None if found is None else self._keep(_row_of(kind, found))

    def _keep(self, row: _Row) -> _Row:
        self._rows[row.record.uuid] = row
        return row


def _row_of(kind: Kind, found: tuple[Any, ...]) -> _Row:
    rowid, uuid, revision, visible, salt, admin, created, modified, text, *fields = found
    record = Record(
        kind=kind,
        uuid=uuid,
        body=codec.decode(text),
        salt=salt,
        admin=dict(_admin(admin)),
        revision=revision,
        visible=visible == 1,
        created=codec.instant(created),
        modified=codec.instant(modified),
    )
    return _Row(rowid, record, text, tuple(fields))


@lru_cache(maxsize=1024)
def _admin(text: str) -> Mapping[str, str]:
    """Few owners stand in very many records."""
    admin: Mapping[str, str] = codec.decode(text)
    return admin
