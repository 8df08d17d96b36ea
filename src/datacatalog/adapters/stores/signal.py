"""News within one process: a message was sent."""

from __future__ import annotations

import threading


class Signal:
    """Wakes those who wait for messages, once the work that sent some is committed.

    Attributes:
        generation: counts up with every piece of news.
    """

    def __init__(self) -> None:
        self.generation = 0
        self._marked = False
        self._condition = threading.Condition()

    def mark(self) -> None:
        """Note, under the store's write lock, that there will be news."""
        self._marked = True

    def pass_on(self) -> None:
        """Wake everybody if there is news."""
        if not self._marked:
            return
        self._marked = False
        self.tell()

    def tell(self) -> None:
        """Wake everybody, for news that no work is about."""
        with self._condition:
            self.generation += 1
            self._condition.notify_all()

    def wait(self, generation: int, timeout_s: float) -> bool:
        """Sleep until there is news after `generation`, at most `timeout_s`; tell whether there is."""
        with self._condition:
            return self._condition.wait_for(lambda: self.generation != generation, timeout_s)
