"""Inserting many records with few statements.

A statement holds many rows, so that SQLite works on them without asking Python for each, and other threads run meanwhile.
Rows that collide with something are passed over; that is found out by counting, so nothing is looked up beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.sqlite import keys
from datacatalog.adapters.stores.sqlite.chunks import ROW_SIZES, repeated
from datacatalog.adapters.stores.sqlite.rows import STATEMENTS, values_of
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.errors import DatacatalogError
from datacatalog.domain.kinds import Kind
from datacatalog.domain.records import Link, Record

MUCH = 1000
"""So many records are worth a larger cache."""

_LINKS = repeated("INSERT OR IGNORE INTO links (source, relation, target) VALUES", "(?, ?, ?)")

LinkRow = tuple[bytes, int, bytes]


class NewRows:
    """What is to be inserted into the table of one kind.

    Attributes:
        values: of the rows, one after the other, in the order of `Statements.columns`; owners and moments are filled in
            when they are written.
        admins: the owner of each as JSON.
    """

    __slots__ = ("admins", "records", "statements", "values")

    def __init__(self, kind: Kind) -> None:
        self.statements = STATEMENTS[kind]
        self.records: list[Record] = []
        self.admins: list[str] = []
        self.values: list[Any] = []

    def add(self, record: Record, text: str, admin: str) -> None:
        """Add a record that was checked; `text` is its body, `admin` its owner as JSON."""
        self.records.append(record)
        self.admins.append(admin)
        self.values += values_of(record, 0, 0, text, self.statements.fields_of(record))

    def fill_in(self, numbers: Mapping[str, int], moment: int) -> None:
        """Set the owners' numbers, and the moment at which the records are made [microseconds]."""
        width, column = len(self.statements.columns), self.statements.columns.index
        self.values[column("admin") :: width] = [numbers[admin] for admin in self.admins]
        for name in ("created", "modified"):
            self.values[column(name) :: width] = [moment] * len(self.records)


@dataclass(frozen=True, slots=True)
class SqlitePrepared:
    """Implements ports.stores.Prepared."""

    rows: Mapping[Kind, NewRows]
    links: Sequence[LinkRow]

    @property
    def count(self) -> int:
        return sum(len(rows.records) for rows in self.rows.values())


def prepare(records: Iterable[Record], links: Iterable[Link], check: CheckRecord) -> SqlitePrepared:
    """Check and encode new records and links.

    Raises:
        InvalidRecord, InvalidLink.
    """
    kinds: dict[Kind, NewRows] = {}
    kind, rows = None, NewRows(Kind.FILE)
    owner: Mapping[str, str] | None = None
    admin = ""
    for record in records:
        text = rules.text_of_new(record, check)
        if record.kind is not kind:
            kind, rows = record.kind, kinds.setdefault(record.kind, NewRows(record.kind))
        if record.admin is not owner:
            owner, admin = record.admin, codec.encode(dict(record.admin), record.kind)
        rows.add(record, text, admin)
    return SqlitePrepared(kinds, sorted(link_rows(rules.check_links(links))))


def link_rows(links: Iterable[Link]) -> list[LinkRow]:
    """Return the rows of links between what are UUIDs."""
    packed = keys.packed_checked
    rows = []
    relation, number = None, 0
    for link in links:
        if link.relation is not relation:
            relation, number = link.relation, keys.NUMBERS[link.relation]
        rows.append((packed(link.source), number, packed(link.target)))
    return rows


def insert_links(session: Session, rows: Sequence[LinkRow]) -> int:
    """Insert links that are not there yet; return how many were new."""
    return insert(session, _LINKS, list(chain.from_iterable(rows)), width=3)


def insert_all(session: Session, prepared: SqlitePrepared) -> Kind | None:
    """Insert all records, or none.

    Returns:
        A kind of which something collided: nothing was inserted then. None: all is well.
    """
    if prepared.count >= MUCH:
        session.make_room()
    marks: list[tuple[str, int]] = []
    try:
        for kind, rows in prepared.rows.items():
            statements = rows.statements
            [last] = session.read(f"SELECT coalesce(max(rowid), 0) FROM {statements.table}").fetchone()  # noqa: S608
            marks.append((statements.table, last))
            width = len(statements.columns)
            if insert(session, statements.bulk, rows.values, width=width) != len(rows.records):
                _take_back(session, marks)
                return kind
    except DatacatalogError:
        _take_back(session, marks)
        raise
    return None


def insert(session: Session, sql: Mapping[int, str], values: Sequence[Any], *, width: int) -> int:
    """Insert rows of `width` values each, given one after the other; return how many were new."""
    start = written = 0
    for size in ROW_SIZES:
        step = size * width
        while start + step <= len(values):
            written += session.write(sql[size], tuple(values[start : start + step])).rowcount
            start += step
    return written


def _take_back(session: Session, marks: Sequence[tuple[str, int]]) -> None:
    """Remove what was inserted: rows are numbered upwards, and nothing else writes meanwhile."""
    for table, last in marks:
        session.write(f"DELETE FROM {table} WHERE rowid > ?", (last,))  # noqa: S608
