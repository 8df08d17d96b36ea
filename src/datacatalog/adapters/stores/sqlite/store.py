"""The ledger in one SQLite file: durable with every commit, shared by threads and processes of one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from datacatalog.adapters.clock import SystemClock
from datacatalog.adapters.stores import rules
from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.sqlite import bulk, copying, examining, pruning, schema
from datacatalog.adapters.stores.sqlite.bulk import SqlitePrepared
from datacatalog.adapters.stores.sqlite.commits import Commits
from datacatalog.adapters.stores.sqlite.connections import Connections, Seat
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.adapters.stores.sqlite.work import SqliteWork
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.records import Link, Record
from datacatalog.domain.series import Series
from datacatalog.ports.clock import Clock
from datacatalog.ports.examining import Remark
from datacatalog.ports.stores import Done, Work
from datacatalog.ports.stores.copying import Snapshot

T = TypeVar("T")


class SqliteStore:
    """Implements ports.stores.Store and Copyable.

    Attributes:
        carried: whether it notes when word of messages is to be given.
        clock: tells when a message was handled; its transport asks it as well.
        database: runs bodies on the file itself, for the transport that shares it.
    """

    def __init__(
        self, path: str | Path, *, check: CheckRecord, clock: Clock | None = None, carried: bool = False
    ) -> None:
        """Open the ledger, or create it (mode 0600, with its folder).

        Args:
            check: raises InvalidRecord; called with every record that is about to change.
            carried: a broker carries word of messages, and is told of them (ports.transport.Mailbox).
        Raises:
            Misconfigured: the file is no ledger, or a newer version of this program wrote it.
            StoreDown: it cannot be read now.
        """
        self.clock = clock or SystemClock()
        self.carried = carried
        self._check = check
        self._path = Path(path).absolute()
        self.database = Commits(Connections(Path(path).absolute()))

    @property
    def commits(self) -> int:
        """How many commits this process has written since it opened the ledger."""
        return self.database.count

    def transact(self, body: Callable[[Work], T]) -> T:
        return self.database.write(lambda seat: self._work(body, seat, may_write=True))

    def transact_each(self, bodies: Sequence[Callable[[Work], Any]]) -> Sequence[Done]:
        return self.database.write_each([partial(self._work, body, may_write=True) for body in bodies])

    def read(self, body: Callable[[Work], T]) -> T:
        return self.database.read(lambda seat: self._work(body, seat, may_write=False))

    def prepare(
        self, records: Iterable[Record] = (), links: Iterable[Link] = (), series: Iterable[Series] = ()
    ) -> SqlitePrepared:
        return bulk.prepare(rules.only_new(records), links, self._check, series)

    def prune(self, *, before: datetime) -> Mapping[str, int]:
        return pruning.prune(self.database, before=before)

    def check(self) -> Mapping[str, Any]:
        """Return {"engine": "sqlite", "schema": version, "size_bytes": size of the file}."""

        def look(seat: Seat) -> Mapping[str, Any]:
            version = schema.version_of(seat.connection)
            [pages] = seat.cursor.execute("PRAGMA page_count").fetchone()
            [page_bytes] = seat.cursor.execute("PRAGMA page_size").fetchone()
            return {"engine": "sqlite", "schema": version, "size_bytes": pages * page_bytes}

        return self.database.read(look)

    def examine(self) -> Sequence[Remark]:
        return self.database.read(lambda seat: examining.examine(seat, self._path))

    def snapshot(self, body: Callable[[Snapshot], T]) -> T:
        return copying.snapshot(self.database, body)

    def load(self, table: str, rows: Iterable[JsonObject]) -> int:
        return copying.load(self.database, table, rows)

    def is_empty(self) -> bool:
        return copying.is_empty(self.database)

    def close(self) -> None:
        """Let what runs end, then close the file; later calls raise StoreDown."""
        self.database.close()

    def _work(self, body: Callable[[Work], T], seat: Seat, *, may_write: bool) -> T:
        session = Session(seat, self.database.signal, may_write=may_write)
        try:
            return body(SqliteWork(session, self._check, self.clock, carried=self.carried))
        finally:
            session.close()
