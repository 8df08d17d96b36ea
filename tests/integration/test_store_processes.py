"""The ledger file under several processes, kill -9, full and failing disks: what was acknowledged is there, and once."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.adapters.transport.sqlite import SqliteTransport
from datacatalog.domain.errors import StoreDown
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.records import Record
from tests.integration import store_actors as actors
from tests.integration.small_disk import small_disk
from tests.integration.store_actors import AT, COUNTER, HANDLED, QUEUE
from tests.shared import REPOSITORY

SPAWN = multiprocessing.get_context("spawn")
DEADLINE_S = 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = actors.opened(path)
    yield store
    store.close()


def started(actor: Callable[..., None], *args: Any, **options: Any) -> Any:
    process = SPAWN.Process(target=actor, args=args, kwargs=options, daemon=True)
    process.start()
    return process


def ended(processes: list[Any]) -> None:
    for process in processes:
        process.join(DEADLINE_S)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def killed(process: Any) -> None:
    process.kill()
    process.join(DEADLINE_S)


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < end, "this took too long"
        time.sleep(0.01)


def put(store: SqliteStore, record: Record) -> Record:
    return store.transact(lambda work: work.records.put(record, at=AT))


def missing(store: SqliteStore, uuids: list[str]) -> list[str]:
    """Return which of these records are not there."""
    return store.read(lambda work: [u for u in uuids if work.records.find(TypedUuid(u)) is None])


# ---------------------------------------------------------------------------------- several at a time


def test_processes_that_count_at_a_time_lose_none(path: Path, store: SqliteStore) -> None:
    put(store, replace(actors.sample(0, 0, n=0), uuid=COUNTER))
    ended([started(actors.count_up, path, 300) for _ in range(4)])
    counter = store.read(lambda work: work.records.get(COUNTER))
    assert (counter.body, counter.revision) == ({"n": 1200}, 1200)


def test_an_identifier_goes_to_one_of_several_processes(
    path: Path, store: SqliteStore, tmp_path: Path
) -> None:
    acks = [tmp_path / f"acks.{group}" for group in range(1, 5)]
    ended([started(actors.take_names, path, acks[n], n + 1, 100) for n in range(4)])
    taken = [name for each in acks for name in actors.acknowledged(each)]
    assert sorted(taken) == sorted(f"name.{number}" for number in range(100))
    page = store.read(lambda work: work.records.page(actors.Kind.SAMPLE, limit=1000))
    assert sorted(found.body["sample_id"] for found in page.records) == sorted(taken)


def test_message_of_another_process_wakes_who_waits(path: Path, store: SqliteStore) -> None:
    transport = SqliteTransport(store)
    assert transport.claim([QUEUE], lease=actors.LEASE) is None
    process = started(actors.send_one, path)
    began = time.monotonic()
    transport.wait(timedelta(seconds=DEADLINE_S))
    assert time.monotonic() - began < DEADLINE_S / 2
    assert transport.claim([QUEUE], lease=actors.LEASE) is not None
    ended([process])


def test_threads_share_commits_and_lose_nothing(store: SqliteStore) -> None:
    start = threading.Barrier(8)
    before = store.commits

    def run(group: int) -> None:
        start.wait()
        for number in range(200):
            put(store, actors.sample(group, number))

    threads = [threading.Thread(target=run, args=(group,)) for group in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missing(store, [actors.sample(g, n).uuid for g in range(8) for n in range(200)]) == []
    assert store.commits - before < 1600


def test_forked_child_and_its_parent_both_go_on(store: SqliteStore) -> None:
    put(store, actors.sample(0, 1))
    child = os.fork()
    if child == 0:
        # Nothing of the test run may happen twice: the child leaves without looking back.
        try:
            put(store, actors.sample(0, 2))
            os._exit(0)
        finally:
            os._exit(1)
    put(store, actors.sample(0, 3))
    assert os.waitpid(child, 0)[1] == 0
    assert missing(store, [actors.sample(0, number).uuid for number in (1, 2, 3)]) == []


# -------------------------------------------------------------------------------------------- kill -9


def test_killed_writers_leave_all_they_acknowledged_and_nothing_half(path: Path, tmp_path: Path) -> None:
    acks = tmp_path / "acks"
    for group in range(1, 6):
        before = len(actors.acknowledged(acks))
        process = started(actors.write_until_killed, path, acks, group)
        wait_for(lambda before=before, group=group: len(actors.acknowledged(acks)) > before + 40 * group)
        killed(process)
    store = actors.opened(path)
    acknowledged = actors.acknowledged(acks)
    assert len(acknowledged) > 600
    assert missing(store, acknowledged) == []
    there = store.read(lambda work: work.records.page(actors.Kind.SAMPLE, limit=100_000)).records
    # At most the last one of each writer was committed, and killed before it was acknowledged.
    assert len(there) <= len(acknowledged) + 5
    entries = store.read(lambda work: [work.history.length(found.uuid) for found in there])
    assert set(entries) == {2}
    store.close()


def test_each_message_has_its_effect_once_though_workers_are_killed(path: Path, store: SqliteStore) -> None:
    ids = [f"m.{number}" for number in range(300)]
    store.transact(lambda work: [work.outbox.send(QUEUE, {}, id=each, at=AT) for each in ids])
    handled = lambda: store.read(lambda work: work.history.length(HANDLED))  # noqa: E731
    workers = [started(actors.handle_messages, path, until_empty=False) for _ in range(3)]
    for kill in range(4):
        wait_for(lambda kill=kill: handled() >= 20 + kill * 50)
        killed(workers[kill % 3])
        workers[kill % 3] = started(actors.handle_messages, path, until_empty=False)
    ended([started(actors.handle_messages, path, until_empty=True)])
    for worker in workers:
        killed(worker)
    entries = store.read(lambda work: work.history.page(HANDLED, limit=1000))
    assert sorted(entry.data["text"] for _, entry in entries if entry.data) == sorted(ids)
    assert SqliteTransport(store).dead() == []


# ------------------------------------------------------------------------------- full and failing disks


def limit(store: SqliteStore, pages: int) -> None:
    """Let the file grow to so many pages, where this thread makes it grow."""
    store.database.read(lambda seat: seat.cursor.execute(f"PRAGMA max_page_count = {pages}").fetchall())


def fill_up(store: SqliteStore, first_group: int, pages: int = 1_000_000) -> list[str]:
    """Write from four threads until each was told that the store is down; return what was acknowledged."""
    acknowledged: list[str] = []

    def run(group: int) -> None:
        limit(store, pages)
        for number in range(10_000):
            new = actors.sample(group, number, filling="x" * 700)
            try:
                put(store, new)
            except StoreDown:
                return
            acknowledged.append(new.uuid)
        pytest.fail("the disk never filled")

    threads = [threading.Thread(target=run, args=(first_group + n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return acknowledged


def test_full_file_loses_nothing_and_heals_when_it_may_grow(store: SqliteStore) -> None:
    acknowledged = []
    for turn in range(1, 4):
        acknowledged += fill_up(store, 10 * turn, pages=100 * turn)
        assert missing(store, acknowledged) == []
    assert len(acknowledged) > 300
    limit(store, 300)
    with pytest.raises(StoreDown):
        put(store, actors.sample(1, 1, filling="x" * 100_000))
    limit(store, 1_000_000)
    put(store, actors.sample(1, 1))
    assert missing(store, [actors.sample(1, 1).uuid]) == []
    there = store.read(lambda work: work.records.count(actors.Kind.SAMPLE))
    assert there == len(acknowledged) + 1


def test_full_disk_loses_nothing_and_heals_when_there_is_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        fill_and_heal(disk)


def fill_and_heal(disk: Path) -> None:
    path, ballast = disk / "ledger.db", disk / "ballast"
    ballast.write_bytes(b"x" * 1_200_000)
    store = actors.opened(path)
    acknowledged = fill_up(store, first_group=1)
    assert acknowledged
    assert missing(store, acknowledged) == []
    for group in range(10, 14):
        with pytest.raises(StoreDown):
            put(store, actors.sample(group, 1, filling="x" * 200_000))
    ballast.unlink()
    put(store, actors.sample(20, 1))
    acknowledged.append(actors.sample(20, 1).uuid)
    assert missing(store, acknowledged) == []
    there = store.read(lambda work: work.records.count(actors.Kind.SAMPLE))
    store.close()
    again = actors.opened(path)
    assert missing(again, acknowledged) == []
    assert again.read(lambda work: work.records.count(actors.Kind.SAMPLE)) == there == len(acknowledged)
    again.close()


def assert_stopped_for_good(told: list[str], path: Path, acks: Path) -> None:
    """Both errors say that the last commit is in doubt; what was acknowledged is there when opened anew."""
    first, second = told
    assert "unknown until the store is opened again" in first
    assert second == first
    store = actors.opened(path)
    acknowledged = actors.acknowledged(acks)
    assert acknowledged
    assert missing(store, acknowledged) == []
    there = store.read(lambda work: work.records.count(actors.Kind.SAMPLE))
    assert there - len(acknowledged) in (0, 1)
    put(store, actors.sample(99, 99))
    store.close()


def test_store_stops_for_good_when_a_write_fails(path: Path, tmp_path: Path) -> None:
    acks = tmp_path / "acks"
    program = (
        "import sys; from tests.integration.store_actors import *; write_until_down(*map(Path, sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(acks)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert_stopped_for_good(done.stdout.splitlines(), path, acks)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace, which makes fsync fail, is not here")
@pytest.mark.parametrize("nth", [40, 41])
def test_store_stops_for_good_when_an_fsync_fails(path: Path, tmp_path: Path, nth: int) -> None:
    acks = tmp_path / "acks"
    inject = f"inject=fdatasync,fsync:error=EIO:when={nth}"
    actor = [sys.executable, "-m", "tests.integration.store_actors", str(path), str(acks)]
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=fdatasync,fsync", "-e", inject, *actor],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    if "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    opened, *told = done.stdout.splitlines()
    assert opened == "opened"
    assert_stopped_for_good(told, path, acks)
