"""What the tests of stores and transports share: engines by scheme, a clock that is moved by hand, small documents."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from datacatalog.adapters.stores.memory import MemoryStore
from datacatalog.adapters.stores.mongo.store import MongoStore
from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.adapters.transport.memory import MemoryTransport
from datacatalog.adapters.transport.mongo import MongoTransport
from datacatalog.adapters.transport.sqlite import SqliteTransport
from datacatalog.domain.errors import InvalidRecord
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import PREFIXES, Kind, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import Store
from datacatalog.ports.transport import Mailbox, Transport
from tests.contracts import mongo_databases

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)

CheckRecord = Callable[[Record], None]
OpenLedger = Callable[..., tuple[Store, Mailbox]]
"""Opens a ledger: (path, clock, check) and `carried`, whether a broker carries word of its messages."""


class MovableClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, step: timedelta) -> None:
        self.at += step


@dataclass
class Gatekeeper:
    """A record check that lets all pass but the bodies that say `"refuse"`; it remembers whom it was shown."""

    shown: list[TypedUuid] = field(default_factory=list)

    def __call__(self, record: Record) -> None:
        self.shown.append(record.uuid)
        if "refuse" in record.body:
            raise InvalidRecord(record.kind, [("/refuse", "is not wanted here")])


@dataclass(frozen=True, kw_only=True)
class Ledger:
    store: Store
    transport: Transport
    clock: MovableClock
    gatekeeper: Gatekeeper


def open_memory(
    path: Path, clock: Clock, check: CheckRecord, *, carried: bool = False
) -> tuple[Store, Mailbox]:
    store = MemoryStore(check=check, clock=clock, carried=carried)
    return store, MemoryTransport(store)


def open_sqlite(
    path: Path, clock: Clock, check: CheckRecord, *, carried: bool = False
) -> tuple[Store, Mailbox]:
    store = SqliteStore(path, check=check, clock=clock, carried=carried)
    return store, SqliteTransport(store)


def open_mongodb(
    path: Path, clock: Clock, check: CheckRecord, *, carried: bool = False
) -> tuple[Store, Mailbox]:
    store = MongoStore(mongo_databases.url_of(path), check=check, clock=clock, carried=carried)
    return store, MongoTransport(store)


ENGINES: Mapping[str, OpenLedger] = {
    "memory": open_memory,
    "sqlite": open_sqlite,
    **({"mongodb": open_mongodb} if mongo_databases.SERVER else {}),
}

_numbers = itertools.count(1)


def uuid_of(kind: Kind, number: int | None = None) -> TypedUuid:
    """Return a UUID of a kind; without a number, one that was not there before."""
    number = next(_numbers) if number is None else number
    return TypedUuid(f"{PREFIXES[kind]}00000-0000-5000-8000-{number:012x}")


def record(kind: Kind = Kind.SAMPLE, uuid: TypedUuid | None = None, /, **body: Any) -> Record:
    return Record(
        kind=kind, uuid=uuid or uuid_of(kind), body=body, salt="salt", admin={"owner": "sd2e", "project": "p"}
    )


def job(uuid: TypedUuid | None = None, /, **body: Any) -> Record:
    started = {"state": "CREATED", "last_event": "create", "updated": "2018-12-08T00:08:32.000+0000"}
    return record(Kind.PIPELINEJOB, uuid, **{**started, **body})


def entry(name: Event = Event.UPDATE, **fields: Any) -> HistoryEntry:
    known: dict[str, Any] = {"data": None, "date": START, "state": State.CREATED, **fields}
    return HistoryEntry(uuid=uuid_of(Kind.PIPELINEJOB_EVENT), name=name, **known)
