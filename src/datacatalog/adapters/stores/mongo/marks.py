"""Marks as the log keeps them: eight bytes each. Two that happen to be alike cost a needless second run, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Set

SIZE = 8

MANY = 400_000
"""Whoever touched more than so many marks is taken to have touched everything."""


def packed(marks: Set[str]) -> bytes | None:
    """Return marks as a commit tells them; None: everything."""
    return None if len(marks) > MANY else b"".join(_digest(mark) for mark in marks)


def meet(seen: Iterable[str], touched: Iterable[bytes | None]) -> bool:
    """Tell whether what was looked at was touched by any of these commits."""
    digests = {_digest(mark) for mark in seen}
    return bool(digests) and any(each is None or not digests.isdisjoint(_unpacked(each)) for each in touched)


def _unpacked(packed: bytes) -> Iterable[bytes]:
    return (packed[start : start + SIZE] for start in range(0, len(packed), SIZE))


def _digest(mark: str) -> bytes:
    return hashlib.blake2b(mark.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest()
