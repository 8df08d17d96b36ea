"""What a queue in the ledger promises a broker that carries word of its messages; see datacatalog.ports.transport.Mailbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from datacatalog.ports.stores import Delivery, Store
from datacatalog.ports.transport import Mailbox, Parcel
from tests.contracts.ledgers import ENGINES, START, Gatekeeper, MovableClock

SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=60)
HOLD = timedelta(seconds=5)
NOW = SECOND * 0
TICK = timedelta(microseconds=1)


@dataclass
class Post:
    """A ledger that was opened for a carrier."""

    store: Store
    box: Mailbox
    clock: MovableClock

    def send(self, id: str, queue: str = "q", *, delay: timedelta = NOW) -> None:
        at = self.clock.now()
        self.store.transact(lambda work: work.outbox.send(queue, {"id": id}, id=id, at=at, delay=delay))

    def settle(self, delivery: Delivery) -> None:
        self.store.transact(lambda work: work.outbox.settle(delivery))

    def collected(self, limit: int = 100) -> list[str]:
        return [parcel.id for parcel in self.box.collect(hold=HOLD, limit=limit)]

    def told(self) -> list[str]:
        """Collect what there is and hand it over."""
        parcels = self.box.collect(hold=HOLD)
        self.box.handed_over(parcels)
        return [parcel.id for parcel in parcels]

    def take(self, id: str, queue: str = "q", *, max_tries: int = 5) -> Delivery | timedelta | None:
        return self.box.take(Parcel(queue, id), lease=LEASE, max_tries=max_tries)

    def taken(self, id: str) -> Delivery:
        delivery = self.take(id)
        assert isinstance(delivery, Delivery)
        return delivery


@pytest.fixture(params=ENGINES)
def post(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Post]:
    clock = MovableClock()
    store, box = ENGINES[request.param](tmp_path / "ledger.db", clock, Gatekeeper(), carried=True)
    yield Post(store, box, clock)
    store.close()


# --------------------------------------------------------------------------------- what is collected


def test_sent_messages_are_collected_as_they_were_sent_from_all_queues(post: Post) -> None:
    post.send("late", delay=SECOND)
    for name, queue in (("c", "q"), ("a", "other"), ("b", "q")):
        post.send(name, queue)
    found = post.box.collect(hold=HOLD)
    assert [(parcel.queue, parcel.id) for parcel in found] == [("q", "c"), ("other", "a"), ("q", "b")]
    post.clock.move(SECOND)
    assert post.collected() == ["late"]


def test_only_so_many_are_collected_at_a_time(post: Post) -> None:
    for name in "abc":
        post.send(name)
    assert post.collected(limit=2) == ["a", "b"]
    assert post.collected(limit=2) == ["c"]


def test_what_was_collected_is_nobody_elses_until_its_time_is_over(post: Post) -> None:
    post.send("m")
    assert post.collected() == ["m"]
    post.clock.move(HOLD - TICK)
    assert post.collected() == []
    post.clock.move(TICK)
    assert post.collected() == ["m"]


def test_what_was_handed_over_is_collected_no_more(post: Post) -> None:
    post.send("m")
    assert post.told() == ["m"]
    post.clock.move(LEASE * 100)
    assert post.collected() == []


@pytest.mark.parametrize("engine", ENGINES)
def test_message_that_is_not_carried_is_never_collected(engine: str, tmp_path: Path) -> None:
    store, box = ENGINES[engine](tmp_path / "ledger.db", MovableClock(), Gatekeeper())
    store.transact(lambda work: work.outbox.send("q", {}, id="m", at=START))
    assert box.collect(hold=HOLD) == []
    store.close()


# ---------------------------------------------------------------------------------- what is taken


def test_message_is_taken_by_the_word_of_it(post: Post) -> None:
    post.send("other")
    post.send("m")
    delivery = post.taken("m")
    assert (delivery.id, delivery.queue, delivery.body, delivery.tries) == ("m", "q", {"id": "m"}, 1)
    post.settle(delivery)
    assert post.box.depth() == {"q": 1}


def test_word_that_comes_twice_changes_nothing(post: Post) -> None:
    post.send("m")
    delivery = post.taken("m")
    post.clock.move(SECOND)
    assert post.take("m") == LEASE - SECOND
    post.settle(delivery)
    assert post.take("m") is None


def test_nobody_needs_to_do_anything_about_what_is_unknown_or_dead(post: Post) -> None:
    post.send("m")
    post.box.bury(post.taken("m"), reason="bad")
    assert post.take("m") is None
    assert post.take("unknown") is None
    assert post.take("m", "other") is None


def test_word_that_comes_early_is_given_again_when_the_message_is_due(post: Post) -> None:
    post.send("m")
    assert post.told() == ["m"]
    assert post.box.postpone("q", "m", delay=SECOND * 9) == 1
    assert post.take("m") == SECOND * 9
    assert post.collected() == []
    post.clock.move(SECOND * 9)
    assert post.collected() == ["m"]


def test_taking_the_message_that_kills_its_workers_makes_it_a_dead_letter(post: Post) -> None:
    post.send("m")
    for _ in range(2):
        assert isinstance(post.take("m", max_tries=2), Delivery)
        post.clock.move(LEASE)
    assert post.take("m", max_tries=2) is None
    [letter] = post.box.dead()
    assert (letter.id, letter.tries) == ("m", 2)
    assert post.collected() == []


# ------------------------------------------------------------------- when word is given once more


def test_message_of_a_dead_worker_is_collected_when_its_lease_ends(post: Post) -> None:
    post.send("m")
    post.told()
    post.taken("m")
    post.clock.move(LEASE - TICK)
    assert post.collected() == []
    post.clock.move(TICK)
    assert post.collected() == ["m"]
    assert post.taken("m").tries == 2


def test_message_whose_lease_is_renewed_is_not_collected(post: Post) -> None:
    post.send("m")
    post.told()
    delivery = post.taken("m")
    for _ in range(3):
        post.clock.move(LEASE - SECOND)
        post.box.renew(delivery, lease=LEASE)
    assert post.collected() == []
    post.clock.move(LEASE)
    assert post.collected() == ["m"]


def test_message_that_was_claimed_without_word_is_collected_only_when_its_lease_ends(post: Post) -> None:
    post.send("m")
    assert post.box.claim(["q"], lease=LEASE) is not None
    assert post.collected() == []
    post.clock.move(LEASE)
    assert post.collected() == ["m"]


ENDS: dict[str, Callable[[Post, Delivery], object]] = {
    "settled": lambda post, delivery: post.settle(delivery),
    "buried": lambda post, delivery: post.box.bury(delivery, reason="bad"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("told", [True, False])
def test_message_that_is_done_with_is_collected_no_more(post: Post, end: str, told: bool) -> None:
    post.send("m")
    if told:
        post.told()
    ENDS[end](post, post.taken("m"))
    post.clock.move(LEASE * 2)
    assert post.collected() == []
    assert post.box.recall("q") == 0


def test_given_back_message_is_collected_when_it_is_due_again(post: Post) -> None:
    post.send("m")
    post.told()
    post.box.retry(post.taken("m"), delay=SECOND * 3, reason="later")
    assert post.collected() == []
    post.clock.move(SECOND * 3)
    assert post.collected() == ["m"]


def test_word_that_was_quicker_than_the_note_of_it_is_not_the_last(post: Post) -> None:
    post.send("m")
    parcels = post.box.collect(hold=HOLD)
    post.box.retry(post.taken("m"), delay=SECOND, reason="later")
    post.box.handed_over(parcels)
    post.clock.move(SECOND)
    assert post.collected() == ["m"]


def test_note_of_what_is_done_with_changes_nothing(post: Post) -> None:
    post.send("m")
    parcels = post.box.collect(hold=HOLD)
    post.settle(post.taken("m"))
    post.box.handed_over([*parcels, Parcel("q", "unknown"), Parcel("q", "m")])
    assert post.box.depth() == {}
    assert post.collected() == []


def test_revived_and_hastened_messages_are_collected_at_once(post: Post) -> None:
    post.send("dead")
    post.send("late", delay=LEASE)
    post.told()
    post.box.bury(post.taken("dead"), reason="bad")
    assert post.box.revive("q", "dead")
    assert post.box.hasten("q", "late") == 1
    assert post.collected() == ["dead", "late"]


# ----------------------------------------------------------------------------------- what was lost


def test_what_a_broker_lost_is_recalled_and_nothing_else(post: Post) -> None:
    for name in ("held", "lost 1", "lost 2", "handled"):
        post.send(name)
    post.send("of another queue", "other")
    post.send("late", delay=LEASE)
    post.told()
    held = post.taken("held")
    post.settle(post.taken("handled"))
    assert post.box.recall("q") == 2
    assert post.collected() == ["lost 1", "lost 2"]
    assert post.box.recall("q") == 0
    post.settle(held)


def test_only_so_many_are_recalled_at_a_time(post: Post) -> None:
    for name in "abc":
        post.send(name)
    post.told()
    assert post.box.recall("q", limit=2) == 2
    assert post.collected() == ["a", "b"]
    assert post.box.recall("q", limit=2) == 1


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "memory"])
def test_what_waited_before_there_was_a_broker_is_recalled(engine: str, tmp_path: Path) -> None:
    clock, path = MovableClock(), tmp_path / "ledger.db"
    store, _ = ENGINES[engine](path, clock, Gatekeeper())
    store.transact(lambda work: work.outbox.send("q", {}, id="m", at=START))
    store.close()
    store, box = ENGINES[engine](path, clock, Gatekeeper(), carried=True)
    assert box.collect(hold=HOLD) == []
    assert box.recall("q") == 1
    assert [parcel.id for parcel in box.collect(hold=HOLD)] == ["m"]
    store.close()


# ------------------------------------------------------------------------------------------ waiting


def test_wait_ends_when_there_is_something_to_collect(post: Post) -> None:
    assert post.collected() == []
    timer = threading.Timer(0.1, post.send, ("m",))
    timer.start()
    started = time.monotonic()
    post.box.wait(SECOND * 20)
    assert time.monotonic() - started < 5
    assert post.collected() == ["m"]
    timer.join()


def test_wait_does_not_miss_what_was_sent_after_the_last_collection(post: Post) -> None:
    assert post.collected() == []
    post.send("m")
    started = time.monotonic()
    post.box.wait(SECOND * 20)
    assert time.monotonic() - started < 5


def test_message_of_which_no_word_was_given_is_told_of(post: Post) -> None:
    post.send("a")
    post.clock.move(SECOND)
    post.send("b")
    assert post.box.backlog()["q"].unsent == START
    post.told()
    assert post.box.backlog()["q"].unsent is None
