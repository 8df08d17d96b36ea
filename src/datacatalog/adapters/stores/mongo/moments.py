"""How much time has passed for a process that may have been stopped, and its machine with it."""

from __future__ import annotations

import time

Moment = tuple[float, ...]
"""What each of several clocks said [s]: some of them stand still while a machine sleeps, others may be set."""

_CLOCKS = (time.CLOCK_MONOTONIC, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC), time.CLOCK_REALTIME)


def now() -> Moment:
    return tuple(map(time.clock_gettime, _CLOCKS))


def passed(since: Moment) -> float:
    """Return how much time has passed at most, by the clock that has gone furthest [s]."""
    return max(now - then for now, then in zip(now(), since, strict=True))
