"""What every transport tells of its queues to those who watch them."""

from __future__ import annotations

from datetime import timedelta

from datacatalog.ports.stores import Store
from datacatalog.ports.transport import Backlog, Transport
from tests.contracts.ledgers import START, MovableClock
from tests.contracts.test_transport import LEASE, SECOND, claimed, send, settle


def told(transport: Transport) -> dict[str, tuple[int, timedelta | None, int]]:
    """Return {queue: (waiting, how long after START the oldest became due, dead)}."""
    return {
        queue: (each.waiting, None if each.oldest is None else each.oldest - START, each.dead)
        for queue, each in transport.backlog().items()
        if each != Backlog()
    }


def test_nothing_is_told_of_an_empty_ledger(transport: Transport) -> None:
    assert told(transport) == {}


def test_what_waits_is_counted_and_the_oldest_told(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    for number in range(3):
        send(store, f"a{number}", "a", at=SECOND * number)
    send(store, "b", "b", delay=LEASE)
    clock.move(10 * SECOND)
    assert told(transport) == {"a": (3, SECOND * 0, 0), "b": (1, None, 0)}


def test_what_is_in_hands_waits_but_is_not_the_oldest(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "first")
    send(store, "second", at=SECOND)
    clock.move(10 * SECOND)
    delivery = claimed(transport)
    assert told(transport) == {"q": (2, SECOND, 0)}
    settle(store, delivery)
    assert told(transport) == {"q": (1, SECOND, 0)}


def test_what_its_worker_left_behind_is_due_since_its_lease_ended(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store, "m")
    clock.move(SECOND)
    claimed(transport)
    clock.move(2 * LEASE)
    assert told(transport) == {"q": (1, SECOND + LEASE, 0)}


def test_dead_letters_are_counted_apart(store: Store, transport: Transport) -> None:
    for number in range(3):
        send(store, f"m{number}")
    transport.bury(claimed(transport), reason="no")
    transport.bury(claimed(transport), reason="no")
    assert told(transport) == {"q": (1, SECOND * 0, 2)}
    assert transport.depth() == {"q": 1}
