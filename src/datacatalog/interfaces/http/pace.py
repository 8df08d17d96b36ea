"""How long one would wait for something that is done by few and asked for by many."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

REMEMBERED = 20
"""Means are of so many, roughly: what was before is forgotten."""


class Pace:
    """Counts what waits for its turn, and how long one turn takes.

    Args:
        servers: how many are done at a time.
    """

    def __init__(self, servers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._servers, self._clock = servers, clock
        self._lock = threading.Lock()
        self._inside = 0
        self._each_s = 0.0
        self._since = 0.0

    def come(self) -> None:
        """Note that one more is to be done."""
        with self._lock:
            if self._inside == 0:
                self._since = self._clock()
            self._inside += 1

    def done(self, count: int, took_s: float) -> None:
        """Note that `count` were done, one after the other, which took so long in all."""
        with self._lock:
            self._inside -= count
            self._since = self._clock()
            self._each_s += min(1.0, count / REMEMBERED) * (took_s / count - self._each_s)

    def wait_s(self) -> float:
        """Return how long one that comes now would wait; where nothing moves, at least for as long as that has been so."""
        with self._lock:
            before = self._inside - self._servers + 1
            if before <= 0:
                return 0.0
            return max(before * self._each_s / self._servers, self._clock() - self._since)
