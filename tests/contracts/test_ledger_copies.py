"""A whole ledger goes from any engine to any other, is proved there, and goes on where it was cut off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest

from datacatalog.adapters.stores.memory import MemoryStore
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import AlreadyExists, Conflict, StoreDown, UnequalCopy
from datacatalog.domain.kinds import Kind
from datacatalog.ports.stores.copying import KEYS, TABLES, Copyable
from datacatalog.services.copying import UNFINISHED, copy_ledger, sums_of, unfinished
from tests.contracts.full_ledger import SAMPLE, fill, rows_of
from tests.contracts.ledgers import ENGINES, START, Gatekeeper, Ledger, MovableClock, record


@pytest.fixture
def full(ledger: Ledger) -> Any:
    fill(ledger)
    return ledger.store


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Any]:
    store, _ = ENGINES[request.param](tmp_path / "other.db", clock, Gatekeeper())
    yield store
    store.close()


class Weak(MemoryStore):
    """Goes down after so many rows, once; or loses the last row of a table."""

    def __init__(self, *, rows: int | None = None, loses: str | None = None) -> None:
        super().__init__(check=Gatekeeper())
        self._left, self._loses = rows, loses

    def load(self, table: str, rows: Iterable[JsonObject]) -> int:
        if table == self._loses:
            kept = list(rows)
            return super().load(table, kept[: -1 if kept[-1].get("task") != UNFINISHED else None])
        if self._left is None:
            return super().load(table, rows)
        taken = super().load(table, islice(rows, self._left))
        self._left -= taken
        if self._left == 0:
            self._left = None
            raise StoreDown("it went down")
        return taken


def test_copy_comes_to_the_same_sums_and_carries_no_mark(full: Any, empty: Any) -> None:
    told: list[int] = []
    sums = copy_ledger(full, empty, origin="here", told=told.append)
    assert sums == sums_of(full) == sums_of(empty)
    assert sum(told) == sum(each.rows for each in sums.values()) > 20
    assert unfinished(empty) is None
    assert rows_of(empty) == rows_of(full)


@pytest.mark.parametrize("resume", [False, True])
def test_nothing_is_copied_over_what_is_there(full: Any, empty: Any, resume: bool) -> None:
    empty.transact(lambda work: work.records.put(record(Kind.SAMPLE, SAMPLE, sample_id="mine"), at=START))
    before = rows_of(empty)
    with pytest.raises(AlreadyExists):
        copy_ledger(full, empty, origin="here", resume=resume)
    assert rows_of(empty) == before


@pytest.mark.parametrize("rows", [1, 3, 8, 14, 20])
def test_copy_that_was_cut_off_goes_on(full: Any, rows: int) -> None:
    target = Weak(rows=rows)
    with pytest.raises(StoreDown):
        copy_ledger(full, target, origin="here")
    assert unfinished(target) == "here"
    with pytest.raises(AlreadyExists, match="--resume"):
        copy_ledger(full, target, origin="here")
    with pytest.raises(AlreadyExists, match="of here"):
        copy_ledger(full, target, origin="there", resume=True)
    with pytest.raises(Conflict, match="cut off"):
        copy_ledger(target, MemoryStore(check=Gatekeeper()), origin="target")
    copy_ledger(full, target, origin="here", resume=True)
    assert unfinished(target) is None
    assert rows_of(target) == rows_of(full)


def test_copy_whose_source_changed_before_it_went_on_is_proved_all_the_same(full: Any) -> None:
    target = Weak(rows=12)
    with pytest.raises(StoreDown):
        copy_ledger(full, target, origin="here")
    full.transact(lambda work: work.records.put(record(Kind.SAMPLE, sample_id="news"), at=START))
    copy_ledger(full, target, origin="here", resume=True)
    assert rows_of(target) == rows_of(full)


@pytest.mark.parametrize("table", TABLES)
def test_copy_that_lost_a_row_is_told_by_table_and_key(full: Any, table: str) -> None:
    target = Weak(loses=table)
    last = rows_of(full)[table][-1]
    with pytest.raises(UnequalCopy) as found:
        copy_ledger(full, target, origin="here")
    assert found.value.table == table
    if table != "messages":  # the others are of another rank then
        assert found.value.key == " ".join(str(last[name]) for name in KEYS[table])
    assert unfinished(cast(Any, target)) == "here"


def test_rows_that_differ_in_the_type_of_a_number_alone_are_not_the_same(full: Any) -> None:
    target = MemoryStore(check=Gatekeeper())
    whole = rows_of(full)
    for table in TABLES:
        target.load(table, whole[table])
    assert sums_of(target) == sums_of(full)
    [sample] = [row for row in whole["records"] if row["uuid"] == SAMPLE]
    cast(Copyable, target).load("records", [{**sample, "body": {**sample["body"], "b": 2.0}}])
    assert sums_of(target)["records"] != sums_of(full)["records"]
