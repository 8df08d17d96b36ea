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
SPREAD_MAX = timedelta(minutes=5)
_LEAST = timedelta(milliseconds=10)


@dataclass(slots=True)
class _Turn:
    """How it stands with one subscriber.

    Attributes:
        busy: how many requests to it are under way.
        took: its last answer; None: it was not asked yet.
        rests: nothing is sent to it before.
        aside: how many deliveries were put aside since it was last quick.
    """

    busy: int = 0
    took: timedelta | None = None
    rests: datetime | None = None
    aside: int = 0

    @property
    def quick(self) -> bool:
        return self.took is not None and self.took <= QUICK


class Turns:
    """Whose turn it is, in this process; threads share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}

    def wait(self, subscription: str) -> timedelta:
        """Return how long a delivery is put aside that cannot go out now.

        As many as wait are spread over the time that they will take, five minutes at most: each is looked at once or twice, and
        not all of them again and again.
        """
        with self._lock:
            turn = self._turns.setdefault(subscription, _Turn())
            turn.aside += 1
            each = max(turn.took or _LEAST, _LEAST)
            rest = turn.rests - self._clock.now() if turn.rests else each
            return max(rest, _LEAST) + min(turn.aside * each, SPREAD_MAX)

    @contextmanager
    def taken(self, subscription: str) -> Iterator[bool]:
        """Give True where this delivery may go out now; while it does, a slow subscriber is sent no other."""
        began = self._clock.now()
        if not self._take(subscription, began):
            yield False
            return
        try:
            yield True
        finally:
            self._release(subscription, began)

    def _take(self, subscription: str, now: datetime) -> bool:
        with self._lock:
            turn = self._turns.setdefault(subscription, _Turn())
            if (turn.busy and not turn.quick) or (turn.rests is not None and now < turn.rests):
                return False
            turn.busy += 1
            return True

    def _release(self, subscription: str, began: datetime) -> None:
        with self._lock:
            turn, now = self._turns[subscription], self._clock.now()
            turn.busy -= 1
            turn.took = now - began
            turn.rests = None if turn.quick else now + turn.took
            turn.aside = 0 if turn.quick else max(turn.aside - 1, 0)
