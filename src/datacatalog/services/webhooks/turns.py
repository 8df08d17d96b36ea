"""No subscriber keeps others waiting: who is slow is sent one request at a time, and then rests as long as that one took."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from datacatalog.ports.clock import Clock

QUICK = timedelta(seconds=1)
"""Who answers within this may be sent several requests at a time, and needs no rest."""
LEAST = timedelta(milliseconds=50)
MOST = timedelta(seconds=20)
"""Nobody rests longer: no request takes as long, and what seems to take a day is a clock that was put forward meanwhile."""


@dataclass(slots=True)
class _Turn:
    """How it stands with one subscriber.

    Attributes:
        busy: how many requests to it are under way.
        began: when the last one began.
        took: its last answer; None: it was not asked yet.
        rests: nothing is sent to it before.
    """

    began: datetime
    busy: int = 0
    took: timedelta | None = None
    rests: datetime | None = None

    @property
    def quick(self) -> bool:
        return self.took is not None and self.took <= QUICK

    def rest(self, now: datetime) -> timedelta:
        """Return how long it still rests; nothing where the clock was turned back meanwhile."""
        left = self.rests - now if self.rests is not None else timedelta(0)
        return left if timedelta(0) < left <= (self.took or QUICK) else timedelta(0)


class Turns:
    """Whose turn it is, in this process; threads share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}

    def wait(self, subscription: str) -> timedelta:
        """Return how long deliveries wait that cannot go out now: until its rest ends, or once more as long as it takes by now."""
        now = self._clock.now()
        with self._lock:
            turn = self._turns[subscription]
            return max(turn.rest(now) or min(now - turn.began, MOST), LEAST)

    @contextmanager
    def taken(self, subscription: str) -> Iterator[bool]:
        """Give True where a delivery may go out now; while it does, a slow subscriber is sent no other."""
        if not self._take(subscription):
            yield False
            return
        began = self._clock.now()
        try:
            yield True
        finally:
            self._release(subscription, began)

    def _take(self, subscription: str) -> bool:
        now = self._clock.now()
        with self._lock:
            turn = self._turns.setdefault(subscription, _Turn(began=now))
            if (turn.busy and not turn.quick) or turn.rest(now):
                return False
            turn.busy += 1
            turn.began = now
            return True

    def _release(self, subscription: str, began: datetime) -> None:
        with self._lock:
            turn, now = self._turns[subscription], self._clock.now()
            turn.busy -= 1
            turn.took = min(now - began, MOST)
            turn.rests = None if turn.quick else now + turn.took
