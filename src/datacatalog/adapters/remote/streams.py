"""An answer that is read as a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO

from datacatalog.domain.errors import PlatformDown, Unreachable

_BUFFER_BYTES = 65_536


class ChunkReader(io.RawIOBase):
    """Reads pieces as they arrive; closing it ends the request."""

    def __init__(self, chunks: Iterator[bytes], request: ExitStack, what: str) -> None:
        """
        Args:
            request: closed with this.
            what: what is read, for errors.
        """
        self._chunks, self._request, self._what = chunks, request, what
        self._rest = memoryview(b"")

    def buffered(self) -> BinaryIO:
        return io.BufferedReader(self, _BUFFER_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            try:
                chunk = next(self._chunks, None)
            except Unreachable as e:
                raise PlatformDown(f"{self._what} broke off: {e}") from e
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._request.close()
        super().close()
