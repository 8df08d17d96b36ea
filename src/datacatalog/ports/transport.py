"""How messages get from one actor to another: at least once, under a lease, never silently lost.

Messages are sent by `Work.outbox.send` and taken off by `Work.outbox.settle`, each in one commit with the
work around it. This port is the worker's side: claiming, holding on, trying again, giving up.
Every engine passes tests/contracts/test_transport.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from datacatalog.ports.stores import DeadLetter, Delivery


class Transport(Protocol):
    def claim(self, queues: Sequence[str], *, lease: timedelta, max_tries: int = 5) -> Delivery | None:
        """Take the message that has been due longest, or None.

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

    def wait(self, timeout: timedelta) -> None:
        """Sleep until a message may have become due, at most `timeout`."""
        ...
