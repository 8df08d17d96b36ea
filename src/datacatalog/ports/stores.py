"""Where the ledger is kept, in the catalog's own words.

A `Store` runs pieces of work, each all-or-nothing. What a piece of work reads is one state of the ledger;
what it writes becomes visible and durable together, outgoing messages included. Every adapter passes
tests/contracts/test_store.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Change, Link, Record
from datacatalog.domain.series import Series
from datacatalog.ports.sharing import Grants, Subscriptions

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of records, ordered by UUID.

    Attributes:
        next: pass as `after` to read on; None on the last page.
    """

    records: Sequence[Record]
    next: str | None


class Glance(NamedTuple):
    """What can be told of a record without reading its document.

    Attributes:
        values: the texts of the fields that were asked for, in that order; None where the record has none.
    """

    uuid: TypedUuid
    revision: int
    visible: bool
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What became of one message that an actor took.

    Attributes:
        status: SUBMITTED (queued), COMPLETE or ERROR.
        outcome: the answer as given to the sender, without secrets.
        log: lines for people.
        tenant: whose message it was; "": of the installation's own tenant.
    """

    id: str
    actor: str
    status: str
    received: datetime
    finished: datetime | None = None
    http: int = 200
    outcome: JsonObject = field(default_factory=dict)
    log: Sequence[str] = ()
    tenant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A nonce or an administrative token, kept only as a digest.

    Attributes:
        digest: SHA-256 of the secret, hex.
        kind: "nonce" or "admin".
        actor: the only actor a nonce opens; "*" for all.
        level: READ, EXECUTE or UPDATE (each includes those before it).
        uses_left: None: unlimited.
        max_uses: how often it could be used when it was made; None: unlimited, or not known any more.
        last_use: when a use of it was counted last; uses of what is unlimited are not.
        label: what a list shows in place of the secret (its first characters, or a name).
        owner: whom a request with it runs as.
        tenant: whose people it belongs to; "": the installation's own tenant.
    """

    digest: str
    kind: str
    created: datetime
    expires: datetime | None
    actor: str = "*"
    level: str = "EXECUTE"
    uses_left: int | None = None
    max_uses: int | None = None
    last_use: datetime | None = None
    label: str = ""
    owner: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message in the hands of one worker, until its lease ends.

    Attributes:
        id: the message's id; unique for all time within its queue.
        tries: how often it was claimed, this time included.
        lease: proof of holding it; every claim makes a new one.
    """

    id: str
    queue: str
    body: JsonObject
    tries: int
    lease: str
    sent: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was given up, and why."""

    id: str
    queue: str
    body: JsonObject
    tries: int
    reason: str
    died: datetime


class Records(Protocol):
    """The documents of all kinds."""

    def get(self, uuid: TypedUuid) -> Record:
        """Return a record, hidden ones included.  Raises UnknownRecord."""
        ...

    def find(self, uuid: TypedUuid) -> Record | None:
        """Return a record or None, hidden ones included."""
        ...

    def find_many(self, uuids: Iterable[TypedUuid]) -> Mapping[TypedUuid, Record]:
        """Return the records of these UUIDs, hidden ones included; those that are not there are left out."""
        ...

    def visible(self, uuids: Iterable[TypedUuid]) -> Set[TypedUuid]:
        """Return those of these UUIDs whose records are there and not hidden, without reading the documents."""
        ...

    def identified(self, kind: Kind, field: str, value: str) -> Record | None:
        """Return the one record of a kind with this identifier, hidden ones included."""
        ...

    def page(
        self,
        kind: Kind,
        where: Mapping[str, str] | None = None,
        *,
        after: str | None = None,
        limit: int = 100,
        hidden: bool = False,
    ) -> Page:
        """Return visible records of a kind whose declared fields equal `where`, ordered by UUID.

        Args:
            hidden: return those that were deleted softly as well.
        Raises:
            InvalidField: a field of `where` is not declared searchable for this kind, or `after` is no UUID.
        """
        ...

    def between(
        self, kind: Kind, field: str, low: str, high: str, *, limit: int = 1000, hidden: bool = False
    ) -> Sequence[Record]:
        """Return visible records of a kind with `low` <= value of `field` < `high`, ordered by that value, then by UUID.

        Texts are compared code point by code point. To read on, begin at the last value that was returned.

        Args:
            hidden: return those that were deleted softly as well.
        Raises:
            InvalidField: the field is not declared searchable for this kind.
        """
        ...

    def glance(
        self, kind: Kind, fields: Sequence[str], low: str, high: str, *, limit: int = 1000
    ) -> Sequence[Glance]:
        """Do as `between` by `name`, for hidden records too, and return only some fields of each, without its document.

        Args:
            fields: what `values` holds; each declared for this kind as searchable or as one of its columns.
        Raises:
            InvalidField: a field is not declared so, or `name` is not searchable for this kind.
        """
        ...

    def count(self, kind: Kind, where: Mapping[str, str] | None = None) -> int:
        """Count visible records.  Raises InvalidField as `page` does."""
        ...

    def put(
        self,
        record: Record,
        *,
        at: datetime,
        beside: JsonObject | None = None,
        by: str | None = None,
        action: str | None = None,
    ) -> Record:
        """Insert (`revision` None) or replace the very revision that was read.

        The document is checked against its schema first. A body, visibility, salt and owner equal to what is
        stored change nothing. A change of a logged kind goes to the update log, private fields and lifecycle
        fields of jobs (their history is their log) excepted; a new salt or owner alone leaves a line without difference.

        Args:
            beside: what changes together with the record and is kept beside its body, as {"child_of": [old, new]}: not
                empty, it is a change, which counts the revision up and stands in the log with the differences of the body.
            by: who writes; stands in the log.
            action: what the log calls a change that neither creates, hides nor brings back; None: `update`.
        Returns:
            The record as stored: revision counted up, `created` and `modified` set.
        Raises:
            InvalidRecord: it does not fit its schema, its UUID is of another kind, or it holds what not every
                store can keep (NaN, infinity, half a surrogate pair, an integer beyond 64 bits).
            StaleWrite: the stored revision is another, or (insert) the UUID is taken.
            Duplicate: an identifier is taken by another record.
        """
        ...

    def put_many(self, records: Iterable[Record], *, at: datetime) -> None:
        """Do as `put` for each record, new ones first, and faster; no two of them are the same record.

        Raises:
            As `put` does, of any of them: none of them was written then.
        """
        ...

    def purge(self, uuid: TypedUuid, *, at: datetime, by: str | None = None) -> None:
        """Remove a record, its links from and to others, and its history for good.

        The update log goes on telling when something was done, and that the record was removed, but not what.

        Raises UnknownRecord.
        """
        ...

    def tenants(self) -> Set[str]:
        """Return the tenants that records are, or once were, of; without reading the records."""
        ...

    def changes(self, uuid: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, Change]]:
        """Return the update log of a record, oldest first, as (sequence number, change)."""
        ...


class Links(Protocol):
    """Who says what of whom, readable from both ends."""

    def add(self, links: Iterable[Link]) -> int:
        """Add links that are not there yet; return how many were new.  Raises InvalidLink."""
        ...

    def remove(self, links: Iterable[Link]) -> int:
        """Remove links; return how many there were."""
        ...

    def of(self, source: TypedUuid, relation: Relation | None = None) -> Sequence[Link]:
        """Return what `source` says, ordered by relation and target."""
        ...

    def to(
        self,
        target: TypedUuid,
        relation: Relation | None = None,
        *,
        kind: Kind | None = None,
        after: str | None = None,
        limit: int = 1000,
    ) -> Sequence[Link]:
        """Return what is said of `target`, ordered by source.

        A page ends between two sources, so it may hold a few links more than `limit`.

        Args:
            kind: only links whose source is of this kind.
            after: the last source of the page before.
        Raises:
            InvalidField: `after` is no UUID.
        """
        ...

    def step(
        self, uuids: Iterable[TypedUuid], *, up: bool, relations: Collection[Relation] | None = None
    ) -> Sequence[Link]:
        """Return all links that lead from any of `uuids` one step on, ordered by source, relation and target.

        Args:
            up: the links that these records say (to what they come from); else those that are said of them.
            relations: only these; None: all.
        """
        ...


class History(Protocol):
    """What happened to jobs: append-only and unbounded."""

    def append(self, job: TypedUuid, entry: HistoryEntry) -> int:
        """Append one entry; return its sequence number (1, 2, ... per job, without gaps).

        Raises:
            InvalidRecord: its data cannot be kept.
            InvalidField: `job` or the entry's UUID is no UUID.
        """
        ...

    def page(self, job: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, HistoryEntry]]:
        """Return entries with sequence numbers above `after`, oldest first."""
        ...

    def length(self, job: TypedUuid) -> int: ...


class Outbox(Protocol):
    """Messages that leave with the commit, and the memory of those that were handled."""

    def send(
        self,
        queue: str,
        body: JsonObject,
        *,
        id: str,
        at: datetime,
        delay: timedelta = timedelta(0),
    ) -> bool:
        """Hand a message to a queue.

        Returns:
            False where a message with this id was sent to this queue before, even if it was handled since
            (within the retention that `prune` keeps); nothing is sent then.
        """
        ...

    def settle(self, delivery: Delivery) -> None:
        """Take a delivery off its queue together with what this work writes.

        Raises:
            LeaseLost: another worker holds it by now; the whole work must be given up.
        """
        ...

    def hold(self, delivery: Delivery, *, progressed: bool = False) -> None:
        """Make sure a delivery is still ours, so that a stale worker writes nothing.

        Args:
            progressed: the next try will go on from what this work writes, so tries are counted anew, this one as the first.
        Raises:
            LeaseLost.
        """
        ...


class Executions(Protocol):
    """What became of messages. Ids grow with time (see domain.identifiers.platforms.execution_id)."""

    def put(self, execution: Execution) -> None:
        """Insert or replace by actor and id."""
        ...

    def get(self, actor: str, id: str) -> Execution | None: ...

    def page(
        self,
        actor: str,
        *,
        after: str | None = None,
        limit: int = 100,
        tenants: Collection[str] | None = None,
    ) -> Sequence[Execution]:
        """Return an actor's executions, by id from the greatest down, so newest first.

        Args:
            after: the last id of the page before.
            tenants: only those whose `tenant` is one of these; None: all.
        """
        ...


class Answers(Protocol):
    """What was answered to requests that carry an id of their own, so that a repeat gets the same answer."""

    def recall(self, scope: str, key: str) -> JsonObject | None: ...

    def remember(self, scope: str, key: str, answer: JsonObject, *, at: datetime) -> None:
        """Keep an answer.  Raises Duplicate: this key was answered before."""
        ...


class Progress(Protocol):
    """How far long work came, written in the commits of that work, so that it goes on there when it is begun again."""

    def get(self, task: str) -> JsonObject | None: ...

    def put(self, task: str, document: JsonObject, *, at: datetime) -> None:
        """Insert or replace by the id of the task."""
        ...

    def drop(self, task: str) -> None:
        """Forget it; where there is none, nothing happens."""
        ...


class Credentials(Protocol):
    def put(self, credential: Credential) -> None:
        """Insert or replace by digest."""
        ...

    def find(self, digest: str) -> Credential | None: ...

    def use(self, digest: str, *, at: datetime) -> Credential | None:
        """Count one use; None where it is unknown, expired at `at`, or used up."""
        ...

    def remove(self, digest: str) -> bool: ...

    def page(self, kind: str) -> Sequence[Credential]:
        """Return all credentials of a kind, oldest first."""
        ...


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
