"""The whole of it: pieces of work, each all-or-nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from datacatalog.domain.records import Link, Record
from datacatalog.domain.series import Series
from datacatalog.ports.sharing import Grants, Subscriptions
from datacatalog.ports.stores.credentials import Credentials
from datacatalog.ports.stores.messages import Answers, Executions, Outbox, Progress
from datacatalog.ports.stores.records import History, Links, Records

T = TypeVar("T")


class Prepared(Protocol):
    """New records and links that a store has checked and made ready; see `Store.prepare`."""

    @property
    def count(self) -> int:
        """How many records it holds."""
        ...


class Work(Protocol):
    """One piece of work; its parts see each other's writes."""

    def insert(self, prepared: Prepared, *, at: datetime) -> None:
        """Do as `records.put_many` and then `links.add` for what was prepared.

        Raises:
            StaleWrite, Duplicate: as `put`, of any of the records; nothing of it was written then.
            TypeError: another kind of store prepared it.
        """
        ...

    @property
    def records(self) -> Records: ...
    @property
    def links(self) -> Links: ...
    @property
    def history(self) -> History: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def answers(self) -> Answers: ...
    @property
    def progress(self) -> Progress: ...
    @property
    def credentials(self) -> Credentials: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def subscriptions(self) -> Subscriptions: ...


class Store(Protocol):
    """The ledger's memory."""

    def transact(self, body: Callable[[Work], T]) -> T:
        """Run `body` and make what it wrote durable, or nothing of it.

        Returns only after the commit is on disk. `body` may share its commit with others that run at the same
        time (each still all-or-nothing), must not run a transaction of its own, and may run more than once
        (an adapter may repeat it after a conflict), so it has no effects but those on `Work`.

        Nobody else may write meanwhile. Whoever writes much prepares it outside, and writes it in pieces that take
        some tenths of a second each, so that an event that is to be recorded waits no longer than that.

        Raises:
            Whatever `body` raises: nothing was written then.
            StoreDown: nothing was acknowledged; whether it was written is unknown only where the text says so.
        """
        ...

    def read(self, body: Callable[[Work], T]) -> T:
        """Run `body` on one state of the ledger.  Writing in it is a programming error (RuntimeError)."""
        ...

    def prepare(
        self, records: Iterable[Record] = (), links: Iterable[Link] = (), series: Iterable[Series] = ()
    ) -> Prepared:
        """Check and encode new records and links, outside of any piece of work and in any thread.

        That is the greater part of what their writing costs, and nobody has to wait for it.

        Args:
            series: as if all their records and links were given; but of each only the first record and the last are
                checked against the schema. Whoever makes a series knows that what holds for these holds for all.
        Returns:
            What `Work.insert` takes; what becomes of the bodies afterwards does not matter to it.
        Raises:
            InvalidRecord, InvalidLink.
            StaleWrite: a record was stored before (it has a revision).
        """
        ...

    def prune(self, *, before: datetime) -> Mapping[str, int]:
        """Forget answers, handled message ids, executions, progress and spent credentials older than `before`.

        Returns how many of each went.
        """
        ...

    def check(self) -> Mapping[str, Any]:
        """Return facts for readiness probes: schema version, sizes.  Raises StoreDown."""
        ...

    def close(self) -> None: ...
