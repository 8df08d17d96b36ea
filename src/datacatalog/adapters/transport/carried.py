"""What a carrier of messages leaves to the ledger: all but bringing them to the workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from datacatalog.ports.stores import DeadLetter, Delivery
from datacatalog.ports.transport import Backlog, Mailbox


class Carried:
    """The part of ports.transport.Transport that is the ledger's."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    def renew(self, delivery: Delivery, *, lease: timedelta) -> None:
        self.mailbox.renew(delivery, lease=lease)

    def retry(self, delivery: Delivery, *, delay: timedelta, reason: str, counted: bool = True) -> None:
        self.mailbox.retry(delivery, delay=delay, reason=reason, counted=counted)

    def bury(self, delivery: Delivery, *, reason: str) -> None:
        self.mailbox.bury(delivery, reason=reason)

    def dead(self, queue: str | None = None, *, limit: int = 100) -> Sequence[DeadLetter]:
        return self.mailbox.dead(queue, limit=limit)

    def revive(self, queue: str, id: str) -> bool:
        return self.mailbox.revive(queue, id)

    def discard(self, queue: str, id: str) -> bool:
        return self.mailbox.discard(queue, id)

    def waiting(self, queue: str, prefix: str) -> Sequence[str]:
        return self.mailbox.waiting(queue, prefix)

    def postpone(self, queue: str, prefix: str, *, delay: timedelta, limit: int = 5000) -> int:
        return self.mailbox.postpone(queue, prefix, delay=delay, limit=limit)

    def hasten(self, queue: str, prefix: str, *, limit: int = 5000) -> int:
        return self.mailbox.hasten(queue, prefix, limit=limit)

    def depth(self) -> Mapping[str, int]:
        return self.mailbox.depth()

    def backlog(self) -> Mapping[str, Backlog]:
        return self.mailbox.backlog()

    def done(self, delivery: Delivery) -> None:
        """The ledger knows; its word was taken off when the message was claimed."""
