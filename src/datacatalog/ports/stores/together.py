"""Many pieces of work at once, for engines in which several share what makes them durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from datacatalog.ports.stores.store import Work


class Done(NamedTuple):
    """What became of one piece of work: `result`, or the `error` that undid it."""

    result: Any = None
    error: BaseException | None = None


@runtime_checkable
class Together(Protocol):
    """A store that takes many pieces of work from one thread at once."""

    def transact_each(self, bodies: Sequence[Callable[[Work], Any]]) -> Sequence[Done]:
        """Run each body as `Store.transact` would, all-or-nothing by itself, and return once all that stays is on disk.

        Each sees what those before it wrote. An error of one undoes that one alone; where nothing could be written, each has
        StoreDown. The order of what is returned is that of `bodies`.
        """
        ...
