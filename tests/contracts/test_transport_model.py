"""Queues under random claims, renewals, deaths and a moving clock do what a model of thirty lines does."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from datacatalog.domain.errors import LeaseLost
from datacatalog.ports.stores import Delivery
from tests.contracts.ledgers import ENGINES, MovableClock
from tests.contracts.mongo_databases import needs_mongodb

LEASE = timedelta(seconds=10)
MAX_TRIES = 3
MODEST = settings(max_examples=25, stateful_step_count=30, deadline=None)

queues = st.sampled_from(["a", "b"])
ids = st.sampled_from("uvwxyz")
seconds = st.integers(0, 12).map(lambda number: timedelta(seconds=number))
several = st.sampled_from([("a",), ("b",), ("a", "b"), ("b", "a"), ()])
turns = st.integers(0, 7)


@dataclass
class Expected:
    """What a message should be like.

    Attributes:
        due: None once it was handled or given up.
        holder: the delivery that may settle it.
    """

    order: int
    due: datetime | None
    tries: int = 0
    holder: Delivery | None = None
    died: datetime | None = None


class QueueMachine(RuleBasedStateMachine):
    engine: str

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = MovableClock()
        self.model: dict[tuple[str, str], Expected] = {}
        self.deliveries: list[Delivery] = []
        self.open()

    def open(self) -> None:
        path = Path(self.folder.name) / "ledger.db"
        self.store, self.transport = ENGINES[self.engine](path, self.clock, lambda record: None)

    # -------------------------------------------------------------------------------- what is done

    @rule(queue=queues, id=ids, delay=seconds, fails=st.sampled_from([False, False, True]))
    def send(self, queue: str, id: str, delay: timedelta, fails: bool) -> None:
        at, key = self.clock.now(), (queue, id)

        def body(work: object) -> bool:
            sent = work.outbox.send(queue, {"id": id}, id=id, at=at, delay=delay)  # type: ignore[attr-defined]
            if fails:
                raise LookupError
            return bool(sent)

        try:
            sent = self.store.transact(body)
        except LookupError:
            return
        assert sent == (key not in self.model)
        self.model.setdefault(key, Expected(order=len(self.model), due=at + delay))

    @rule(names=several)
    def claim(self, names: tuple[str, ...]) -> None:
        got = self.transport.claim(names, lease=LEASE, max_tries=MAX_TRIES)
        expected = self.next_of(names)
        assert (got and (got.queue, got.id)) == expected
        if got is None or expected is None:
            return
        message = self.model[expected]
        message.tries += 1
        message.due, message.holder = self.clock.now() + LEASE, got
        assert (got.tries, got.body) == (message.tries, {"id": got.id})
        assert got.lease not in [each.lease for each in self.deliveries]
        self.deliveries.append(got)

    def next_of(self, names: tuple[str, ...]) -> tuple[str, str] | None:
        now = self.clock.now()
        due = [
            (message.due, message.order, key)
            for key, message in self.model.items()
            if key[0] in names and message.due is not None and message.due <= now
        ]
        for _, _, key in sorted(due):
            message = self.model[key]
            if message.tries < MAX_TRIES:
                return key
            message.due, message.holder, message.died = None, None, now
        return None

    @rule(turn=turns)
    def settle(self, turn: int) -> None:
        if (delivery := self.picked(turn)) is not None:
            mine = self.held(delivery)
            try:
                self.store.transact(lambda work: work.outbox.settle(delivery))
                assert mine is not None
                mine.due = mine.holder = None
            except LeaseLost:
                assert mine is None

    @rule(turn=turns, lease=seconds)
    def renew(self, turn: int, lease: timedelta) -> None:
        if (delivery := self.picked(turn)) is not None:
            mine = self.held(delivery)
            try:
                self.transport.renew(delivery, lease=lease)
                assert mine is not None
                mine.due = self.clock.now() + lease
            except LeaseLost:
                assert mine is None

    @rule(turn=turns, delay=seconds)
    def retry(self, turn: int, delay: timedelta) -> None:
        if (delivery := self.picked(turn)) is not None:
            self.transport.retry(delivery, delay=delay, reason="again")
            if (mine := self.held(delivery)) is not None:
                mine.due, mine.holder = self.clock.now() + delay, None

    @rule(turn=turns)
    def bury(self, turn: int) -> None:
        if (delivery := self.picked(turn)) is not None:
            self.transport.bury(delivery, reason="bad")
            if (mine := self.held(delivery)) is not None:
                mine.due, mine.holder, mine.died = None, None, self.clock.now()

    @rule(queue=queues, id=ids)
    def revive(self, queue: str, id: str) -> None:
        message = self.model.get((queue, id))
        dead = message is not None and message.died is not None
        assert self.transport.revive(queue, id) == dead
        if message is not None and dead:
            message.due, message.tries, message.died = self.clock.now(), 0, None

    @rule(step=seconds)
    def time_passes(self, step: timedelta) -> None:
        self.clock.move(step)

    @rule()
    def everything_starts_anew(self) -> None:
        if self.engine != "memory":
            self.store.close()
            self.open()

    def picked(self, turn: int) -> Delivery | None:
        return self.deliveries[-1 - turn % len(self.deliveries)] if self.deliveries else None

    def held(self, delivery: Delivery) -> Expected | None:
        message = self.model[delivery.queue, delivery.id]
        return message if message.holder == delivery else None

    # ------------------------------------------------------------------------- what is always true

    @invariant()
    def depth_is_what_waits_or_is_held(self) -> None:
        counted: dict[str, int] = {}
        for (queue, _), message in self.model.items():
            if message.due is not None:
                counted[queue] = counted.get(queue, 0) + 1
        assert self.transport.depth() == counted

    @invariant()
    def dead_letters_are_what_was_given_up(self) -> None:
        dead = [
            (message.died, message.order, key)
            for key, message in self.model.items()
            if message.died is not None
        ]
        found = [(letter.queue, letter.id) for letter in self.transport.dead()]
        assert found == [key for _, _, key in sorted(dead, reverse=True)]

    @invariant()
    def holder_alone_holds(self) -> None:
        for delivery in self.deliveries[-8:]:
            mine = self.held(delivery)
            try:
                self.store.read(lambda work, delivery=delivery: work.outbox.hold(delivery))  # type: ignore[misc]
                assert mine is not None
            except LeaseLost:
                assert mine is None

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


class MemoryQueueMachine(QueueMachine):
    engine = "memory"


class SqliteQueueMachine(QueueMachine):
    engine = "sqlite"


class MongoQueueMachine(QueueMachine):
    engine = "mongodb"


TestQueueInMemoryIsTheModel = MemoryQueueMachine.TestCase
TestQueueInTheLedgerFileIsTheModel = SqliteQueueMachine.TestCase
TestQueueInMemoryIsTheModel.settings = MODEST
TestQueueInTheLedgerFileIsTheModel.settings = MODEST

TestQueueInMongodbIsTheModel = needs_mongodb(MongoQueueMachine.TestCase)
TestQueueInMongodbIsTheModel.settings = MODEST
