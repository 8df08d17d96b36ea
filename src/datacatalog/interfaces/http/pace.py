"""How long one would wait for something that is done by few and asked for by many."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

REMEMBERED = 20
"""How many turns are remembered at most."""
LATELY_S = 2.0
"""And for how long: whoever had to wait for a store that was away tells nothing of how things go once it is back."""


class Pace:
    """Counts what waits for its turn, and how long one turn took lately.

    Args:
        servers: how many are done at a time.
    """

    def __init__(self, servers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._servers, self._clock = servers, clock
        self._lock = threading.Lock()
        self._inside = 0
        self._since = 0.0
        # Of each turn: when it ended, how many were done in it, how long it took; and the sums of the latter two.
        self._turns: deque[tuple[float, int, float]] = deque()
        self._count, self._took_s = 0, 0.0

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
            self._turns.append((self._since, count, took_s))
            self._count += count
            self._took_s += took_s
            if len(self._turns) > REMEMBERED:
                self._forget()

    def gone(self) -> None:
        """Note that one will not be done."""
        with self._lock:
            self._inside -= 1

    def wait_s(self) -> float:
        """Return how long one that comes now would wait; where nothing moves, at least for as long as that has been so."""
        with self._lock:
            before = self._inside - self._servers + 1
            if before <= 0:
                return 0.0
            now = self._clock()
            while self._turns and self._turns[0][0] < now - LATELY_S:
                self._forget()
            each_s = self._took_s / self._count if self._turns else 0.0
            return max(before * each_s / self._servers, now - self._since)

    def _forget(self) -> None:
        """Forget the oldest turn."""
        _, count, took_s = self._turns.popleft()
        self._count -= count
        self._took_s -= took_s
