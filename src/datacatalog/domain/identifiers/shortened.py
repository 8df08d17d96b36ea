"""Hash ids of one number, as the library `hashids` makes them, a tenth of its time: an indexing makes one per file.

The library shuffles its alphabet anew for each number, in one of as many ways as the alphabet has letters. Here each way is
shuffled once, and two digits are looked up at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from hashids import Hashids, _reorder

_PAIRS_AT_ONCE = 5
"""So that what is taken off a number at once fits into 64 bits."""


class Shortener:
    """Encodes whole numbers with one salt; equal to `Hashids(salt=salt).encode(number)`."""

    def __init__(self, salt: str) -> None:
        hashids: Any = Hashids(salt=salt)
        self._salt = salt
        self._alphabet: str = hashids._alphabet
        self._base = len(self._alphabet)
        self._square = self._base**2
        self._chunk = self._square**_PAIRS_AT_ONCE
        self._tables: dict[int, Sequence[str]] = {}

    def encode(self, number: int) -> str:
        """Return the hash id of a number that is not negative."""
        way = number % 100 % self._base
        pairs = self._tables.get(way) or self._table(way)
        square, found = self._square, []
        while number >= self._chunk:
            number, chunk = divmod(number, self._chunk)
            for _ in range(_PAIRS_AT_ONCE):
                chunk, pair = divmod(chunk, square)
                found.append(pairs[pair])
        while number >= square:
            number, pair = divmod(number, square)
            found.append(pairs[pair])
        found.append(pairs[number] if number >= self._base else pairs[number][1])
        found.append(self._alphabet[way])
        found.reverse()
        return "".join(found)

    def _table(self, way: int) -> Sequence[str]:
        """Return all pairs of digits in the alphabet as it is shuffled in one way."""
        shuffled = _reorder(self._alphabet, (self._alphabet[way] + self._salt + self._alphabet)[: self._base])
        return self._tables.setdefault(way, [one + other for one in shuffled for other in shuffled])


@lru_cache(maxsize=8)
def shortener(salt: str) -> Shortener:
    return Shortener(salt)
