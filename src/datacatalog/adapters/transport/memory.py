"""The leased queue in memory, beside the ledger in memory."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.memory import MemoryStore
from datacatalog.adapters.stores.memory.parts import held
from datacatalog.adapters.stores.memory.tables import Message, Tables
from datacatalog.domain.errors import LeaseLost
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import DeadLetter, Delivery
from datacatalog.ports.transport import DEAD_COUNTED, Backlog, Parcel


class MemoryTransport:
    """Implements ports.transport.Mailbox."""

    def __init__(self, store: MemoryStore, clock: Clock | None = None) -> None:
        """Args: clock: tells what is due and when leases end; the store's own where it is not given."""
        self._store = store
        self._clock = clock or store.clock
        self._local = threading.local()

    def claim(self, queues: Sequence[str], *, lease: timedelta, max_tries: int = 5) -> Delivery | None:
        now, generation = self._clock.now(), self._store.signal.generation
        found = self._store.run(lambda tables: self._claim(tables, queues, now, now + lease, max_tries))
        if found is None:
            self._local.view = (now, generation)
        return found

    def renew(self, delivery: Delivery, *, lease: timedelta) -> None:
        if not self._change(delivery, due=self._clock.now() + lease, lease=delivery.lease):
            raise LeaseLost(delivery.id)

    def retry(self, delivery: Delivery, *, delay: timedelta, reason: str, counted: bool = True) -> None:
        self._change(delivery, due=self._clock.now() + delay, reason=reason, counted=counted)

    def bury(self, delivery: Delivery, *, reason: str) -> None:
        self._change(delivery, died=self._clock.now(), reason=reason)

    def dead(self, queue: str | None = None, *, limit: int = 100) -> Sequence[DeadLetter]:
        def look(tables: Tables) -> list[DeadLetter]:
            found = [
                (message.died, message.seq, message)
                for message in tables.messages.values()
                if message.died is not None and queue in (None, message.queue)
            ]
            return [_dead_letter(message, died) for died, _, message in sorted(found, reverse=True)[:limit]]

        return self._store.run(look)

    def revive(self, queue: str, id: str) -> bool:
        def change(tables: Tables) -> bool:
            message = tables.messages.get((queue, id))
            if message is None or message.died is None:
                return False
            due = self._clock.now()
            fresh = self._at(due, replace(message, tries=0, died=None, reason=None))
            tables.set(tables.messages, (queue, id), fresh)
            self._store.signal.mark()
            return True

        return self._store.run(change)

    def discard(self, queue: str, id: str) -> bool:
        def change(tables: Tables) -> bool:
            message = tables.messages.get((queue, id))
            if message is None or message.died is None:
                return False
            gone = replace(message, died=None, reason=None, text="", handled=self._clock.now())
            tables.set(tables.messages, (queue, id), gone)
            return True

        return self._store.run(change)

    def done(self, delivery: Delivery) -> None:
        """The ledger knows."""

    def close(self) -> None:
        """The store, whose queue it is, is closed by whoever opened it."""

    def waiting(self, queue: str, prefix: str) -> Sequence[str]:
        return self._store.run(
            lambda tables: sorted(
                m.id
                for m in tables.messages.values()
                if m.queue == queue and m.due is not None and m.id.startswith(prefix)
            )
        )

    def postpone(self, queue: str, prefix: str, *, delay: timedelta, limit: int = 5000) -> int:
        until = self._clock.now() + delay
        return self._reschedule(lambda due: due < until, queue, prefix, until, limit)

    def hasten(self, queue: str, prefix: str, *, limit: int = 5000) -> int:
        now = self._clock.now()
        return self._reschedule(lambda due: due > now, queue, prefix, now, limit)

    def _reschedule(
        self, which: Callable[[datetime], bool], queue: str, prefix: str, due: datetime, limit: int
    ) -> int:
        def change(tables: Tables) -> int:
            found = [
                (message.due, message.seq, message)
                for message in tables.messages.values()
                if message.queue == queue and message.id.startswith(prefix)
                if message.due is not None and message.lease is None and which(message.due)
            ]
            for _, _, message in sorted(found)[:limit]:
                tables.set(tables.messages, (queue, message.id), self._at(due, message))
            self._store.signal.mark()
            return min(len(found), limit)

        return self._store.run(change)

    def depth(self) -> Mapping[str, int]:
        return self._store.run(
            lambda tables: dict(Counter(m.queue for m in tables.messages.values() if m.due is not None))
        )

    def backlog(self) -> Mapping[str, Backlog]:
        now = self._clock.now()

        def look(tables: Tables) -> dict[str, Backlog]:
            waiting = Counter(m.queue for m in tables.messages.values() if m.due is not None)
            dead = Counter(m.queue for m in tables.messages.values() if m.died is not None)
            oldest = {queue: _due(tables, [queue], now) for queue in waiting}
            unsent: dict[str, datetime] = {}
            for m in tables.messages.values():
                if m.carry is not None and m.due is not None and m.due <= now:
                    unsent[m.queue] = min(m.due, unsent.get(m.queue, m.due))
            return {
                queue: Backlog(
                    waiting=waiting[queue],
                    oldest=head.due if (head := oldest.get(queue)) else None,
                    dead=min(dead[queue], DEAD_COUNTED),
                    unsent=unsent.get(queue),
                )
                for queue in waiting | dead
            }

        return self._store.run(look)

    def wait(self, timeout: timedelta) -> None:
        """Sleep until there is news since this thread's last claim in vain, or a message has become due since."""
        view = getattr(self._local, "view", None)
        seen, generation = view or (self._clock.now(), self._store.signal.generation)
        self._local.view = None
        end = time.monotonic() + timeout.total_seconds()
        next_due = self._store.run(lambda tables: _next_due(tables, seen))
        if next_due is not None:
            end = min(end, time.monotonic() + (next_due - self._clock.now()).total_seconds())
        self._store.signal.wait(generation, max(0.0, end - time.monotonic()))

    def _change(
        self,
        delivery: Delivery,
        *,
        due: datetime | None = None,
        lease: str | None = None,
        died: datetime | None = None,
        reason: str | None = None,
        counted: bool = True,
    ) -> bool:
        """Change a message that is still held under this delivery's lease; tell whether it was."""

        def change(tables: Tables) -> bool:
            message = held(tables, delivery)
            if message is None:
                return False
            changed = replace(
                message,
                lease=lease,
                died=died,
                reason=reason or message.reason,
                tries=message.tries if counted else message.tries - 1,
            )
            tables.set(tables.messages, (message.queue, message.id), self._at(due, changed))
            self._store.signal.mark()
            return True

        return self._store.run(change)

    # ------------------------------------------------------------------------------ for a carrier

    def take(self, parcel: Parcel, *, lease: timedelta, max_tries: int = 5) -> Delivery | timedelta | None:
        def change(tables: Tables) -> Delivery | timedelta | None:
            now = self._clock.now()
            message = tables.messages.get((parcel.queue, parcel.id))
            if message is None or message.due is None:
                return None
            if message.due > now:
                if message.carry is None:
                    tables.set(tables.messages, (message.queue, message.id), self._at(message.due, message))
                return message.due - now
            if message.tries < max_tries:
                return self._taken(tables, message, now + lease)
            _give_up(tables, message, now)
            return None

        return self._store.run(change)

    def collect(self, *, hold: timedelta, limit: int = 100) -> Sequence[Parcel]:
        now, generation = self._clock.now(), self._store.signal.generation

        def change(tables: Tables) -> list[Parcel]:
            found = sorted(
                (message.carry, message.seq, message)
                for message in tables.messages.values()
                if message.carry is not None
                and message.due is not None
                and max(message.carry, message.due) <= now
            )[:limit]
            for _, _, message in found:
                tables.set(tables.messages, (message.queue, message.id), replace(message, carry=now + hold))
            return [Parcel(message.queue, message.id, now + hold) for _, _, message in found]

        collected = self._store.run(change)
        if not collected:
            self._local.view = (now, generation)
        return collected

    def handed_over(self, parcels: Collection[Parcel]) -> None:
        def change(tables: Tables) -> None:
            for each in parcels:
                message = tables.messages.get((each.queue, each.id))
                if message is not None and each.until is not None and message.carry == each.until:
                    tables.set(tables.messages, (each.queue, each.id), replace(message, carry=None))

        self._store.run(change)

    def recall(self, queue: str, *, limit: int = 5000) -> int:
        now = self._clock.now()

        def change(tables: Tables) -> int:
            lost = sorted(
                (message.due, message.seq, message)
                for message in tables.messages.values()
                if message.queue == queue and message.due is not None and message.due <= now
                if message.carry is None
            )[:limit]
            for due, _, message in lost:
                tables.set(tables.messages, (queue, message.id), replace(message, carry=due))
            if lost:
                self._store.signal.mark()
            return len(lost)

        return self._store.run(change)

    # -------------------------------------------------------------------------------------- inside

    def _at(self, due: datetime | None, message: Message) -> Message:
        """Put a message to another time; word of it is to be given from then on, where it is carried."""
        return replace(message, due=due, carry=due if self._store.carried else None)

    def _taken(self, tables: Tables, message: Message, until: datetime) -> Delivery:
        taken = replace(message, tries=message.tries + 1, lease=secrets.token_hex(8))
        tables.set(tables.messages, (message.queue, message.id), self._at(until, taken))
        return _delivery(taken)

    def _claim(
        self, tables: Tables, queues: Sequence[str], now: datetime, until: datetime, max_tries: int
    ) -> Delivery | None:
        while (message := _due(tables, queues, now)) is not None:
            if message.tries < max_tries:
                return self._taken(tables, message, until)
            _give_up(tables, message, now)
        return None


def _give_up(tables: Tables, message: Message, now: datetime) -> None:
    reason = f"claimed {message.tries} times and never done"
    if message.reason is not None:
        reason = f"{message.reason}; {reason}"
    gone = replace(message, due=None, carry=None, lease=None, died=now, reason=reason)
    tables.set(tables.messages, (message.queue, message.id), gone)


def _due(tables: Tables, queues: Sequence[str], now: datetime) -> Message | None:
    """Return the message that has been due longest."""
    found = [
        (message.due, message.seq, message)
        for message in tables.messages.values()
        if message.due is not None and message.due <= now and message.queue in queues
    ]
    return min(found)[2] if found else None


def _next_due(tables: Tables, seen: datetime) -> datetime | None:
    dues = [m.due for m in tables.messages.values() if m.due is not None and m.due > seen]
    return min(dues, default=None)


def _delivery(message: Message) -> Delivery:
    return Delivery(
        id=message.id,
        queue=message.queue,
        body=codec.decode(message.text),
        tries=message.tries,
        lease=message.lease or "",
        sent=message.sent,
    )


def _dead_letter(message: Message, died: datetime) -> DeadLetter:
    return DeadLetter(
        id=message.id,
        queue=message.queue,
        body=codec.decode(message.text),
        tries=message.tries,
        reason=message.reason or "",
        died=died,
    )
