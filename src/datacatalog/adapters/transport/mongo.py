"""The leased queue in the ledger's MongoDB database.

A message that waits, or is in hands, is due at some time: when it was sent to arrive, or when its lease ends. A claim
moves that time to the end of the new lease, so a worker that dies gives its message back by doing nothing.

Due times and leases are wall-clock time, as they have to be the same for all machines: whose clock is ahead by more than a lease takes
messages out of others' hands. They are then handled again, and a stale worker's writes are refused by its old lease.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pymongo import UpdateOne

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.mongo import documents, overlay
from datacatalog.adapters.stores.mongo.client import Documents, told
from datacatalog.adapters.stores.mongo.layout import MESSAGES
from datacatalog.adapters.stores.mongo.store import MongoStore
from datacatalog.adapters.transport import mongo_messages as messages
from datacatalog.domain.errors import LeaseLost
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import DeadLetter, Delivery
from datacatalog.ports.transport import DEAD_COUNTED, Backlog, Parcel

POLL_S = (0.02, 0.2)
"""How often a sleeping worker looks whether another process has committed: at first, and after a while."""

LOOK_S = 1.0
"""How often it looks besides whether another process has put a message off to an earlier time, which the log does not tell."""

_WINDOW = 1_000_000
"""With many messages due, only those are ordered that are due no later than so much after the last one [µs]."""

_FIRST = [("due", 1), ("order", 1)]
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _View:
    """What a thread had seen when it last looked for messages in vain.

    Attributes:
        now: the time of its look [µs since 1970].
        generation: of the news within this process.
        commit: the newest that was applied.
        queues: which it looked at; empty: all.
    """

    now: int
    generation: int
    commit: int
    queues: frozenset[str]


class MongoTransport:
    """Implements ports.transport.Mailbox."""

    def __init__(self, store: MongoStore, clock: Clock | None = None) -> None:
        """Args: clock: tells what is due and when leases end; the store's own where it is not given."""
        self._store = store
        self._carried = store.carried
        self._clock = clock or store.clock
        self._local = threading.local()
        self._last_due: dict[tuple[str, ...], int] = {}

    def claim(self, queues: Sequence[str], *, lease: timedelta, max_tries: int = 5) -> Delivery | None:
        if not queues:
            return None
        view = self._view(queues)
        names = tuple(sorted(queues))
        while True:
            now, token = self._now(), secrets.token_hex(8)
            update = self._claimed(now, lease, token, max_tries)
            before = self._claim_first(names, now, update)
            if before is None:
                self._local.view = view
                return None
            if before["tries"] < max_tries:
                return messages.delivery(before, token)

    def renew(self, delivery: Delivery, *, lease: timedelta) -> None:
        until = self._now() + lease // _MICROSECOND
        if not self._change(delivery, {"$set": messages.at(until, carried=self._carried)}):
            raise LeaseLost(delivery.id)

    def retry(self, delivery: Delivery, *, delay: timedelta, reason: str, counted: bool = True) -> None:
        at = messages.at(self._now() + delay // _MICROSECOND, carried=self._carried)
        update: messages.Update = {"$set": {**at, "lease": None, "reason": reason}}
        if not counted:
            update["$inc"] = {"tries": -1}
        if self._change(delivery, update):
            self._tell()

    def bury(self, delivery: Delivery, *, reason: str) -> None:
        self._change(delivery, {"$set": {**messages.NOT_WAITING, "died": self._now(), "reason": reason}})

    def dead(self, queue: str | None = None, *, limit: int = 100) -> Sequence[DeadLetter]:
        only = {} if queue is None else {"queue": queue}
        newest = [("died", -1), ("order", -1)]
        with told():
            found = self._messages.find({**only, "died": messages.ANY_TIME}).sort(newest).limit(limit)
            return [messages.dead_letter(each) for each in found] if limit > 0 else []

    def revive(self, queue: str, id: str) -> bool:
        at = messages.at(self._now(), carried=self._carried)
        revived = self._change_dead(queue, id, {**at, "tries": 0, "died": None, "reason": None})
        if revived:
            self._tell()
        return revived

    def discard(self, queue: str, id: str) -> bool:
        return self._change_dead(
            queue, id, {"died": None, "reason": None, "body": None, "handled": self._now()}
        )

    def waiting(self, queue: str, prefix: str) -> Sequence[str]:
        where = {**messages.named(queue, prefix), "due": messages.ANY_TIME}
        with told():
            return [each["id"] for each in self._messages.find(where, {"id": 1}).sort("id", 1)]

    def postpone(self, queue: str, prefix: str, *, delay: timedelta, limit: int = 5000) -> int:
        until = self._now() + delay // _MICROSECOND
        return self._reschedule({**messages.ANY_TIME, "$lt": until}, queue, prefix, until, limit)

    def hasten(self, queue: str, prefix: str, *, limit: int = 5000) -> int:
        now = self._now()
        return self._reschedule({"$gt": now}, queue, prefix, now, limit)

    def depth(self) -> Mapping[str, int]:
        return {queue: count for queue, count in self._counted("due", self._queues()).items() if count}

    def backlog(self) -> Mapping[str, Backlog]:
        now, queues = self._now(), self._queues()
        waiting, dead = self._counted("due", queues), self._counted("died", queues, DEAD_COUNTED)
        told_of = {queue: self._since(queue, now) for queue in waiting}
        return {
            queue: Backlog(
                waiting=waiting.get(queue, 0),
                oldest=codec.instant_or_none(told_of.get(queue, (None, None))[0]),
                dead=dead.get(queue, 0),
                unsent=codec.instant_or_none(told_of.get(queue, (None, None))[1]),
            )
            for queue in {*waiting, *dead}
        }

    def wait(self, timeout: timedelta) -> None:
        """Sleep until there is news since this thread's last claim in vain, or a message has become due since."""
        view: _View = getattr(self._local, "view", None) or self._view(())
        self._local.view = None
        end = time.monotonic() + timeout.total_seconds()
        pause, look, next_due = POLL_S[0], 0.0, None
        while (left := end - time.monotonic()) > 0:
            if self._was_sent_since(view):
                return
            if time.monotonic() >= look:
                next_due, look = self._next_due(view), time.monotonic() + LOOK_S
            until_due = (next_due - self._now()) / 1e6 if next_due is not None else left
            if until_due <= 0 or self._store.signal.wait(view.generation, min(left, until_due, pause)):
                return
            pause = min(2 * pause, POLL_S[1])

    def done(self, delivery: Delivery) -> None:
        """The ledger knows."""

    def close(self) -> None:
        """The store, whose queue it is, is closed by whoever opened it."""

    # ------------------------------------------------------------------------------ for a carrier

    def take(self, parcel: Parcel, *, lease: timedelta, max_tries: int = 5) -> Delivery | timedelta | None:
        key = documents.key(parcel.queue, parcel.id)
        self._store.catch_up()
        now, token = self._now(), secrets.token_hex(8)
        update = self._claimed(now, lease, token, max_tries)
        before = self._changed({"_id": key, "due": {**messages.ANY_TIME, "$lte": now}}, update)
        if before is not None:
            return messages.delivery(before, token) if before["tries"] < max_tries else None
        with told():
            found = self._messages.find_one({"_id": key, "due": messages.ANY_TIME}, {"due": 1, "carry": 1})
        if found is None:
            return None
        if found["carry"] is None:
            self._set({"_id": key, "due": found["due"], "carry": None}, {"carry": found["due"]})
        return max(_MICROSECOND * int(found["due"] - now), _MICROSECOND)

    def collect(self, *, hold: timedelta, limit: int = 100) -> Sequence[Parcel]:
        view = self._view(())
        now = self._now()
        until = now + hold // _MICROSECOND
        where = {"carry": {**messages.ANY_TIME, "$lte": now}, "due": {**messages.ANY_TIME, "$lte": now}}
        with told():
            order = [("carry", 1), ("order", 1)]
            fields = {"queue": 1, "id": 1, "carry": 1}
            found = list(self._messages.find(where, fields).sort(order).limit(limit)) if limit > 0 else []
        if not found:
            self._local.view = view
        return [Parcel(each["queue"], each["id"], codec.instant(until)) for each in self._kept(found, until)]

    def handed_over(self, parcels: Collection[Parcel]) -> None:
        before = {
            documents.key(each.queue, each.id): codec.micros(each.until)
            for each in parcels
            if each.until is not None
        }
        self._carry(before, None)

    def recall(self, queue: str, *, limit: int = 5000) -> int:
        where = {"queue": queue, "due": {**messages.ANY_TIME, "$lte": self._now()}, "carry": None}
        lost = self._first(where, limit)
        with told():
            count = self._messages.update_many(
                {"_id": {"$in": lost}, **where}, [{"$set": {"carry": "$due"}}]
            ).modified_count
        if count:
            self._tell()
        return count

    def _kept(self, found: Sequence[dict[str, Any]], until: int) -> Sequence[dict[str, Any]]:
        """Keep messages to collect from others; return those that nobody else was quicker with."""
        count = self._carry({each["_id"]: each["carry"] for each in found}, until)
        if count == len(found):
            return found
        with told():
            mine = {"_id": {"$in": [each["_id"] for each in found]}, "carry": until}
            kept = {each["_id"] for each in self._messages.find(mine, {"_id": 1})}
        return [each for each in found if each["_id"] in kept]

    def _carry(self, before: Mapping[str, int], after: int | None) -> int:
        """Change when word of messages is to be given, of each where it is still the time from before; return of how many."""
        steps = [
            UpdateOne({"_id": key, "carry": carry}, {"$set": {"carry": after}})
            for key, carry in before.items()
        ]
        if not steps:
            return 0
        with told():
            return self._messages.bulk_write(steps, ordered=False).modified_count

    # -------------------------------------------------------------------------------------- inside

    @property
    def _messages(self) -> Documents:
        return self._store.server.collection(MESSAGES)

    def _now(self) -> int:
        return codec.micros(self._clock.now())

    def _view(self, queues: Sequence[str]) -> _View:
        """Return the present view; it is taken before the look, so that nothing falls between the two."""
        generation, commit = self._store.signal.generation, self._store.newest
        return _View(self._now(), generation, commit, frozenset(queues))

    def _tell(self) -> None:
        """Wake the threads of this process."""
        self._store.signal.tell()

    def _claim_first(self, queues: tuple[str, ...], now: int, update: Any) -> dict[str, Any] | None:
        """Change the message of these queues that has been due longest.

        With many of them due, not all servers find the first along an index: so only the oldest are looked at first.
        """
        soon = self._last_due.get(queues, now) + _WINDOW
        for bound in [soon, now] if soon < now else [now]:
            due = {**messages.ANY_TIME, "$lte": bound}
            before = self._changed({**messages.of_queues(queues), "due": due}, update, sort=_FIRST)
            if before is not None:
                self._last_due[queues] = before["due"]
                return before
        self._last_due.pop(queues, None)
        return None

    def _claimed(self, now: int, lease: timedelta, token: str, max_tries: int) -> Any:
        return messages.claimed(now, now + lease // _MICROSECOND, token, max_tries, carried=self._carried)

    def _changed(
        self, where: Mapping[str, Any], update: Any, sort: Sequence[tuple[str, int]] | None = None
    ) -> dict[str, Any] | None:
        """Change one message; return what it was before, or None where there is no such message."""
        with told():
            return self._messages.find_one_and_update(where, update, sort=sort)

    def _set(self, where: Mapping[str, Any], fields: messages.Update) -> bool:
        """Change one message; tell whether there was such a message."""
        with told():
            return self._messages.update_one(where, {"$set": fields}).matched_count == 1

    def _change(self, delivery: Delivery, update: messages.Update) -> bool:
        """Change a message that is still held under this delivery's lease; tell whether it was."""
        key = documents.key(delivery.queue, delivery.id)
        with told():
            return self._messages.update_one({"_id": key, "lease": delivery.lease}, update).matched_count == 1

    def _change_dead(self, queue: str, id: str, fields: messages.Update) -> bool:
        return self._set({"_id": documents.key(queue, id), "died": messages.ANY_TIME}, fields)

    def _first(self, where: Mapping[str, Any], limit: int) -> list[str]:
        """Return the keys of the messages that have been due longest."""
        if limit <= 0:
            return []
        with told():
            return [each["_id"] for each in self._messages.find(where, {"_id": 1}).sort(_FIRST).limit(limit)]

    def _reschedule(self, which: Mapping[str, Any], queue: str, prefix: str, due: int, limit: int) -> int:
        where = {**messages.named(queue, prefix), "due": dict(which), "lease": None}
        found = self._first(where, limit)
        if not found:
            return 0
        at = {"$set": messages.at(due, carried=self._carried)}
        with told():
            count = self._messages.update_many({"_id": {"$in": found}, **where}, at).modified_count
        self._tell()
        return count

    def _queues(self) -> Sequence[str]:
        with told():
            return [str(name) for name in self._messages.distinct("queue") if name is not None]

    def _counted(self, field: str, queues: Sequence[str], limit: int | None = None) -> dict[str, int]:
        """Return how many messages have this instant, by queue; no more than `limit` over all."""
        pipeline: list[dict[str, Any]] = [
            {"$match": {"queue": {"$in": list(queues)}, field: messages.ANY_TIME}},
            *([] if limit is None else [{"$limit": limit}]),
            {"$group": {"_id": "$queue", "count": {"$sum": 1}}},
        ]
        with told():
            return {each["_id"]: int(each["count"]) for each in self._messages.aggregate(pipeline)}

    def _since(self, queue: str, now: int) -> tuple[int | None, int | None]:
        """Return since when a message has been due that has been due longest; and of those that wait for a carrier."""
        where = {"queue": queue, "due": {**messages.ANY_TIME, "$lte": now}}
        found = []
        for more in ({}, {"carry": messages.ANY_TIME}):
            with told():
                first = self._messages.find_one({**where, **more}, {"due": 1}, sort=_FIRST)
            found.append(None if first is None else int(first["due"]))
        return found[0], found[1]

    def _was_sent_since(self, view: _View) -> bool:
        """Tell whether a message was sent since, and is due; what others have committed is applied by then."""
        if self._store.catch_up() == view.commit:
            return False
        first = (view.commit + 1) << overlay.RANK_BITS
        due = {**messages.ANY_TIME, "$lte": self._now()}
        where = {**self._looked_at(view), "due": due, "order": {"$gte": first}}
        with told():
            return self._messages.find_one(where, {"_id": 1}) is not None

    def _next_due(self, view: _View) -> int | None:
        """Return when the next message becomes due after a look."""
        where = {**self._looked_at(view), "due": {"$gt": view.now}}
        with told():
            found = self._messages.find_one(where, {"due": 1}, sort=[("due", 1)])
        return None if found is None else int(found["due"])

    @staticmethod
    def _looked_at(view: _View) -> Mapping[str, Any]:
        return messages.of_queues(sorted(view.queues)) if view.queues else {}
