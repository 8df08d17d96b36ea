"""Inserting many records with few statements.

A statement holds many rows, so that SQLite works on them without asking Python for each, and other threads run meanwhile.
Rows that collide with something are passed over; that is found out by counting, so nothing is looked up beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
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
from datacatalog.domain.series import Series

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

    __slots__ = ("_series", "_single", "admins", "statements", "values")

    def __init__(self, kind: Kind) -> None:
        self.statements = STATEMENTS[kind]
        self.admins: list[str] = []
        self.values: list[Any] = []
        self._single: list[Record] = []
        self._series: list[Series] = []

    def __len__(self) -> int:
        return len(self.admins)

    def records(self) -> Iterator[Record]:
        """Return the records that the rows are of."""
        return chain(self._single, *(series.records() for series in self._series))

    def add(self, record: Record, text: str, admin: str) -> None:
        """Add a record that was checked; `text` is its body, `admin` its owner as JSON."""
        self._single.append(record)
        self.admins.append(admin)
        self.values += values_of(record, 0, 0, text, self.statements.fields_of(record))

    def add_series(self, series: Series, keys_of: Sequence[bytes], texts: Iterable[str], admin: str) -> None:
        """Add records that were checked; `keys_of` are their UUIDs, `texts` their bodies, `admin` their owner as JSON."""
        self._series.append(series)
        self.admins += [admin] * len(series)
        first = series.record(0)
        row = values_of(first, 0, 0, "", self.statements.fields_of(first))
        columns: list[Iterable[Any]] = [repeat(value) for value in row]
        columns[0] = keys_of
        columns[self.statements.columns.index("body")] = texts
        offset = len(row) - len(self.statements.kept)
        for place, name in enumerate(self.statements.kept, start=offset):
            if name in series.fields and row[place] is not None:
                columns[place] = series.fields[name]
        self.values += chain.from_iterable(zip(*columns, strict=False))

    def fill_in(self, numbers: Mapping[str, int], moment: int) -> None:
        """Set the owners' numbers, and the moment at which the records are made [microseconds]."""
        width, column = len(self.statements.columns), self.statements.columns.index
        self.values[column("admin") :: width] = [numbers[admin] for admin in self.admins]
        for name in ("created", "modified"):
            self.values[column(name) :: width] = [moment] * len(self)


@dataclass(frozen=True, slots=True)
class SqlitePrepared:
    """Implements ports.stores.Prepared."""

    rows: Mapping[Kind, NewRows]
    links: Sequence[LinkRow]

    @property
    def count(self) -> int:
        return sum(map(len, self.rows.values()))


def prepare(
    records: Iterable[Record], links: Iterable[Link], check: CheckRecord, series: Iterable[Series] = ()
) -> SqlitePrepared:
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
    said = link_rows(rules.check_links(links))
    for each in series:
        if len(each):
            said += _add_series(each, kinds.setdefault(each.kind, NewRows(each.kind)), check)
    return SqlitePrepared(kinds, sorted(said))


def _add_series(series: Series, rows: NewRows, check: CheckRecord) -> list[LinkRow]:
    """Check and encode a series; return the rows of its links."""
    for index in {0, len(series) - 1}:
        rules.text_of_new(series.record(index), check)
    rules.check_links(islice(series.links(), len(series.targets)))
    packed = [keys.packed_checked(uuid) for uuid in series.uuids]
    admin = codec.encode(dict(series.admin), series.kind)
    rows.add_series(series, packed, codec.texts_of_series(series.fields, series.shared, series.kind), admin)
    return [
        (key, number, target)
        for relation, uuid in series.targets
        for number, target in [(keys.NUMBERS[relation], keys.packed_checked(uuid))]
        for key in packed
        if key != target
    ]


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
            if insert(session, statements.bulk, rows.values, width=width) != len(rows):
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
