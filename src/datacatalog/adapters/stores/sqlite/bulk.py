"""Inserting many records with few statements.

A statement holds many rows, so that SQLite works on them without asking Python for each, and other threads run meanwhile.
Rows that collide with something are passed over; that is found out by counting, so nothing is looked up beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datacatalog.adapters.stores.sqlite.chunks import ROW_SIZES
from datacatalog.adapters.stores.sqlite.rows import STATEMENTS, values_of
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.errors import DatacatalogError
from datacatalog.domain.kinds import Kind
from datacatalog.domain.records import Record

MUCH = 1000


class NewRows:
    """What is to be inserted into the table of one kind.

    Attributes:
        values: of the rows, one after the other, in the order of `Statements.columns`.
    """

    __slots__ = ("_statements", "kind", "records", "values")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.records: list[Record] = []
        self.values: list[Any] = []
        self._statements = STATEMENTS[kind]

    def add(self, record: Record, owner: int, moment: int, text: str) -> None:
        """See `rows.values_of`."""
        self.records.append(record)
        self.values += values_of(record, owner, moment, text, self._statements.fields_of(record))


def insert_all(session: Session, new: Mapping[Kind, NewRows]) -> Kind | None:
    """Insert all rows, or none.

    Returns:
        A kind of which something collided: nothing was inserted then. None: all is well.
    """
    if sum(len(rows.records) for rows in new.values()) >= MUCH:
        session.make_room()
    marks: list[tuple[str, int]] = []
    try:
        for kind, rows in new.items():
            statements = STATEMENTS[kind]
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
