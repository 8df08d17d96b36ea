"""What every transport promises; see datacatalog.ports.transport."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from datacatalog.adapters.transport.carried import Carried
from datacatalog.domain.errors import LeaseLost, StoreDown
from datacatalog.ports.stores import DeadLetter, Delivery, Store
from datacatalog.ports.transport import Transport
from tests.contracts.brokers import BROKERED, needs_rabbitmq, own_queues
from tests.contracts.ledgers import ENGINES, START, Gatekeeper, Ledger, MovableClock

SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=60)


def send(
    store: Store, id: str, queue: str = "q", *, delay: timedelta = timedelta(0), at: timedelta = SECOND * 0
) -> None:
    store.transact(lambda work: work.outbox.send(queue, {"id": id}, id=id, at=START + at, delay=delay))


def settle(store: Store, delivery: Delivery) -> None:
    store.transact(lambda work: work.outbox.settle(delivery))


def claim(transport: Transport, *queues: str, max_tries: int = 5) -> Delivery | None:
    return transport.claim(queues or ("q",), lease=LEASE, max_tries=max_tries)


def claimed(transport: Transport, *queues: str) -> Delivery:
    delivery = claim(transport, *queues)
    assert delivery is not None
    return delivery


def claimed_ids(transport: Transport, *queues: str) -> list[str]:
    """Claim until nothing is due."""
    ids = []
    while (delivery := claim(transport, *queues)) is not None:
        ids.append(delivery.id)
    return ids


def as_they_came(transport: Transport, ids: list[str]) -> list[str]:
    """Return ids of several queues; sorted where a broker carries them, since it keeps an order within each queue alone."""
    return sorted(ids) if isinstance(transport, Carried) else ids


@pytest.fixture(params=[*ENGINES, *(pytest.param(name, marks=needs_rabbitmq) for name in BROKERED)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    clock, gatekeeper, path = MovableClock(), Gatekeeper(), tmp_path / "ledger.db"
    with ExitStack() as stack:
        if request.param in BROKERED:
            url = stack.enter_context(own_queues())
            store, transport = BROKERED[request.param](path, clock, gatekeeper, url)
        else:
            store, transport = ENGINES[request.param](path, clock, gatekeeper)
        yield Ledger(store=store, transport=transport, clock=clock, gatekeeper=gatekeeper)
        transport.close()
        store.close()


# ------------------------------------------------------------------------------------------- claiming


def test_claimed_message_is_the_one_that_was_sent(store: Store, transport: Transport) -> None:
    send(store, "m")
    delivery = claimed(transport)
    assert (delivery.id, delivery.queue, delivery.body) == ("m", "q", {"id": "m"})
    assert (delivery.tries, delivery.sent) == (1, START)


def test_nothing_is_claimed_from_empty_or_other_queues(store: Store, transport: Transport) -> None:
    send(store, "m", "other")
    assert claim(transport) is None
    assert transport.claim([], lease=LEASE) is None


def test_message_is_in_one_pair_of_hands_at_a_time(store: Store, transport: Transport) -> None:
    send(store, "m")
    assert claimed_ids(transport) == ["m"]


def test_messages_come_by_due_time_and_then_as_they_were_sent(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "c", delay=SECOND * 2)
    send(store, "a", at=SECOND)
    send(store, "z")
    send(store, "b", at=SECOND)
    send(store, "first", at=-SECOND)
    clock.move(SECOND * 5)
    assert claimed_ids(transport) == ["first", "z", "a", "b", "c"]


def test_several_queues_are_served_in_one_order(store: Store, transport: Transport) -> None:
    send(store, "4", "b")
    send(store, "3", "c", at=-SECOND)
    send(store, "2", "a", at=-SECOND * 2)
    send(store, "1", "b", at=-SECOND * 3)
    assert as_they_came(transport, claimed_ids(transport, "a", "b")) == ["1", "2", "4"]


def test_delayed_message_is_not_due_before_its_time(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "m", delay=SECOND * 10)
    clock.move(SECOND * 10 - timedelta(microseconds=1))
    assert claim(transport) is None
    assert transport.depth() == {"q": 1}
    clock.move(timedelta(microseconds=1))
    assert claimed(transport).id == "m"


def test_message_of_a_dead_worker_is_due_again_when_its_lease_ends(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "m")
    first = claimed(transport)
    clock.move(LEASE - timedelta(microseconds=1))
    assert claim(transport) is None
    clock.move(timedelta(microseconds=1))
    second = claimed(transport)
    assert (second.id, second.tries) == ("m", 2)
    assert second.lease != first.lease


def test_settled_message_never_comes_back(store: Store, transport: Transport, clock: MovableClock) -> None:
    send(store, "m")
    settle(store, claimed(transport))
    clock.move(LEASE * 100)
    assert claim(transport) is None
    assert transport.depth() == {}
    assert transport.dead() == []


def test_message_that_kills_its_workers_is_given_up_and_the_next_one_served(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "poison")
    for _ in range(3):
        assert claim(transport, max_tries=3) is not None
        clock.move(LEASE)
    send(store, "good", at=LEASE * 3)
    delivery = claim(transport, max_tries=3)
    assert delivery is not None
    assert delivery.id == "good"
    [letter] = transport.dead()
    assert (letter.id, letter.tries, letter.body) == ("poison", 3, {"id": "poison"})
    assert "3 times" in letter.reason
    assert letter.died == clock.now()


def test_many_poisonous_messages_are_passed_in_one_claim(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    for number in range(20):
        send(store, f"poison {number}")
    assert len([claim(transport, max_tries=1) for _ in range(20)]) == 20
    clock.move(LEASE)
    assert claim(transport, max_tries=1) is None
    assert len(transport.dead()) == 20
    assert transport.depth() == {}


# --------------------------------------------------------------------------- holding on, giving back


@pytest.mark.parametrize("end", ["dies", "gives it back", "is stopped"])
def test_work_that_comes_further_with_each_try_is_never_given_up(
    store: Store, transport: Transport, clock: MovableClock, end: str
) -> None:
    send(store, "m")
    for _ in range(12):
        for _ in range(3):  # two of them come to nothing
            delivery = claim(transport, max_tries=4)
            assert delivery is not None
            clock.move(LEASE)
        store.transact(lambda work, held=delivery: work.outbox.hold(held, progressed=True))
        if end != "dies":
            transport.retry(delivery, delay=SECOND * 0, reason="again", counted=end == "gives it back")
    for _ in range(8):
        claim(transport, max_tries=4)
        clock.move(LEASE)
    assert [dead.id for dead in transport.dead()] == ["m"]


def test_stale_worker_makes_no_progress(store: Store, transport: Transport, clock: MovableClock) -> None:
    send(store, "m")
    stale = claimed(transport)
    clock.move(LEASE)
    assert claimed(transport).tries == 2
    with pytest.raises(LeaseLost):
        store.transact(lambda work: work.outbox.hold(stale, progressed=True))
    clock.move(LEASE)
    assert claimed(transport).tries == 3


def test_renewed_lease_holds_a_message_longer(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "m")
    delivery = claimed(transport)
    for _ in range(5):
        clock.move(LEASE - SECOND)
        transport.renew(delivery, lease=LEASE)
        assert claim(transport) is None
    settle(store, delivery)


def test_lease_that_went_to_another_cannot_be_renewed(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "m")
    stale = claimed(transport)
    clock.move(LEASE)
    fresh = claimed(transport)
    with pytest.raises(LeaseLost):
        transport.renew(stale, lease=LEASE)
    settle(store, fresh)
    with pytest.raises(LeaseLost):
        transport.renew(fresh, lease=LEASE)


def test_given_back_message_is_due_after_its_delay_and_counts_its_tries(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "m")
    transport.retry(claimed(transport), delay=SECOND * 5, reason="platform down")
    assert transport.depth() == {"q": 1}
    assert claim(transport) is None
    clock.move(SECOND * 5)
    assert claimed(transport).tries == 2


def test_given_back_message_is_no_longer_held(store: Store, transport: Transport) -> None:
    send(store, "m")
    delivery = claimed(transport)
    transport.retry(delivery, delay=SECOND * 0, reason="later")
    with pytest.raises(LeaseLost):
        settle(store, delivery)


def test_last_reason_is_told_with_a_message_that_was_tried_too_often(
    store: Store, transport: Transport
) -> None:
    send(store, "m")
    for _ in range(2):
        transport.retry(claimed(transport), delay=SECOND * 0, reason="platform down")
    assert claim(transport, max_tries=2) is None
    [letter] = transport.dead()
    assert "platform down" in letter.reason


STALE: dict[str, Callable[[Transport, Delivery], None]] = {
    "retry": lambda transport, delivery: transport.retry(delivery, delay=SECOND * 0, reason="late"),
    "bury": lambda transport, delivery: transport.bury(delivery, reason="late"),
}


@pytest.mark.parametrize("way", STALE)
def test_stale_worker_changes_nothing(
    store: Store, transport: Transport, clock: MovableClock, way: str
) -> None:
    send(store, "m")
    stale = claimed(transport)
    clock.move(LEASE)
    fresh = claimed(transport)
    STALE[way](transport, stale)
    assert claim(transport) is None
    assert transport.dead() == []
    settle(store, fresh)
    STALE[way](transport, fresh)
    assert transport.depth() == {}
    assert transport.dead() == []


# -------------------------------------------------------------------------------------- dead letters


def test_buried_message_is_a_dead_letter_with_its_reason(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "m")
    delivery = claimed(transport)
    clock.move(SECOND)
    transport.bury(delivery, reason="no such job")
    assert transport.dead() == [
        DeadLetter(id="m", queue="q", body={"id": "m"}, tries=1, reason="no such job", died=START + SECOND)
    ]
    assert transport.depth() == {}
    clock.move(LEASE * 2)
    assert claim(transport) is None


def test_dead_letters_come_newest_first_by_queue(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    for name, queue in (("1", "a"), ("2", "b"), ("3", "a"), ("4", "a")):
        send(store, name, queue)
        transport.bury(claimed(transport, queue), reason="bad")
        clock.move(SECOND)
    assert [letter.id for letter in transport.dead()] == ["4", "3", "2", "1"]
    assert [letter.id for letter in transport.dead("a")] == ["4", "3", "1"]
    assert [letter.id for letter in transport.dead("a", limit=2)] == ["4", "3"]
    assert transport.dead("c") == []


def test_revived_message_starts_over(store: Store, transport: Transport, clock: MovableClock) -> None:
    send(store, "m")
    transport.bury(claimed(transport), reason="bad")
    clock.move(SECOND)
    assert transport.revive("q", "m")
    assert transport.dead() == []
    assert transport.depth() == {"q": 1}
    assert claimed(transport).tries == 1


def test_only_dead_letters_can_be_revived(store: Store, transport: Transport) -> None:
    send(store, "m")
    assert not transport.revive("q", "m")
    settle(store, claimed(transport))
    assert not transport.revive("q", "m")
    assert not transport.revive("q", "unknown")
    assert not transport.revive("other", "m")


def test_message_given_back_uncounted_was_not_tried(store: Store, transport: Transport) -> None:
    send(store, "m")
    transport.retry(claimed(transport), delay=timedelta(0), reason="stopped", counted=False)
    assert claimed(transport).tries == 1


def test_discarded_dead_letter_is_gone_and_its_id_stays_known(store: Store, transport: Transport) -> None:
    send(store, "m")
    assert not transport.discard("q", "m")
    transport.bury(claimed(transport), reason="bad")
    assert not transport.discard("other", "m")
    assert transport.discard("q", "m")
    assert transport.dead() == []
    assert transport.depth() == {}
    assert not transport.discard("q", "m")
    assert not transport.revive("q", "m")
    assert not store.transact(lambda work: work.outbox.send("q", {}, id="m", at=START))


def test_id_of_a_dead_letter_cannot_be_sent_again(store: Store, transport: Transport) -> None:
    send(store, "m")
    transport.bury(claimed(transport), reason="bad")
    assert not store.transact(lambda work: work.outbox.send("q", {}, id="m", at=START))


def test_what_waits_and_what_is_in_hands_is_found_by_how_its_id_begins(
    store: Store, transport: Transport
) -> None:
    for key in ("a:10", "a:2", "a:3", "a:4", "a", "b:1", "a;1"):
        send(store, key)
    send(store, "a:5", "other")
    hands = {key: claimed(transport) for key in ("a:10", "a:2", "a:3")}
    settle(store, hands["a:2"])
    transport.bury(hands["a:3"], reason="r")
    assert transport.waiting("q", "a:") == ["a:10", "a:4"]
    assert transport.waiting("q", "c") == []


def test_messages_are_postponed_by_how_their_ids_begin(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    for name in ("a:1", "a:2", "b:1", "ab:1"):
        send(store, name)
    send(store, "a:late", delay=SECOND * 99)
    send(store, "a:1", "other")
    assert transport.postpone("q", "a:", delay=SECOND * 5) == 2
    found = claimed_ids(transport, "q", "other")
    assert as_they_came(transport, found) == as_they_came(transport, ["b:1", "ab:1", "a:1"])
    clock.move(SECOND * 5)
    assert claimed_ids(transport) == ["a:1", "a:2"]
    clock.move(SECOND * 54)
    assert transport.postpone("q", "a:", delay=SECOND * 5) == 0


def test_what_is_in_hands_handled_or_dead_is_neither_postponed_nor_hastened(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    for name in ("a:handled", "a:dead", "a:held"):
        send(store, name)
    settle(store, claimed(transport))
    transport.bury(claimed(transport), reason="no")
    held = claimed(transport)
    assert transport.postpone("q", "a:", delay=LEASE * 9) == 0
    assert transport.hasten("q", "a:") == 0
    assert claim(transport) is None
    clock.move(LEASE)
    assert claimed(transport).id == held.id


def test_message_that_is_postponed_counts_no_try_and_tells_its_last_reason(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "m")
    transport.retry(claimed(transport), delay=SECOND * 0, reason="away")
    assert transport.postpone("q", "m", delay=SECOND) == 1
    clock.move(SECOND)
    delivery = claimed(transport)
    assert delivery.tries == 2
    assert transport.claim(["q"], lease=LEASE) is None


def test_messages_are_hastened_and_come_as_they_were_sent(store: Store, transport: Transport) -> None:
    for name in ("a:1", "b:1", "a:2"):
        send(store, name, delay=SECOND * 99)
    assert transport.hasten("q", "a:") == 2
    assert claimed_ids(transport) == ["a:1", "a:2"]
    assert transport.hasten("q", "a:") == 0


def test_only_so_many_are_postponed_or_hastened_at_a_time(store: Store, transport: Transport) -> None:
    for number in range(5):
        send(store, f"a:{number}")
    assert transport.postpone("q", "a:", delay=SECOND * 9, limit=3) == 3
    assert claimed_ids(transport) == ["a:3", "a:4"]
    assert transport.hasten("q", "a:", limit=2) == 2
    assert claimed_ids(transport) == ["a:0", "a:1"]


def test_wait_ends_when_messages_are_hastened(store: Store, transport: Transport) -> None:
    send(store, "m", delay=SECOND * 99)
    assert claim(transport) is None
    threading.Timer(0.05, lambda: transport.hasten("q", "m")).start()
    started = time.monotonic()
    transport.wait(SECOND * 10)
    assert time.monotonic() - started < 5
    assert claimed(transport).id == "m"


def test_depth_counts_what_waits_and_what_is_in_hands(store: Store, transport: Transport) -> None:
    assert transport.depth() == {}
    for number in range(3):
        send(store, f"a{number}", "a")
    send(store, "b", "b", delay=LEASE)
    claimed(transport, "a")
    settle(store, claimed(transport, "a"))
    assert transport.depth() == {"a": 2, "b": 1}


# ------------------------------------------------------------------------------------------- waiting


def waited(transport: Transport, timeout: timedelta) -> float:
    started = time.monotonic()
    transport.wait(timeout)
    return time.monotonic() - started


def test_wait_ends_with_its_timeout_where_nothing_comes(transport: Transport) -> None:
    assert claim(transport) is None
    assert 0.1 <= waited(transport, timedelta(seconds=0.1)) < 1


def test_wait_is_not_cut_short_by_what_was_due_before_for_others(store: Store, transport: Transport) -> None:
    send(store, "m", "of others")
    assert claim(transport) is None
    assert waited(transport, timedelta(seconds=0.1)) >= 0.1


def test_wait_ends_when_a_message_is_sent(store: Store, transport: Transport) -> None:
    assert claim(transport) is None
    sender = threading.Timer(0.1, send, (store, "m"))
    sender.start()
    assert waited(transport, timedelta(seconds=20)) < 5
    assert claimed(transport).id == "m"
    sender.join()


def test_wait_does_not_miss_what_was_sent_after_the_last_look(store: Store, transport: Transport) -> None:
    assert claim(transport) is None
    send(store, "m")
    assert waited(transport, timedelta(seconds=20)) < 5


def test_wait_ends_when_a_message_is_given_back(store: Store, transport: Transport) -> None:
    send(store, "m")
    delivery = claimed(transport)
    assert claim(transport) is None
    timer = threading.Timer(0.1, lambda: transport.retry(delivery, delay=SECOND * 0, reason="again"))
    timer.start()
    assert waited(transport, timedelta(seconds=20)) < 5
    timer.join()


def test_wait_ends_when_a_delayed_message_becomes_due(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "m", delay=timedelta(seconds=0.2))
    assert claim(transport) is None
    timer = threading.Timer(0.2, clock.move, (SECOND,))
    timer.start()
    assert waited(transport, timedelta(seconds=20)) < 5
    timer.join()
    assert claimed(transport).id == "m"


def test_closed_ledger_has_no_transport(store: Store, transport: Transport) -> None:
    store.close()
    with pytest.raises(StoreDown):
        claim(transport)
