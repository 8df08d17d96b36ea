"""A store around another one, which shows and changes what is within somebody's reach, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from datacatalog.domain.errors import NotGranted
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.records import Link, Record
from datacatalog.domain.series import Series
from datacatalog.ports.clock import Clock
from datacatalog.ports.sharing import Grants, Subscriptions
from datacatalog.ports.stores import (
    Answers,
    Credentials,
    Executions,
    History,
    Links,
    Outbox,
    Prepared,
    Progress,
    Records,
    Store,
    Work,
)
from datacatalog.services.tenancy.links import ConfinedHistory, ConfinedLinks
from datacatalog.services.tenancy.own import OwnCredentials, OwnExecutions, OwnGrants, OwnSubscriptions
from datacatalog.services.tenancy.reach import Reach, Seeker, reach_of, unknown
from datacatalog.services.tenancy.records import ConfinedRecords

T = TypeVar("T")
M = TypeVar("M", Record, Series)


class ConfinedStore:
    """Implements ports.stores.Store around another one, for one seeker.

    Attributes:
        whole: the store around which it is.
        home: the installation's tenant.
    """

    def __init__(self, whole: Store, seeker: Seeker, *, home: str, clock: Clock) -> None:
        self.whole, self.home = whole, home
        self._seeker, self._clock = seeker, clock

    def transact(self, body: Callable[[Work], T]) -> T:
        return self.whole.transact(lambda work: body(self._confined(work)))

    def read(self, body: Callable[[Work], T]) -> T:
        return self.whole.read(lambda work: body(self._confined(work)))

    def prepare(
        self, records: Iterable[Record] = (), links: Iterable[Link] = (), series: Iterable[Series] = ()
    ) -> Prepared:
        linked, alike = list(links), [self._own(one) for one in series]
        targets = frozenset(target for one in alike for _, target in one.targets)
        return OwnPrepared(self.whole.prepare(map(self._own, records), linked, alike), linked, targets)

    def prune(self, *, before: datetime) -> Mapping[str, int]:
        return self.whole.prune(before=before)

    def check(self) -> Mapping[str, Any]:
        return self.whole.check()

    def close(self) -> None:
        self.whole.close()

    def _confined(self, work: Work) -> Work:
        return confined(work, reach_of(self._seeker, self.home, work, self._clock.now()))

    def _own(self, made: M) -> M:
        """Let what is new be prepared, which is its maker's tenant's.  Raises NotGranted."""
        tenant = made.admin.get("tenant") or self.home
        if tenant != (self._seeker.tenant or self.home):
            raise NotGranted(f"records of tenant '{tenant}' are made by its own people")
        return made


@dataclass(frozen=True, slots=True)
class OwnPrepared:
    """Implements ports.stores.Prepared around another one.

    Attributes:
        links: as they were given.
        targets: what the records of its series are linked to.
    """

    whole: Prepared
    links: Sequence[Link]
    targets: Collection[TypedUuid]

    @property
    def count(self) -> int:
        return self.whole.count


def confined(work: Work, reach: Reach) -> Work:
    """Return a piece of work in which there is nothing but what is within reach."""
    return ConfinedWork(work, reach)


def unconfined(work: Work) -> Work:
    """Return a piece of work in which there is everything, for what must hold among all tenants, as on shared storage."""
    return work.whole if isinstance(work, ConfinedWork) else work


def check_reach(record: Record, work: Work, *, change: bool = False) -> None:
    """Let a record be seen, or changed, that was found in the whole of a piece of work.  Raises UnknownRecord, NotGranted."""
    if isinstance(work, ConfinedWork):
        work.check(record, change=change)


class ConfinedWork:
    """Implements ports.stores.Work around another one.

    Attributes:
        whole: the piece of work around which it is.

    A ledger of which every tenant's records may be changed is not looked through: its records are shown as they are.
    """

    __slots__ = ("_open", "_reach", "whole")

    def __init__(self, work: Work, reach: Reach) -> None:
        self.whole, self._reach = work, reach
        self._open = reach.covers(work.records.tenants())

    def check(self, record: Record, *, change: bool) -> None:
        """Let a record be seen, or changed.  Raises UnknownRecord, NotGranted."""
        if not self._reach.sees(record):
            raise unknown(record.uuid)
        if change:
            self._reach.check_tenant(record)

    def insert(self, prepared: Prepared, *, at: datetime) -> None:
        # What is prepared is new and its maker's own; where a UUID or an identifier is taken, the store says so.
        if not isinstance(prepared, OwnPrepared):
            raise TypeError(f"{type(prepared).__name__} was not prepared within anybody's reach")
        if not self._open:
            ConfinedLinks(self.whole.links, self.whole.records, self._reach).check(
                prepared.links, prepared.targets
            )
        self.whole.insert(prepared.whole, at=at)

    @property
    def records(self) -> Records:
        if self._open:
            return self.whole.records
        return ConfinedRecords(self.whole.records, self.whole.links, self._reach)

    @property
    def links(self) -> Links:
        if self._open:
            return self.whole.links
        return ConfinedLinks(self.whole.links, self.whole.records, self._reach)

    @property
    def history(self) -> History:
        if self._open:
            return self.whole.history
        return ConfinedHistory(self.whole.history, self.whole.records, self._reach)

    @property
    def outbox(self) -> Outbox:
        return self.whole.outbox

    @property
    def executions(self) -> Executions:
        return OwnExecutions(self.whole.executions, self._reach)

    @property
    def answers(self) -> Answers:
        return self.whole.answers

    @property
    def progress(self) -> Progress:
        return self.whole.progress

    @property
    def credentials(self) -> Credentials:
        return OwnCredentials(self.whole.credentials, self._reach)

    @property
    def grants(self) -> Grants:
        return OwnGrants(self.whole.grants, self._reach)

    @property
    def subscriptions(self) -> Subscriptions:
        return OwnSubscriptions(self.whole.subscriptions, self._reach)
