"""The ledger in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar

from datacatalog.adapters.clock import SystemClock
from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.memory import copying
from datacatalog.adapters.stores.memory.parts import (
    MemoryAnswers,
    MemoryCredentials,
    MemoryExecutions,
    MemoryHistory,
    MemoryOutbox,
    MemoryProgress,
)
from datacatalog.adapters.stores.memory.records import MemoryLinks, MemoryRecords
from datacatalog.adapters.stores.memory.session import MemorySession
from datacatalog.adapters.stores.memory.sharing import MemoryGrants, MemorySubscriptions
from datacatalog.adapters.stores.memory.tables import Tables
from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.signal import Signal
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import StoreDown
from datacatalog.domain.records import Link, Record
from datacatalog.domain.series import Series
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import Prepared, Work
from datacatalog.ports.stores.copying import Snapshot

T = TypeVar("T")

SCHEMA_VERSION = 1


class MemoryWork:
    """Implements ports.stores.Work."""

    def __init__(self, session: MemorySession, check: CheckRecord) -> None:
        self.records = MemoryRecords(session, check)
        self.links = MemoryLinks(session)
        self.history = MemoryHistory(session)
        self.outbox = MemoryOutbox(session)
        self.executions = MemoryExecutions(session)
        self.answers = MemoryAnswers(session)
        self.progress = MemoryProgress(session)
        self.credentials = MemoryCredentials(session)
        self.grants = MemoryGrants(session)
        self.subscriptions = MemorySubscriptions(session)

    def insert(self, prepared: Prepared, *, at: datetime) -> None:
        if not isinstance(prepared, MemoryPrepared):
            raise TypeError("another store prepared this")
        self.records.put_many(prepared.records, at=at)
        self.links.add(prepared.links)


@dataclass(frozen=True, slots=True)
class MemoryPrepared:
    """Implements ports.stores.Prepared."""

    records: Sequence[Record]
    links: Sequence[Link]

    @property
    def count(self) -> int:
        return len(self.records)


class MemoryStore:
    """Implements ports.stores.Store and Copyable; it is gone with its process.

    Attributes:
        carried: whether it notes when word of messages is to be given.
        clock: tells when a message was handled; its transport asks it as well.
        signal: wakes those who wait for messages.
    """

    def __init__(self, *, check: CheckRecord, clock: Clock | None = None, carried: bool = False) -> None:
        """Open an empty ledger.

        Args:
            check: raises InvalidRecord; called with every record that is about to change.
            carried: a broker carries word of messages, and is told of them (ports.transport.Mailbox).
        """
        self.clock = clock or SystemClock()
        self.carried = carried
        self.signal = Signal()
        self._check = check
        self._tables = Tables()
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._closed = False

    def transact(self, body: Callable[[Work], T]) -> T:
        return self.run(lambda tables: self._work(body, tables, may_write=True))

    def read(self, body: Callable[[Work], T]) -> T:
        return self.run(lambda tables: self._work(body, tables, may_write=False))

    def prepare(
        self, records: Iterable[Record] = (), links: Iterable[Link] = (), series: Iterable[Series] = ()
    ) -> MemoryPrepared:
        alike = list(series)
        kept = [
            replace(record, body=codec.decode(rules.text_of_new(record, self._check)))
            for record in chain(rules.only_new(records), *(each.records() for each in alike))
        ]
        return MemoryPrepared(kept, rules.check_links(chain(links, *(each.links() for each in alike))))

    def run(self, body: Callable[[Tables], T]) -> T:
        """Run `body` on the tables, all or nothing; for the transport that shares them."""
        self._check_outside()
        with self._lock:
            if self._closed:
                raise StoreDown("the store is closed")
            self._owner = threading.get_ident()
            try:
                result = body(self._tables)
                self._tables.keep()
            except BaseException:
                self._tables.undo()
                raise
            finally:
                self._owner = None
        self.signal.pass_on()
        return result

    def prune(self, *, before: datetime) -> Mapping[str, int]:
        return self.run(lambda tables: _prune(tables, before))

    def check(self) -> Mapping[str, Any]:
        """Return {"engine": "memory", "schema": version, "records": how many}."""
        return self.run(
            lambda tables: {
                "engine": "memory",
                "schema": SCHEMA_VERSION,
                "records": len(tables.records),
            }
        )

    def snapshot(self, body: Callable[[Snapshot], T]) -> T:
        return body(self.run(copying.frozen))

    def load(self, table: str, rows: Iterable[JsonObject]) -> int:
        return self.run(lambda tables: copying.load(tables, table, rows))

    def is_empty(self) -> bool:
        return self.run(copying.is_empty)

    def close(self) -> None:
        self._check_outside()
        with self._lock:
            self._closed = True

    def _check_outside(self) -> None:
        if self._owner == threading.get_ident():
            raise RuntimeError(
                "a transaction cannot run inside another one; use the Work that you were given"
            )

    def _work(self, body: Callable[[Work], T], tables: Tables, *, may_write: bool) -> T:
        session = MemorySession(tables, self.signal, self.clock, may_write=may_write, carried=self.carried)
        try:
            return body(MemoryWork(session, self._check))
        finally:
            session.close()


def _prune(tables: Tables, before: datetime) -> Mapping[str, int]:
    old: Mapping[str, tuple[dict[Any, Any], list[Any]]] = {
        "answers": (tables.answers, [k for k, (at, _) in tables.answers.items() if at < before]),
        "messages": (
            tables.messages,
            [k for k, m in tables.messages.items() if m.handled is not None and m.handled < before],
        ),
        "executions": (
            tables.executions,
            [k for k, (e, _) in tables.executions.items() if (e.finished or e.received) < before],
        ),
        "progress": (tables.progress, [k for k, (at, _) in tables.progress.items() if at < before]),
        "credentials": (
            tables.credentials,
            [
                k
                for k, c in tables.credentials.items()
                if (c.expires is not None and c.expires < before) or (c.uses_left == 0 and c.created < before)
            ],
        ),
    }
    for table, keys in old.values():
        for key in keys:
            tables.drop(table, key)
    return {name: len(keys) for name, (_, keys) in old.items()}
