"""What was found out lately, so that not every question is asked for every file."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from datacatalog.ports.storage import Names

FRESH_S = 30
KEPT = 1000


class Lately:
    """Paths of which it is known that neither they nor any directory above is a file.

    Another process may make one so meanwhile: then a key is both a file and a directory, which does no harm.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """`clock`: seconds since whenever."""
        self._clock = clock
        self._found: dict[Names, float] = {}

    def knows(self, names: Names) -> bool:
        return self._clock() - self._found.get(names, -FRESH_S) < FRESH_S

    def learn(self, names: Names) -> None:
        if len(self._found) >= KEPT:
            self._found.clear()
        self._found[names] = self._clock()

    def forget(self, names: Names) -> None:
        """Something is about to be made or taken away there: nothing is known of it, nor of what is below."""
        for known in list(self._found):
            if known[: len(names)] == names:
                self._found.pop(known, None)
