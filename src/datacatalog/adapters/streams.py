"""Bytes that come or go piece by piece."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

_BUFFER_BYTES = 256 * 1024


class Pieces(io.RawIOBase):
    """What an iterator yields, as a file for reading."""

    def __init__(self, pieces: Iterator[bytes], close: Callable[[], object]) -> None:
        """`close` is called once, when the file is closed."""
        super().__init__()
        self._pieces, self._close = pieces, close
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._close()


def as_file(pieces: Iterator[bytes], close: Callable[[], object]) -> BinaryIO:
    """Return a buffered file of these bytes; `close` is called when it is closed."""
    return cast(BinaryIO, io.BufferedReader(Pieces(pieces, close), _BUFFER_BYTES))


class Counted:
    """A source that knows how many bytes were read from it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.size_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        piece = self._source.read(size)
        self.size_bytes += len(piece)
        return piece
