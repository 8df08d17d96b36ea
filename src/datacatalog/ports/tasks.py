"""Long work, done by workers under a lease: what a message set going, after its commit.

A task may be cut off anywhere and begun again by another worker. Whatever it writes, it writes through `Task.transact`, which
refuses once the lease is lost; it ends with `Task.finish`, whose writes and the end of the message are one commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from datacatalog.ports.stores import Delivery, Store, Work

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Task:
    """One try at a piece of long work.

    Attributes:
        last: whether this is the last try; what fails now is given up.
        exhausted: whether even that is over (the worker died in it): nothing may be tried any more, only given up.
    """

    delivery: Delivery
    store: Store
    last: bool
    exhausted: bool = False

    def transact(self, body: Callable[[Work], T]) -> T:
        """Write as `Store.transact` does, if the task is still ours.  Raises LeaseLost."""

        def held(work: Work) -> T:
            work.outbox.hold(self.delivery)
            return body(work)

        return self.store.transact(held)

    def advance(self, body: Callable[[Work], T]) -> T:
        """Write as `transact` does, what the next try goes on from: the tries are counted anew.  Raises LeaseLost."""

        def advanced(work: Work) -> T:
            work.outbox.hold(self.delivery, progressed=True)
            return body(work)

        return self.store.transact(advanced)

    def finish(self, body: Callable[[Work], T]) -> T:
        """Write, and take the task off its queue, in one commit.  Raises LeaseLost."""

        def settled(work: Work) -> T:
            result = body(work)
            work.outbox.settle(self.delivery)
            return result

        return self.store.transact(settled)
