"""The ledger as one SQLite file: how it is made, opened, brought up to date, and kept fast."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from datacatalog.adapters.stores.sqlite import SqliteStore, connections, keys, schema
from datacatalog.adapters.stores.sqlite.connections import Seat
from datacatalog.adapters.transport.sqlite import SqliteTransport
from datacatalog.domain.errors import Duplicate, Misconfigured, StoreDown
from datacatalog.domain.kinds import SPECS, Kind, Relation
from datacatalog.ports.stores import Work
from tests.contracts.ledgers import START, entry, job, record, uuid_of
from tests.integration.store_actors import opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "down" / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = opened(path)
    yield store
    store.close()


def pragma(store: SqliteStore, name: str) -> Any:
    return store.database.read(lambda seat: seat.cursor.execute(f"PRAGMA {name}").fetchone()[0])


# ------------------------------------------------------------------------------------------- opening


def test_ledger_can_be_read_by_its_owner_alone(path: Path, store: SqliteStore) -> None:
    store.transact(lambda work: work.records.put(record(), at=START))
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert set(modes) == {f"{path.name}{end}" for end in ("", "-wal", "-shm", ".lock")}
    assert set(modes.values()) == {0o600}


def test_every_commit_is_synced(store: SqliteStore) -> None:
    def settings(seat: Seat) -> list[object]:
        return [
            seat.cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
        ]

    full = [2, "wal"]
    assert store.database.read(settings) == full
    assert store.database.write(settings) == full


def test_closed_ledger_is_one_file_with_everything_in_it(path: Path, store: SqliteStore) -> None:
    stored = store.transact(lambda work: work.records.put(record(), at=START))
    reader = threading.Thread(target=store.check)
    reader.start()
    reader.join()
    store.close()
    assert {each.name for each in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}
    assert open_files(path.parent) == []
    again = opened(path)
    assert again.read(lambda work: work.records.get(stored.uuid)) == stored
    again.close()


def open_files(folder: Path) -> list[str]:
    files = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    return [file for file in files if file.startswith(str(folder))]


def test_second_store_on_the_same_file_takes_no_lock_away(path: Path, store: SqliteStore) -> None:
    store.transact(lambda work: work.records.put(record(), at=START))
    opened(path).close()
    # The closing one was not the last: it left the log to the other.
    assert path.with_name(f"{path.name}-wal").exists()
    store.transact(lambda work: work.records.put(record(), at=START))
    again = opened(path)
    assert again.read(lambda work: work.records.count(Kind.SAMPLE)) == 2
    again.close()


def test_ledger_of_a_newer_version_is_refused(path: Path, store: SqliteStore) -> None:
    store.close()
    change(path, f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(Misconfigured, match="version"):
        opened(path)


def test_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    change(path, "CREATE TABLE theirs (a)")
    before = path.read_bytes()
    with pytest.raises(Misconfigured):
        opened(path)
    assert path.read_bytes() == before


def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database\n" * 1000)
    with pytest.raises(Misconfigured):
        opened(path)
    assert path.read_text() == "not a database\n" * 1000


def test_folder_that_cannot_be_made_is_a_matter_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured):
        opened(tmp_path / "file" / "ledger.db")


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_ledger_on_a_network_disk_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    connections._warn_of_network(Path("/proc/self/status"), network=("proc",))
    assert "proc" in caplog.text
    caplog.clear()
    connections._warn_of_network(Path("/proc/self/status"))
    assert caplog.text == ""


# --------------------------------------------------------------------------------------- migrating


def test_opening_a_current_ledger_writes_nothing(path: Path, store: SqliteStore) -> None:
    store.transact(lambda work: work.records.put(record(), at=START))
    store.close()
    before = path.read_bytes()
    again = opened(path)
    again.check()
    again.close()
    assert path.read_bytes() == before


def test_newly_declared_fields_are_filled_and_indexed(path: Path, store: SqliteStore) -> None:
    stored = store.transact(lambda work: work.records.put(record(colour="red", size=3), at=START))
    store.close()
    wider = replace(SPECS[Kind.SAMPLE], search=("colour", "size", "strain"))
    specs = {**SPECS, Kind.SAMPLE: wider}
    connection = sqlite3.connect(path, isolation_level=None)
    assert not schema.is_current(connection, specs)
    schema.migrate(connection, specs)
    assert schema.is_current(connection, specs)
    rows = connection.execute('SELECT uuid, "body.colour", "body.size" FROM samples').fetchall()
    assert rows == [(keys.packed(stored.uuid), "red", None)]
    indexes = {row[1] for row in connection.execute("PRAGMA index_list(samples)")}
    assert {"samples.body.colour", "samples.body.size"} <= indexes
    assert "samples.body.lab_sample_id" not in indexes
    connection.close()


def test_column_is_filled_when_it_is_declared_and_goes_when_it_is_not(path: Path, store: SqliteStore) -> None:
    store.transact(lambda work: work.records.put(record(colour="red"), at=START))
    store.close()
    wider = {**SPECS, Kind.SAMPLE: replace(SPECS[Kind.SAMPLE], columns=("colour",))}
    connection = sqlite3.connect(path, isolation_level=None)
    for _ in range(2):
        assert not schema.is_current(connection, wider)
        schema.migrate(connection, wider)
        assert schema.is_current(connection, wider)
        assert connection.execute('SELECT "body.colour" FROM samples').fetchall() == [("red",)]
        assert "samples.body.colour" not in {
            row[1] for row in connection.execute("PRAGMA index_list(samples)")
        }
        assert not schema.is_current(connection)
        schema.migrate(connection)
        assert "body.colour" not in {row[1] for row in connection.execute("PRAGMA table_info(samples)")}
    connection.close()


def test_field_that_was_undeclared_for_a_while_is_filled_anew(path: Path, store: SqliteStore) -> None:
    stored = store.transact(lambda work: work.records.put(record(strain="A"), at=START))
    store.close()
    change(path, 'DROP INDEX "samples.body.strain"', 'UPDATE samples SET "body.strain" = NULL')
    again = opened(path)
    assert again.read(lambda work: work.records.page(Kind.SAMPLE, {"strain": "A"})).records == [stored]
    again.close()


def test_field_with_repeated_values_cannot_become_an_identifier(path: Path, store: SqliteStore) -> None:
    for _ in range(2):
        store.transact(lambda work: work.records.put(record(strain="A"), at=START))
    store.close()
    stricter = replace(SPECS[Kind.SAMPLE], identifiers=("sample_id", "strain"), search=("lab_sample_id",))
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(Misconfigured, match="samples"):
        schema.migrate(connection, {**SPECS, Kind.SAMPLE: stricter})
    connection.close()
    again = opened(path)
    assert again.read(lambda work: work.records.count(Kind.SAMPLE, {"strain": "A"})) == 2
    again.close()


@pytest.mark.parametrize("turn", range(8))
def test_threads_may_all_open_a_new_ledger_at_a_time(path: Path, turn: int) -> None:
    stores: list[SqliteStore] = []
    start = threading.Barrier(8)

    def run() -> None:
        start.wait()
        stores.append(opened(path))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 8
    for store in stores:
        store.transact(lambda work: work.records.put(record(), at=START))
    assert stores[0].read(lambda work: work.records.count(Kind.SAMPLE)) == 8
    for store in stores:
        store.close()


# -------------------------------------------------------------------------------------- what it costs


def test_work_that_changes_nothing_is_no_commit(store: SqliteStore) -> None:
    stored = store.transact(lambda work: work.records.put(record(), at=START))
    transport = SqliteTransport(store)
    before = store.commits

    def refused(work: Work) -> None:
        work.records.put(record(), at=START)
        raise Duplicate("field", "value")

    store.transact(lambda work: work.records.put(stored, at=START))
    store.transact(lambda work: work.records.get(stored.uuid))
    with pytest.raises(Duplicate):
        store.transact(refused)
    assert transport.claim(["q"], lease=timedelta(seconds=1)) is None
    assert store.commits == before


def test_claim_of_an_empty_queue_waits_for_no_writer(path: Path, store: SqliteStore) -> None:
    writing, done = threading.Event(), threading.Event()

    def slow(work: Work) -> None:
        writing.set()
        done.wait(20)

    other = opened(path)
    writer = threading.Thread(target=other.transact, args=(slow,))
    writer.start()
    assert writing.wait(20)
    assert SqliteTransport(store).claim(["q"], lease=timedelta(seconds=1)) is None
    assert store.check()["schema"] == schema.VERSION
    done.set()
    writer.join()
    other.close()


def test_what_was_read_in_a_piece_of_work_is_not_read_again(store: SqliteStore) -> None:
    stored = store.transact(lambda work: work.records.put(job(), at=START))
    statements: list[str] = []

    def body(work: Work) -> None:
        seen = work.records.get(stored.uuid)
        moved = replace(seen, body={**seen.body, "state": "RUNNING"})
        again = work.records.put(moved, at=START)
        work.records.put(replace(again, body={**again.body, "state": "FINISHED"}), at=START)
        assert work.records.get(stored.uuid).body["state"] == "FINISHED"

    store.database.read(lambda seat: seat.connection.set_trace_callback(statements.append))
    store.transact(body)
    store.database.read(lambda seat: seat.connection.set_trace_callback(None))
    assert len([each for each in statements if each.startswith("SELECT")]) == 1


def test_every_statement_of_everyday_work_goes_along_an_index(store: SqliteStore) -> None:
    transport = SqliteTransport(store)
    statements: set[str] = set()
    stored = store.transact(lambda work: work.records.put(job(state="CREATED"), at=START))

    def everyday(work: Work) -> None:
        work.records.find(stored.uuid)
        work.records.page(Kind.PIPELINEJOB, after=stored.uuid)
        work.records.page(Kind.PIPELINEJOB, {"state": "RUNNING"}, after=stored.uuid)
        work.records.page(Kind.PIPELINEJOB, {"state": "RUNNING", "session": "casual-bass"}, hidden=True)
        work.records.count(Kind.PIPELINEJOB, {"state": "RUNNING"})
        work.records.identified(Kind.SAMPLE, "sample_id", "s")
        work.records.page(Kind.SAMPLE, {"sample_id": "s"})
        work.records.find_many([stored.uuid, uuid_of(Kind.FILE)])
        work.records.between(Kind.FILE, "name", "/a/", "/a0")
        work.records.glance(Kind.FILE, ["name", "_seen"], "/a/", "/a0")
        work.records.changes(stored.uuid, after=3)
        work.links.of(stored.uuid)
        work.links.to(stored.uuid)
        work.links.step([stored.uuid, uuid_of(Kind.FILE)], up=True)
        work.links.step([stored.uuid], up=False, relations=[Relation.CHILD_OF, Relation.GENERATED_BY])
        work.history.page(stored.uuid, after=5)
        work.history.length(stored.uuid)
        work.executions.get("a", "e")
        work.executions.page("a", after="e")
        work.answers.recall("s", "k")
        work.credentials.find("d")

    def writes(work: Work) -> None:
        everyday(work)
        seen = work.records.get(stored.uuid)
        work.records.put(replace(seen, body={**seen.body, "state": "RUNNING"}), at=START)
        work.records.put_many([record(Kind.FILE) for _ in range(12)], at=START)
        work.history.append(stored.uuid, entry())
        work.outbox.send("q", {}, id="m", at=START)

    store.database.read(lambda seat: seat.connection.set_trace_callback(statements.add))
    store.transact(writes)
    delivery = transport.claim(["q"], lease=timedelta(seconds=60))
    assert delivery is not None
    transport.renew(delivery, lease=timedelta(seconds=60))
    transport.retry(delivery, delay=timedelta(0), reason="again")
    transport.dead()
    transport.wait(timedelta(0))
    store.database.read(lambda seat: seat.connection.set_trace_callback(None))

    plans = {each: plan(store, each) for each in statements if each.startswith(("SELECT", "UPDATE", "WITH"))}
    assert len(plans) > 20
    slow = {sql: steps for sql, steps in plans.items() if any(is_slow(step) for step in steps)}
    assert slow == {}


def plan(store: SqliteStore, sql: str) -> list[str]:
    rows = store.database.read(lambda seat: seat.cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
    return [row[-1] for row in rows]


def is_slow(step: str) -> bool:
    whole_table = (
        step.startswith("SCAN") and "names" not in step and "CONSTANT" not in step and "died" not in step
    )
    return whole_table or "TEMP B-TREE" in step


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupted_work_is_undone_and_the_next_one_runs(
    store: SqliteStore, error: type[BaseException]
) -> None:
    refused = record()

    def body(work: Work) -> None:
        work.records.put(refused, at=START)
        raise error

    with pytest.raises(error):
        store.transact(body)
    assert store.read(lambda work: work.records.find(refused.uuid)) is None
    store.transact(lambda work: work.records.put(refused, at=START))


def test_interrupted_waiter_leaves_the_queue(store: SqliteStore) -> None:
    class Stop(BaseException):
        pass

    def interrupt(number: int, frame: object) -> None:
        raise Stop

    leading, done = threading.Event(), threading.Event()
    refused, led, next_one = record(), record(), record()

    def slow(work: Work) -> None:
        leading.set()
        done.wait(20)
        work.records.put(led, at=START)

    old = signal.signal(signal.SIGUSR1, interrupt)
    leader = threading.Thread(target=store.transact, args=(slow,))
    timer = threading.Timer(0.1, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
    try:
        leader.start()
        assert leading.wait(20)
        timer.start()
        with pytest.raises(Stop):
            store.transact(lambda work: work.records.put(refused, at=START))
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, old)
        done.set()
        leader.join()
    store.transact(lambda work: work.records.put(next_one, at=START))
    there = store.read(lambda work: [work.records.find(each.uuid) for each in (refused, led, next_one)])
    assert [found is not None for found in there] == [False, True, True]


def test_work_that_hides_an_undone_transaction_is_down_all_the_same(store: SqliteStore) -> None:
    def hides(seat: Seat) -> None:
        seat.cursor.execute("ROLLBACK")

    with pytest.raises(StoreDown):
        store.database.write(hides)

    def goes_on(work: Work) -> None:
        store.database._connections.mine().cursor.execute("ROLLBACK")
        with pytest.raises(StoreDown):
            work.records.put(record(), at=START)

    with pytest.raises(StoreDown):
        store.transact(goes_on)
    assert store.read(lambda work: work.records.count(Kind.SAMPLE)) == 0
