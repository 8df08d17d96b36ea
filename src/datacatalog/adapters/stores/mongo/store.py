"""The ledger in a MongoDB database: durable with every commit, shared by any number of machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from datacatalog.adapters.clock import SystemClock
from datacatalog.adapters.stores.mongo import copying, examining, prepared, pruning, schema
from datacatalog.adapters.stores.mongo.client import Server, told
from datacatalog.adapters.stores.mongo.commits import Commits
from datacatalog.adapters.stores.mongo.prepared import MongoPrepared
from datacatalog.adapters.stores.mongo.session import Session
from datacatalog.adapters.stores.mongo.surroundings import Surroundings
from datacatalog.adapters.stores.mongo.work import MongoWork
from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.signal import Signal
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import StoreDown
from datacatalog.domain.records import Link, Record
from datacatalog.domain.series import Series
from datacatalog.ports.clock import Clock
from datacatalog.ports.examining import Remark
from datacatalog.ports.stores import Done, Work
from datacatalog.ports.stores.copying import Snapshot

T = TypeVar("T")


class MongoStore:
    """Implements ports.stores.Store, Together and Copyable.

    Attributes:
        carried: whether it notes when word of messages is to be given.
        clock: tells when a message was handled; its transport asks it as well.
        server: where the collections are, for the transport that claims messages of them.
    """

    def __init__(
        self, url: str, *, check: CheckRecord, clock: Clock | None = None, carried: bool = False
    ) -> None:
        """Open the ledger; a database that is empty is set up.

        Args:
            url: mongodb://[user:password@]host[,host...]/database[?options].
            check: raises InvalidRecord; called with every record that is about to change.
            carried: a broker carries word of messages, and is told of them (ports.transport.Mailbox).
        Raises:
            Misconfigured: it is no such URL, the database is no ledger, or a newer version of this program wrote it.
            StoreDown: the server cannot be reached now.
        """
        self.clock = clock or SystemClock()
        self.carried = carried
        self.server = Server(url)
        schema.prepare(self.server)
        self._check = check
        self._commits = Commits(self.server)
        self._surroundings = Surroundings(check=check, clock=self.clock, carried=carried)

    @property
    def commits(self) -> int:
        """How many commits this process has written since it opened the ledger."""
        return self._commits.count

    @property
    def signal(self) -> Signal:
        """Tells threads of this process that messages were sent."""
        return self._commits.signal

    @property
    def newest(self) -> int:
        """The newest commit that this process knows to be applied."""
        return max(self._commits.log.applied, 0)

    def catch_up(self) -> int:
        """Have everything applied that was committed, and return the number of the newest commit; for who waits for messages.

        Raises StoreDown.
        """
        log = self._commits.log
        return log.settle(log.look(log.ready()))

    def transact(self, body: Callable[[Work], T]) -> T:
        return self._commits.write(partial(self._work, body))

    def transact_each(self, bodies: Sequence[Callable[[Work], Any]]) -> Sequence[Done]:
        return self._commits.write_each([partial(self._work, body) for body in bodies])

    def read(self, body: Callable[[Work], T]) -> T:
        return self._commits.read(partial(self._work, body))

    def prepare(
        self, records: Iterable[Record] = (), links: Iterable[Link] = (), series: Iterable[Series] = ()
    ) -> MongoPrepared:
        return prepared.prepare(records, links, series, self._check)

    def prune(self, *, before: datetime) -> Mapping[str, int]:
        return pruning.prune(self.server, self._commits.log, before=before)

    def check(self) -> Mapping[str, Any]:
        """Return {"engine": "mongodb", "schema": version, "size_bytes": size of the documents}."""
        if self.server.closed:
            raise StoreDown("the store is closed")
        version = schema.version_of(self.server)
        with told():
            facts = self.server.database.command("dbStats")
        return {"engine": "mongodb", "schema": version, "size_bytes": int(facts.get("dataSize", 0))}

    def examine(self) -> Sequence[Remark]:
        return examining.examine(self.server)

    def snapshot(self, body: Callable[[Snapshot], T]) -> T:
        return copying.snapshot(self.server, self._commits.log, body)

    def load(self, table: str, rows: Iterable[JsonObject]) -> int:
        return copying.load(self.server, self._commits.log, table, rows, carried=self.carried)

    def is_empty(self) -> bool:
        return copying.is_empty(self.server)

    def close(self) -> None:
        """Let the commit that is being made end, then give the connections up; later calls raise StoreDown."""
        self._commits.close()

    def _work(self, body: Callable[[Work], T], session: Session) -> T:
        return body(MongoWork(session, self._surroundings, self._commits.signal))
