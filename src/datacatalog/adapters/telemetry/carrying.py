"""What is known where a message is sent, carried to where it is handled: a store and a transport around others.

It goes in a field of the body of its own, which is put in here when a message leaves and taken out here when it is claimed or
looked at. Ids, and so what is sent twice, do not depend on it; sealed bodies stay as they are; nobody else knows of it.
Everything that goes through here is watched besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.records import Link, Record
from datacatalog.domain.series import Series
from datacatalog.ports.examining import Examined, Remark
from datacatalog.ports.sharing import Grants, Subscriptions
from datacatalog.ports.stores import (
    Answers,
    Credentials,
    DeadLetter,
    Delivery,
    Done,
    Executions,
    History,
    Links,
    Outbox,
    Prepared,
    Progress,
    Records,
    Store,
    Together,
    Work,
)
from datacatalog.ports.telemetry import TRACEPARENT, Activity, Telemetry, facts, job_in, trace_of
from datacatalog.ports.transport import Backlog, Carrier, Transport

T = TypeVar("T")

FIELD = "_facts"
"""Of a message's body."""

CARRIED = ("message_id", "request_id", "delivery_id", "job_uuid", TRACEPARENT)

_LONGEST = 200
"""A sender's own id may be longer than what is worth a place in every message that follows."""


def packed(body: JsonObject) -> JsonObject:
    """Return a message's body with what is known here."""
    known = facts()
    carried = {name: known[name][:_LONGEST] for name in CARRIED if name in known}
    if "job_uuid" not in carried and (job := job_in(body.get("uuid"))):
        carried["job_uuid"] = job
    return {**body, FIELD: carried} if carried else body


def unpacked(body: JsonObject) -> tuple[JsonObject, Mapping[str, str]]:
    """Return a message's body as it was, and what it carried."""
    if FIELD not in body:
        return body, {}
    rest = {name: value for name, value in body.items() if name != FIELD}
    carried = {name: str(value) for name, value in body[FIELD].items() if name in CARRIED}
    return rest, {**carried, **trace_of(carried.pop(TRACEPARENT, ""))}


def carrying(store: Store, telemetry: Telemetry) -> CarryingStore:
    """Return a store around another one, which takes many pieces of work at once where that one does."""
    return (_CarryingTogether if isinstance(store, Together) else CarryingStore)(store, telemetry)


class CarryingStore:
    """Implements ports.stores.Store around another one.

    Attributes:
        whole: the store around which it is; whatever else that one has is to be had here, too.
    """

    def __init__(self, whole: Store, telemetry: Telemetry) -> None:
        self.whole = whole
        self._telemetry = telemetry

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    def transact(self, body: Callable[[Work], T]) -> T:
        with self._telemetry.watch(Activity.COMMIT):
            return self.whole.transact(lambda work: body(_CarryingWork(work, self._telemetry)))

    def read(self, body: Callable[[Work], T]) -> T:
        with self._telemetry.watch(Activity.READ):
            return self.whole.read(body)

    def prepare(
        self, records: Iterable[Record] = (), links: Iterable[Link] = (), series: Iterable[Series] = ()
    ) -> Prepared:
        return self.whole.prepare(records, links, series)

    def prune(self, *, before: datetime) -> Mapping[str, int]:
        return self.whole.prune(before=before)

    def check(self) -> Mapping[str, Any]:
        return self.whole.check()

    def examine(self) -> Sequence[Remark]:
        return self.whole.examine() if isinstance(self.whole, Examined) else ()

    def close(self) -> None:
        self.whole.close()


class _CarryingTogether(CarryingStore):
    """Implements ports.stores.Together besides. Whoever gives it pieces of work watches each of them."""

    def transact_each(self, bodies: Sequence[Callable[[Work], Any]]) -> Sequence[Done]:
        assert isinstance(self.whole, Together)  # noqa: S101  see `carrying`
        return self.whole.transact_each([partial(self._run, body) for body in bodies])

    def _run(self, body: Callable[[Work], T], work: Work) -> T:
        return body(_CarryingWork(work, self._telemetry))


class _CarryingWork:
    """Implements ports.stores.Work around another one."""

    __slots__ = ("_telemetry", "_work")

    def __init__(self, work: Work, telemetry: Telemetry) -> None:
        self._work, self._telemetry = work, telemetry

    @property
    def outbox(self) -> Outbox:
        return _CarryingOutbox(self._work.outbox, self._telemetry)

    def insert(self, prepared: Prepared, *, at: datetime) -> None:
        self._work.insert(prepared, at=at)

    @property
    def records(self) -> Records:
        return self._work.records

    @property
    def links(self) -> Links:
        return self._work.links

    @property
    def history(self) -> History:
        return self._work.history

    @property
    def executions(self) -> Executions:
        return self._work.executions

    @property
    def answers(self) -> Answers:
        return self._work.answers

    @property
    def progress(self) -> Progress:
        return self._work.progress

    @property
    def credentials(self) -> Credentials:
        return self._work.credentials

    @property
    def grants(self) -> Grants:
        return self._work.grants

    @property
    def subscriptions(self) -> Subscriptions:
        return self._work.subscriptions


class _CarryingOutbox:
    """Implements ports.stores.Outbox around another one: where messages leave."""

    __slots__ = ("_outbox", "_telemetry")

    def __init__(self, outbox: Outbox, telemetry: Telemetry) -> None:
        self._outbox, self._telemetry = outbox, telemetry

    def send(
        self, queue: str, body: JsonObject, *, id: str, at: datetime, delay: timedelta = timedelta(0)
    ) -> bool:
        with self._telemetry.watch(Activity.PUBLISH, queue):
            return self._outbox.send(queue, packed(body), id=id, at=at, delay=delay)

    def settle(self, delivery: Delivery) -> None:
        self._outbox.settle(delivery)

    def hold(self, delivery: Delivery, *, progressed: bool = False) -> None:
        self._outbox.hold(delivery, progressed=progressed)


class CarryingTransport:
    """Implements ports.transport.Transport around another one: where messages are claimed."""

    def __init__(self, whole: Transport, telemetry: Telemetry) -> None:
        self.whole = whole
        self._telemetry = telemetry

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    def claim(self, queues: Sequence[str], *, lease: timedelta, max_tries: int = 5) -> Delivery | None:
        delivery = self.whole.claim(queues, lease=lease, max_tries=max_tries)
        if delivery is None:
            return None
        body, carried = unpacked(delivery.body)
        return replace(delivery, body=body, facts=carried)

    def renew(self, delivery: Delivery, *, lease: timedelta) -> None:
        self.whole.renew(delivery, lease=lease)

    def retry(self, delivery: Delivery, *, delay: timedelta, reason: str, counted: bool = True) -> None:
        self.whole.retry(delivery, delay=delay, reason=reason, counted=counted)
        self._telemetry.given_back(delivery.queue, counted=counted)

    def bury(self, delivery: Delivery, *, reason: str) -> None:
        self.whole.bury(delivery, reason=reason)
        self._telemetry.buried(delivery.queue)

    def dead(self, queue: str | None = None, *, limit: int = 100) -> Sequence[DeadLetter]:
        return [replace(each, body=unpacked(each.body)[0]) for each in self.whole.dead(queue, limit=limit)]

    def revive(self, queue: str, id: str) -> bool:
        return self.whole.revive(queue, id)

    def discard(self, queue: str, id: str) -> bool:
        return self.whole.discard(queue, id)

    def waiting(self, queue: str, prefix: str) -> Sequence[str]:
        return self.whole.waiting(queue, prefix)

    def postpone(self, queue: str, prefix: str, *, delay: timedelta, limit: int = 5000) -> int:
        return self.whole.postpone(queue, prefix, delay=delay, limit=limit)

    def hasten(self, queue: str, prefix: str, *, limit: int = 5000) -> int:
        return self.whole.hasten(queue, prefix, limit=limit)

    def depth(self) -> Mapping[str, int]:
        return self.whole.depth()

    def backlog(self) -> Mapping[str, Backlog]:
        return self.whole.backlog()

    def examine(self) -> Sequence[Remark]:
        return self.whole.examine() if isinstance(self.whole, Examined) else ()

    def give_word(self) -> int:
        return self.whole.give_word() if isinstance(self.whole, Carrier) else 0

    def wait(self, timeout: timedelta) -> None:
        self.whole.wait(timeout)

    def done(self, delivery: Delivery) -> None:
        self.whole.done(delivery)

    def close(self) -> None:
        self.whole.close()
