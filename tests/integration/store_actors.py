"""What the processes of test_store_processes.py and test_mongo_processes.py do; each opens the ledger for itself and is killed at any point.

What was acknowledged is appended to a file of its own, one line by one system call, so that a kill loses none of it.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from datacatalog.adapters.stores.mongo.store import MongoStore
from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.adapters.transport.mongo import MongoTransport
from datacatalog.adapters.transport.sqlite import SqliteTransport
from datacatalog.domain.errors import Duplicate, StaleWrite, StoreDown
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Delivery, Store, Work
from datacatalog.ports.transport import Transport

QUEUE = "q"
LEASE = timedelta(seconds=1)
AT = datetime(2026, 3, 1, tzinfo=UTC)

COUNTER = TypedUuid("10300000-0000-5000-8000-000000000000")
HANDLED = TypedUuid("10700000-0000-5000-8000-000000000000")


def opened(path: Path) -> SqliteStore:
    return SqliteStore(path, check=lambda record: None)


def ledger_at(place: Path | str) -> tuple[Store, Transport]:
    """Open a ledger file, or the database of a MongoDB URL."""
    if isinstance(place, Path):
        store = opened(place)
        return store, SqliteTransport(store)
    server = MongoStore(place, check=lambda record: None)
    return server, MongoTransport(server)


def sample(group: int, number: int, **body: object) -> Record:
    uuid = TypedUuid(f"103{group:05x}-0000-5000-8000-{number:012x}")
    return Record(kind=Kind.SAMPLE, uuid=uuid, body=body, salt="salt")


@contextmanager
def acknowledgements(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def acknowledged(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


# ------------------------------------------------------------------------------------------ actors


def count_up(place: Path | str, times: int) -> None:
    """Count up, each time reading in one transaction and writing in another."""
    store, _ = ledger_at(place)
    done = 0
    while done < times:
        seen = store.read(lambda work: work.records.get(COUNTER))
        counted = replace(seen, body={"n": seen.body["n"] + 1})
        try:
            store.transact(lambda work, counted=counted: work.records.put(counted, at=AT))  # type: ignore[misc]
        except StaleWrite:
            continue
        done += 1
    store.close()


def take_names(place: Path | str, acks: Path, group: int, names: int) -> None:
    """Insert records with the same identifiers as the other processes do."""
    store, _ = ledger_at(place)
    with acknowledgements(acks) as file:
        for number in range(names):
            new = sample(group, number, sample_id=f"name.{number}")
            try:
                store.transact(lambda work, new=new: work.records.put(new, at=AT))  # type: ignore[misc]
            except Duplicate:
                continue
            os.write(file, f"name.{number}\n".encode())
    store.close()


def write_until_killed(place: Path | str, acks: Path, group: int) -> None:
    """Insert records, each with two entries of history in the same transaction."""
    store, _ = ledger_at(place)
    number = 0
    with acknowledgements(acks) as file:
        while True:
            new = sample(group, number)
            store.transact(lambda work, new=new: with_history(work, new))  # type: ignore[misc]
            os.write(file, f"{new.uuid}\n".encode())
            number += 1


def with_history(work: Work, new: Record) -> None:
    work.history.append(new.uuid, note())
    work.records.put(new, at=AT)
    work.history.append(new.uuid, note())


def note(text: str = "") -> HistoryEntry:
    uuid = TypedUuid("10800000-0000-5000-8000-000000000000")
    return HistoryEntry(uuid=uuid, name=Event.UPDATE, date=AT, data={"text": text}, state=State.CREATED)


def handle_messages(place: Path | str, *, until_empty: bool) -> None:
    """Handle messages: what is done and the end of the message are one commit."""
    store, transport = ledger_at(place)
    while True:
        delivery = transport.claim([QUEUE], lease=LEASE, max_tries=1000)
        if delivery is not None:
            store.transact(lambda work, delivery=delivery: handle(work, delivery))  # type: ignore[misc]
        elif until_empty and not transport.depth():
            break
        else:
            transport.wait(timedelta(seconds=0.2))
    store.close()


def handle(work: Work, delivery: Delivery) -> None:
    work.history.append(HANDLED, note(delivery.id))
    work.outbox.settle(delivery)


def send_one(path: Path) -> None:
    store = opened(path)
    store.transact(lambda work: work.outbox.send(QUEUE, {}, id="m", at=datetime.now(UTC)))
    store.close()


def write_until_down(path: Path, acks: Path, file_bytes: int = 2_000_000) -> None:
    """Write until no file may grow beyond `file_bytes`; then try again without that limit.

    Prints the two errors.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = opened(path)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, hard))
    print(first_failure(store, acks), flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    print(first_failure(store, acks), flush=True)


def write_until_failure(path: Path, acks: Path) -> None:
    """Write until the disk fails; then try again.  Prints the two errors."""
    store = opened(path)
    print("opened", flush=True)
    print(first_failure(store, acks), flush=True)
    print(first_failure(store, acks), flush=True)


def first_failure(store: SqliteStore, acks: Path, limit: int = 5000) -> str:
    """Insert records until one fails; return its error."""
    group = len(acknowledged(acks))
    with acknowledgements(acks) as file:
        for number in range(limit):
            new = sample(group, number, filling="x" * 1000)
            try:
                store.transact(lambda work, new=new: work.records.put(new, at=AT))  # type: ignore[misc]
            except StoreDown as error:
                return str(error)
            os.write(file, f"{new.uuid}\n".encode())
    return "none"


if __name__ == "__main__":
    write_until_failure(Path(sys.argv[1]), Path(sys.argv[2]))
