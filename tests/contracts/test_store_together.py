"""What a store promises that takes many pieces of work at once; see datacatalog.ports.stores.together."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from datacatalog.domain.errors import StoreDown, UnknownRecord
from datacatalog.domain.kinds import Kind
from datacatalog.ports.stores import Store, Together, Work
from tests.contracts.ledgers import START, record, uuid_of


@pytest.fixture
def together(store: Store) -> Together:
    if not isinstance(store, Together):
        pytest.skip("takes one piece of work at a time")
    return store


SAMPLES = [uuid_of(Kind.SAMPLE) for _ in range(5)]


def written(store: Any) -> Sequence[bool]:
    return [
        store.read(lambda work, uuid=uuid: work.records.find(uuid)) is not None  # type: ignore[misc]
        for uuid in SAMPLES
    ]


def put(number: int, work: Work) -> int:
    work.records.put(record(Kind.SAMPLE, SAMPLES[number], sample_id=f"s{number}"), at=START)
    return number


def test_each_has_its_result_in_order_and_they_share_a_commit(together: Any) -> None:
    before = together.commits
    done = together.transact_each([lambda work, n=n: put(n, work) for n in range(5)])
    assert [(each.result, each.error) for each in done] == [(n, None) for n in range(5)]
    assert together.commits == before + 1
    assert all(written(together))


def test_none_at_all_is_no_commit(together: Any) -> None:
    before = together.commits
    assert list(together.transact_each([])) == []
    assert together.commits == before


def test_an_error_undoes_its_own_piece_alone(together: Any) -> None:
    def fails(work: Work) -> None:
        put(1, work)
        raise UnknownRecord(SAMPLES[1], "sample")

    done = together.transact_each([lambda work: put(0, work), fails, lambda work: put(2, work)])
    assert [type(each.error) for each in done] == [type(None), UnknownRecord, type(None)]
    assert written(together) == [True, False, True, False, False]


def test_each_sees_what_those_before_it_wrote(together: Any) -> None:
    done = together.transact_each(
        [lambda work: put(0, work), lambda work: work.records.get(SAMPLES[0]).body["sample_id"]]
    )
    assert done[1].result == "s0"


def test_alone_with_an_error_nothing_is_written(together: Any) -> None:
    def fails(work: Work) -> None:
        put(0, work)
        raise UnknownRecord(SAMPLES[0], "sample")

    [done] = together.transact_each([fails])
    assert isinstance(done.error, UnknownRecord)
    assert not any(written(together))


def test_a_store_that_is_closed_takes_none_of_them(together: Any) -> None:
    together.close()
    done = together.transact_each([lambda work: put(0, work), lambda work: put(1, work)])
    assert [type(each.error) for each in done] == [StoreDown, StoreDown]


def test_they_share_commits_with_other_threads_and_all_are_written(together: Any) -> None:
    numbers = iter(range(5))

    def one() -> None:
        number = next(numbers)
        together.transact(lambda work: put(number, work))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    together.transact_each([lambda work, n=n: put(n, work) for n in (3, 4)])
    for thread in threads:
        thread.join()
    assert written(together) == [True, True, False, True, True]


def test_a_failed_commit_is_told_each_of_them(together: Any, tmp_path: Path) -> None:
    """SQLite gave the whole of it up: even those that were done, and those that were refused, are not."""

    def ends(work: Any) -> None:
        work._session._connection.execute("ROLLBACK")

    if not hasattr(together, "database"):
        pytest.skip("is no file of SQLite")
    done = together.transact_each([lambda work: put(0, work), ends, lambda work: put(1, work)])
    assert [type(each.error) for each in done] == [StoreDown] * 3
    assert not any(written(together))
    assert sqlite3.connect(tmp_path / "ledger.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
