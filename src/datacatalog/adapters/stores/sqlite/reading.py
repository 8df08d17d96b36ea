"""Finding and reading records in SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from datacatalog.adapters.stores import rules
from datacatalog.adapters.stores.sqlite import chunks, keys
from datacatalog.adapters.stores.sqlite.changes import SqliteChanges
from datacatalog.adapters.stores.sqlite.rows import STATEMENTS, Row, row_of
from datacatalog.adapters.stores.sqlite.schema import field_column
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.errors import UnknownRecord
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Change, Record
from datacatalog.ports.stores import Glance, Page


class RecordReading:
    """The reading half of ports.stores.Records; it remembers what it has read."""

    __slots__ = ("_changes", "_rows", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._changes = SqliteChanges(session)
        self._rows: dict[str, Row] = {}

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
        self, kind: Kind, fields: Sequence[str], low: str, high: str, *, limit: int = 1000
    ) -> Sequence[Glance]:
        spec = rules.spec_of(kind)
        rules.check_searchable(spec, {"name": low})
        rules.check_kept(spec, fields)
        columns = "".join(f", {field_column(name)}" for name in fields)
        order = field_column("name")
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
