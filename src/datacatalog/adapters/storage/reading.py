"""Reading many files of a server: most of it is waiting, so some are read side by side."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Event

from datacatalog.domain.errors import NoSuchPath, StorageDown, UnsafePath
from datacatalog.domain.paths import components
from datacatalog.ports.storage import HEAD_BYTES, FileInfo, Look, Names

READERS = 4
"""How many files are read at a time: most of it is waiting."""

_READ_AHEAD = 32


def looks(
    paths: Iterable[str], read: Callable[[Names, Event], tuple[FileInfo, str, bytes]]
) -> Iterator[Look]:
    """Yield a `Look` for each path, in their order; some are read side by side, since most of it is waiting."""
    stopped = Event()

    def look(path: str) -> Look:
        try:
            return Look(path, *read(components(path), stopped))
        except (NoSuchPath, UnsafePath, StorageDown) as error:
            return Look(path, error=error)

    waiting: deque[Future[Look]] = deque()
    pool = ThreadPoolExecutor(READERS, "reading")
    coming = iter(paths)
    try:
        waiting.extend(pool.submit(look, path) for path in islice(coming, _READ_AHEAD))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(look, path) for path in islice(coming, 1))
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)


def digest(pieces: Iterable[bytes], limit_bytes: int, stopped: Event | None = None) -> tuple[int, str, bytes]:
    """Return the size, the checksum `sha256:<hex>` and the first bytes of what is read.

    Args:
        limit_bytes: once more than this came, the rest is not read: it is not what it was said to be.
    Raises InterruptedError: `stopped` was set meanwhile.
    """
    sha256, size_bytes, head = hashlib.sha256(), 0, b""
    for piece in pieces:
        if stopped is not None and stopped.is_set():
            raise InterruptedError(0, "nobody waits for it any more")
        sha256.update(piece)
        size_bytes += len(piece)
        if len(head) < HEAD_BYTES:
            head += piece[: HEAD_BYTES - len(head)]
        if size_bytes > limit_bytes:
            break
    return size_bytes, f"sha256:{sha256.hexdigest()}", head
