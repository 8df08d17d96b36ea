"""Slowing down whoever guesses: wrong credentials are counted per source and target."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple

from datacatalog.domain.errors import Throttled

WINDOW = timedelta(minutes=1)
FREE_GUESSES = 10
TRACKED_MAX = 10_000

log = logging.getLogger(__name__)


class _Guesses(NamedTuple):
    """What is known of one source and target: since when it is counted, how often within this minute, and how often in all."""

    began: datetime
    recent: int
    total: int


class Throttle:
    """Counts wrong guesses of the last minute, in memory; right credentials are never held up.

    Of each source and target that goes on guessing, the log tells once a minute; never what was guessed.
    """

    def __init__(self, processes: int = 1) -> None:
        """
        Args:
            processes: so many count beside each other, each for itself, and share what is free.
        """
        self._free = max(1, FREE_GUESSES // processes)
        self._lock = threading.Lock()
        self._wrong: OrderedDict[tuple[str, str], _Guesses] = OrderedDict()

    def wrong(self, source: str, target: str, *, at: datetime) -> None:
        """Count a wrong guess.

        Raises:
            Throttled: there were more than are free within the window, from this source at this target.
        """
        guesses = self._counted((source, target), at)
        if guesses.recent == self._free + 1:
            log.warning("%s guessed %s wrong %d times; it is slowed down", source, target, guesses.total)
        if guesses.recent > self._free:
            raise Throttled(guesses.began + WINDOW - at)

    def _counted(self, key: tuple[str, str], at: datetime) -> _Guesses:
        with self._lock:
            known = self._wrong.pop(key, _Guesses(at, 0, 0))
            if at - known.began >= WINDOW:
                # Whoever rests for as long as a window has begun anew.
                rested = at - known.began >= 2 * WINDOW
                known = _Guesses(at, 0, 0 if rested else known.total)
            guesses = self._wrong[key] = _Guesses(known.began, known.recent + 1, known.total + 1)
            while len(self._wrong) > TRACKED_MAX:
                self._wrong.popitem(last=False)
        return guesses
