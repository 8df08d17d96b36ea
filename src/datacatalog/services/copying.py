"""A whole ledger, copied from one store into another, and compared with it afterwards.

Rows are read from one state of the source and loaded in the order of their keys. Then the copy is read back; it is as good as the
original where every table has as many rows with the same SHA-256. A copy that is not finished carries a mark, so that only a copy
of the same source goes on with it, and `datacatalog db check` tells of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Protocol

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.errors import AlreadyExists, Conflict, UnequalCopy
from datacatalog.ports.stores import Store
from datacatalog.ports.stores.copying import KEYS, TABLES, Copyable, Snapshot

UNFINISHED = "db copy"
"""What the mark of an unfinished copy is called among the progress of long work."""


class Ledger(Store, Copyable, Protocol):
    """A store with all that copying needs."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What a table came to: how many rows, and the SHA-256 of them all in the order of their keys."""

    rows: int
    sha256: str


class _Summing:
    """Counts rows and hashes them as they go by."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()

    def add(self, row: JsonObject) -> None:
        self.rows += 1
        self._hash.update(f"{minified(row)}\n".encode())

    def sum(self) -> Sum:
        return Sum(self.rows, self._hash.hexdigest())


def copy_ledger(
    source: Ledger,
    target: Ledger,
    *,
    origin: str,
    resume: bool = False,
    told: Callable[[int], None] = lambda count: None,
) -> Mapping[str, Sum]:
    """Copy everything, and prove it.

    Args:
        origin: which ledger the source is; an unfinished copy of another one is not gone on with.
        resume: go on with a copy that was cut off.
        told: called with how many more rows were read.
    Returns:
        table -> what it came to, in both.
    Raises:
        AlreadyExists: the target is not empty, or not a copy of this source that was cut off.
        Conflict: the source itself is a copy that was cut off.
        UnequalCopy: what was read back is not what was written.
        StoreDown.
    """
    if unfinished(source) is not None:
        raise Conflict("the source is a copy that was cut off; go on with that one first")
    _check_target(target, origin, resume)
    _mark(target, origin)

    def run(snapshot: Snapshot) -> Mapping[str, Sum]:
        begun = sums_of(target) if resume else {}
        wanted = {table: _copy_table(table, snapshot, target, begun.get(table), told) for table in TABLES}
        found = sums_of(target)
        for table in TABLES:
            if found[table] != wanted[table]:
                raise _difference(table, snapshot, target)
        return found

    sums = source.snapshot(run)
    target.transact(lambda work: work.progress.drop(UNFINISHED))
    return sums


def unfinished(store: Store) -> str | None:
    """Return of which ledger a store is a copy that was cut off; None where it is none."""
    mark = store.read(lambda work: work.progress.get(UNFINISHED))
    return None if mark is None else str(mark["from"])


def sums_of(store: Copyable) -> Mapping[str, Sum]:
    """Return what every table comes to, in one state of a ledger."""

    def look(snapshot: Snapshot) -> Mapping[str, Sum]:
        return {table: _sum_of(_rows(snapshot, table)) for table in TABLES}

    return store.snapshot(look)


def _check_target(target: Ledger, origin: str, resume: bool) -> None:
    if target.is_empty():
        return
    begun = unfinished(target)
    if begun is None:
        raise AlreadyExists("the target is not empty; a ledger is copied into an empty store only")
    if not resume:
        raise AlreadyExists("the target holds a copy that was cut off; --resume goes on with it")
    if begun != origin:
        raise AlreadyExists(f"the target holds a copy of {begun} that was cut off, not of {origin}")


def _mark(target: Ledger, origin: str) -> None:
    target.load("progress", [{"task": UNFINISHED, "at": 0, "document": {"from": origin}}])


def _rows(snapshot: Snapshot, table: str) -> Iterator[JsonObject]:
    """Return the rows of a table without the mark."""
    rows = snapshot.rows(table)
    return rows if table != "progress" else (row for row in rows if row["task"] != UNFINISHED)


def _sum_of(rows: Iterable[JsonObject]) -> Sum:
    summing = _Summing()
    for row in rows:
        summing.add(row)
    return summing.sum()


def _copy_table(
    table: str, snapshot: Snapshot, target: Copyable, begun: Sum | None, told: Callable[[int], None]
) -> Sum:
    """Load a table, but for the rows that it begins with in the target already; return what it is to come to."""
    summing = _Summing()

    def rows() -> Iterator[JsonObject]:
        for row in source:
            summing.add(row)
            told(1)
            yield row

    source = _rows(snapshot, table)
    if begun is not None and begun.rows:
        there = islice(rows(), begun.rows)
        if _sum_of(there) != begun:
            # What is there is not how the table begins: all of it is loaded once more.
            source, summing = _rows(snapshot, table), _Summing()
    target.load(table, rows())
    return summing.sum()


def _difference(table: str, snapshot: Snapshot, target: Copyable) -> UnequalCopy:
    """Find the first row in which the copy differs."""

    def look(copied: Snapshot) -> str:
        for wanted, found in zip_longest(_rows(snapshot, table), _rows(copied, table)):
            if wanted is None or found is None or minified(wanted) != minified(found):
                return " ".join(map(str, _first_key(table, wanted, found)))
        return "nothing any more"

    return UnequalCopy(table, target.snapshot(look))


def _first_key(table: str, *rows: JsonObject | None) -> tuple[Any, ...]:
    return min(tuple(row[name] for name in KEYS[table]) for row in rows if row is not None)
