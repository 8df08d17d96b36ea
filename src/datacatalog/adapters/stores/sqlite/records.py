"""Records and their update log in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.sqlite import bulk, chunks, keys
from datacatalog.adapters.stores.sqlite.changes import SqliteChanges
from datacatalog.adapters.stores.sqlite.rows import STATEMENTS, Row, row_of, values_of
from datacatalog.adapters.stores.sqlite.schema import field_column
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import Duplicate, StaleWrite, UnknownRecord
from datacatalog.domain.kinds import SPECS, Kind, TypedUuid
from datacatalog.domain.records import Change, Record
from datacatalog.ports.stores import Glance, Page


class SqliteRecords:
    """Implements ports.stores.Records."""

    __slots__ = ("_admins", "_changes", "_check", "_rows", "_session")

    def __init__(self, session: Session, check: CheckRecord) -> None:
        self._session = session
        self._check = check
        self._changes = SqliteChanges(session)
        self._rows: dict[str, Row] = {}
        self._admins: dict[str, int] = {}

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
        wanted = dict.fromkeys(uuids)
        unread: dict[Kind, list[str]] = {}
        for uuid in wanted:
            if uuid not in self._rows and (kind := rules.kind_of(uuid)) is not None:
                unread.setdefault(kind, []).append(uuid)
        for kind, some in unread.items():
            self._read_many(kind, list(keys.packed_all(some)))
        return {uuid: self._rows[uuid].record for uuid in wanted if uuid in self._rows}

    def _read_many(self, kind: Kind, wanted: Sequence[bytes]) -> None:
        for marks, values in chunks.lists(wanted):
            sql = f"{STATEMENTS[kind].select} WHERE uuid IN ({marks})"
            for row in self._session.read(sql, values).fetchall():
                self._keep(row_of(kind, row))

    def visible(self, uuids: Iterable[TypedUuid]) -> Set[TypedUuid]:
        wanted: dict[Kind, list[str]] = {}
        for uuid in uuids:
            if (kind := rules.kind_of(uuid)) is not None:
                wanted.setdefault(kind, []).append(uuid)
        found = set()
        for kind, some in wanted.items():
            known = keys.packed_all(some)
            for marks, values in chunks.lists(list(known)):
                sql = f"SELECT uuid FROM {STATEMENTS[kind].table} WHERE uuid IN ({marks}) AND visible = 1"  # noqa: S608
                found |= {TypedUuid(known[key]) for [key] in self._session.read(sql, values).fetchall()}
        return found

    def identified(self, kind: Kind, field: str, value: str) -> Record | None:
        spec = rules.spec_of(kind)
        rules.check_identifier(spec, field)
        sql = f"{STATEMENTS[kind].select} WHERE {field_column(field)} = ?"
        found = self._session.read(sql, (value,)).fetchone()
        return None if found is None else self._keep(row_of(kind, found)).record

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
        statements = STATEMENTS[kind]
        visible = "" if hidden else " AND visible = 1"
        sql = f"{statements.select} WHERE uuid > ?{visible}{statements.filter(where)} ORDER BY uuid LIMIT ?"
        values = (keys.packed_after(after), *where.values(), limit + 1)
        rows = self._session.read(sql, values).fetchall()
        records = [row_of(kind, row).record for row in rows[:limit]]
        return Page(records=records, next=records[-1].uuid if len(rows) > limit and records else None)

    def between(
        self, kind: Kind, field: str, low: str, high: str, *, limit: int = 1000, hidden: bool = False
    ) -> Sequence[Record]:
        rules.check_searchable(rules.spec_of(kind), {field: low})
        column = field_column(field)
        visible = "" if hidden else " AND visible = 1"
        sql = (
            f"{STATEMENTS[kind].select} WHERE {column} >= ? AND {column} < ?{visible}"
            f" ORDER BY {column}, uuid LIMIT ?"
        )
        return [row_of(kind, row).record for row in self._session.read(sql, (low, high, limit)).fetchall()]

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
            f"SELECT uuid, revision, visible{columns} FROM {STATEMENTS[kind].table}"  # noqa: S608
            f" WHERE {order} >= ? AND {order} < ? ORDER BY {order}, uuid LIMIT ?"
        )
        return [
            Glance(keys.text(key), revision, visible == 1, tuple(values))
            for key, revision, visible, *values in self._session.read(sql, (low, high, limit)).fetchall()
        ]

    def count(self, kind: Kind, where: Mapping[str, str] | None = None) -> int:
        where = where or {}
        rules.check_searchable(rules.spec_of(kind), where)
        statements = STATEMENTS[kind]
        count = f"SELECT count(*) FROM {statements.table}"  # noqa: S608
        if where:
            sql = f"{count} WHERE visible = 1{statements.filter(where)}"
        else:
            # All but the hidden ones: both counts stay within a narrow index.
            sql = f"SELECT ({count}) - ({count} WHERE visible = 0)"
        [found] = self._session.read(sql, tuple(where.values())).fetchone()
        return int(found)

    def changes(self, uuid: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, Change]]:
        return self._changes.page(uuid, self.find(uuid), after=after, limit=limit)

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
            raise

    def insert(self, prepared: bulk.SqlitePrepared, *, at: datetime) -> None:
        """Insert what was checked, all or none of it.  Raises StaleWrite, Duplicate."""
        for rows in prepared.rows.values():
            numbers = {admin: self._admin_number(admin) for admin in set(rows.admins)}
            rows.fill_in(numbers, codec.micros(at))
        collided = bulk.insert_all(self._session, prepared)
        if collided is not None:
            raise self._first_taken(prepared.rows[collided].records)

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
            raise self._taken(record, fields, insert=True) from error
        stored = replace(record, revision=0, created=at, modified=at)
        self._rows[record.uuid] = Row(stored, text, fields)
        if beside or by is not None:
            # All else that the log says of it, the record tells.
            diff = {**rules.diff_of_new(record), **beside}
            self._changes.created(rules.change_of(None, stored, diff, at=at, by=by))
        return stored

    def _admin_number(self, text: str) -> int:
        """Return the number of an owner; a new one gets one."""
        number = self._admins.get(text)
        if number is None:
            found = self._session.read("SELECT id FROM admins WHERE text = ?", (text,)).fetchone()
            if found is None:
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
            revision=old.revision + 1,  # type: ignore[operator]
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
            "modified": codec.micros(stored.modified),  # type: ignore[arg-type]
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

    def _first_taken(self, records: Sequence[Record]) -> StaleWrite | Duplicate:
        """Find out which of some new records collides, with what is stored or with one before it."""
        seen: set[tuple[str, str]] = set()
        for record in records:
            spec = SPECS[record.kind]
            fields = rules.kept_values(spec, record.body)
            mine = [
                (field, value)
                for field, value in zip(spec.identifiers, fields, strict=False)
                if value is not None
            ]
            if ("uuid", record.uuid) in seen or self._row(record.uuid) is not None:
                return StaleWrite(record.uuid)
            for field, value in mine:
                if (field, value) in seen or self.identified(record.kind, field, value) is not None:
                    return Duplicate(field, value)
            seen.update(mine, [("uuid", record.uuid)])
        raise AssertionError("new records collide with nothing")

    # --------------------------------------------------------------------------------------- rows

    def _row(self, uuid: TypedUuid) -> Row | None:
        """Return what is stored; what this work has read or written before is not read again."""
        row = self._rows.get(uuid)
        if row is not None:
            return row
        kind = rules.kind_of(uuid)
        if kind is None or not rules.is_uuid(uuid):
            return None
        found = self._session.read(STATEMENTS[kind].get, (keys.packed(uuid),)).fetchone()
        return None if found is None else self._keep(row_of(kind, found))

    def _keep(self, row: Row) -> Row:
        self._rows[row.record.uuid] = row
        return row
