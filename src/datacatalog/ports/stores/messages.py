"""Messages that come and go: what leaves with a commit, what became of what came, what was answered, how far work is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from datacatalog.domain.documents import JsonObject


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
class Delivery:
    """One message in the hands of one worker, until its lease ends.

    Attributes:
        id: the message's id; unique for all time within its queue.
        tries: how often it was claimed, this time included.
        lease: proof of holding it; every claim makes a new one.
        facts: what its sender knew and it carried along (ports.telemetry); no part of what it says.
    """

    id: str
    queue: str
    body: JsonObject
    tries: int
    lease: str
    sent: datetime
    facts: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was given up, and why."""

    id: str
    queue: str
    body: JsonObject
    tries: int
    reason: str
    died: datetime


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
