"""Hash ids of one number, as the library `hashids` makes them, a tenth of its time: an indexing makes one per file.

The library shuffles its alphabet anew for each number, in one of as many ways as the alphabet has letters. Here each way is
shuffled once, and two digits are looked up at a time.
"""

from __future__ import annotations

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
        self._base = base = len(self._alphabet)
        # Digits are put together as bytes of their own value; a way of shuffling turns them all into letters at once.
        self._pairs = [bytes((one, other)) for one in range(base) for other in range(base)]
        self._chunk = base ** (2 * _PAIRS_AT_ONCE)
        self._ways: dict[int, bytes] = {}

    def encode(self, number: int) -> str:
        """Return the hash id of a number that is not negative."""
        base, pairs = self._base, self._pairs
        way, square = number % 100 % base, base * base
        letters = self._ways.get(way) or self._shuffled(way)
        found = []
        while number >= self._chunk:
            number, chunk = divmod(number, self._chunk)
            for _ in range(_PAIRS_AT_ONCE):
                chunk, pair = divmod(chunk, square)
                found.append(pairs[pair])
        while number >= square:
            number, pair = divmod(number, square)
            found.append(pairs[pair])
        found.append(pairs[number] if number >= base else pairs[number][1:])
        found.reverse()
        return self._alphabet[way] + b"".join(found).translate(letters).decode("ascii")

    def _shuffled(self, way: int) -> bytes:
        """Return the letter of each digit, in the alphabet as it is shuffled in one way."""
        salt = (self._alphabet[way] + self._salt + self._alphabet)[: self._base]
        return self._ways.setdefault(way, _reorder(self._alphabet, salt).encode("ascii").ljust(256))


@lru_cache(maxsize=8)
def shortener(salt: str) -> Shortener:
    return Shortener(salt)
