"""Slowing down whoever guesses: wrong credentials are counted per source and target."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta

from datacatalog.domain.errors import Throttled

WINDOW = timedelta(minutes=1)
FREE_GUESSES = 10
TRACKED_MAX = 10_000


class Throttle:
    """Counts wrong guesses of the last minute, in memory; right credentials are never held up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wrong: OrderedDict[tuple[str, str], tuple[datetime, int]] = OrderedDict()

    def wrong(self, source: str, target: str, *, at: datetime) -> None:
        """Count a wrong guess.

        Raises:
            Throttled: there were more than `FREE_GUESSES` within the window, from this source at this target.
        """
        key = (source, target)
        with self._lock:
            began, count = self._wrong.pop(key, (at, 0))
            if at - began >= WINDOW:
                began, count = at, 0
            self._wrong[key] = (began, count + 1)
            while len(self._wrong) > TRACKED_MAX:
                self._wrong.popitem(last=False)
        if count >= FREE_GUESSES:
            raise Throttled(began + WINDOW - at)
