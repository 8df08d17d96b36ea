"""How messages get from one actor to another: at least once, under a lease, never silently lost.

Messages are sent by `Work.outbox.send` and taken off by `Work.outbox.settle`, each in one commit with the
work around it. This port is the worker's side: claiming, holding on, trying again, giving up.
Every engine passes tests/contracts/test_transport.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from datacatalog.ports.stores import DeadLetter, Delivery

DEAD_COUNTED = 10_000
"""Dead letters are counted up to this many, over all queues: with more, the number does not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How it stands with one queue.

    Attributes:
        waiting: messages that wait or are being handled, as `Transport.depth` counts them.
        oldest: since when the message has been due that has been due longest, and is in nobody's hands; None: none is due.
        dead: dead letters, see DEAD_COUNTED.
        unsent: since when the message has been due that has been due longest without word of it having reached what carries
            messages; None: there is none, or nothing carries messages but the store itself.
    """

    waiting: int = 0
    oldest: datetime | None = None
    dead: int = 0
    unsent: datetime | None = None


class Transport(Protocol):
    def claim(self, queues: Sequence[str], *, lease: timedelta, max_tries: int = 5) -> Delivery | None:
        """Take the message that has been due longest, or None; of several queues that a broker carries, of any of them.

        A message whose lease ended is due again. One that was already claimed `max_tries` times (its worker
        died each time) becomes a dead letter here and the next one is looked at.
        Raises StoreDown.
        """
        ...

    def renew(self, delivery: Delivery, *, lease: timedelta) -> None:
        """Hold on to a message.  Raises LeaseLost, StoreDown."""
        ...

    def retry(self, delivery: Delivery, *, delay: timedelta, reason: str, counted: bool = True) -> None:
        """Give a message back, due again after `delay`; does nothing where the lease was lost.

        Args:
            counted: whether this was a try; False where its worker was asked to stop.
        """
        ...

    def bury(self, delivery: Delivery, *, reason: str) -> None:
        """Make a message a dead letter; does nothing where the lease was lost."""
        ...

    def dead(self, queue: str | None = None, *, limit: int = 100) -> Sequence[DeadLetter]:
        """Return dead letters, newest first."""
        ...

    def revive(self, queue: str, id: str) -> bool:
        """Make a dead letter due again with its tries counted from 0; False where there is none."""
        ...

    def discard(self, queue: str, id: str) -> bool:
        """Throw a dead letter away for good; False where there is none. Its id stays known as handled."""
        ...

    def waiting(self, queue: str, prefix: str) -> Sequence[str]:
        """Return the ids that begin so of messages that wait or are being handled, in their order; dead letters are none of them."""
        ...

    def postpone(self, queue: str, prefix: str, *, delay: timedelta, limit: int = 5000) -> int:
        """Make messages whose ids begin so due after `delay`, where they are due before; return how many there were.

        Only those that wait, not those in somebody's hands. None counts a try by it.

        Args:
            limit: no more than so many, those that have been due longest, so that nobody who writes has to wait long.
        """
        ...

    def hasten(self, queue: str, prefix: str, *, limit: int = 5000) -> int:
        """Make messages whose ids begin so due now, where they are not yet; return how many there were; as `postpone`."""
        ...

    def depth(self) -> Mapping[str, int]:
        """Return how many messages wait or are being handled, by queue; dead letters not counted."""
        ...

    def backlog(self) -> Mapping[str, Backlog]:
        """Return how it stands with each queue that has messages or dead letters.

        For graphs and alerts, some times a minute: along indexes, and never over what was handled.
        """
        ...

    def wait(self, timeout: timedelta) -> None:
        """Sleep until a message may have become due, at most `timeout`."""
        ...

    def done(self, delivery: Delivery) -> None:
        """Be told that the handling of a delivery is over, however it ended: settled, given back, buried or lost.

        To be called after that; what only carries messages then takes it off. Raises nothing.
        """
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a carrier takes from the ledger to a worker: which message is due. The message itself stays in the ledger.

    Attributes:
        until: when it is to be collected again, unless it is handed over before; None in a worker's hands.
    """

    queue: str
    id: str
    until: datetime | None = field(default=None, compare=False)


class Mailbox(Transport, Protocol):
    """The queue in the store, as a carrier (a message broker) needs it besides.

    The ledger has the last word on every message: whether it is due, who holds it, how often it was tried. A carrier
    brings word of a message to a worker, who then takes the message here. So word that comes twice, late or out of order changes
    nothing; and word that was lost is given again.

    A store that was opened for a carrier notes of each message from when on word of it is to be given (again): when it is
    sent, given back, put off or revived, from when it is due on; when it is claimed, from when the lease ends on, for its worker may
    die. Once word was given, no more until one of these, or `recall`.
    """

    def take(self, parcel: Parcel, *, lease: timedelta, max_tries: int = 5) -> Delivery | timedelta | None:
        """Claim the message that a parcel tells of, as `claim` does.

        Returns:
            How long it is not due yet (somebody holds it, or it was put off): word of it will be given again by then.
            None: nobody needs to do anything about it any more.
        Raises:
            StoreDown.
        """
        ...

    def collect(self, *, hold: timedelta, limit: int = 100) -> Sequence[Parcel]:
        """Return messages that are due and of which word is to be given, those that have been due longest first.

        Nobody else gets them for `hold`; after it they are to be collected again, unless they were `handed_over` meanwhile.
        """
        ...

    def handed_over(self, parcels: Collection[Parcel]) -> None:
        """Note that word of these is safely on its way, of each where nothing became of it since it was collected.

        Where word was quicker, and the message was tried and given back meanwhile, word of it has to be given once more.
        """
        ...

    def recall(self, queue: str, *, limit: int = 5000) -> int:
        """Have word given again of what is due in a queue and held by nobody; return of how many.

        For when the carrier has nothing left of a queue.
        """
        ...


@runtime_checkable
class Carrier(Protocol):
    """A transport that has something else than the ledger bring word of messages, such as a message broker."""

    def give_word(self) -> int:
        """Give word of all messages that are due and of which it is still to be given; return of how many.

        Raises:
            Unavailable: what carries them is not reached now.
            StoreDown.
        """
        ...
