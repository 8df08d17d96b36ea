"""Throwing away messages that were given up long ago. Workers never do so by themselves: a dead letter is somebody's to look at."""

from __future__ import annotations

from datetime import datetime

from datacatalog.services.env import Env

_ALL = 1_000_000


def discard_dead(before: datetime, env: Env) -> int:
    """Discard dead letters that died before an instant; return how many."""
    old = [letter for letter in env.transport.dead(limit=_ALL) if letter.died < before]
    return sum(env.transport.discard(letter.queue, letter.id) for letter in old)
