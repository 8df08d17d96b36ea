"""Reading many files one after another: neighbours share the open directory, large files are hashed side by side."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256 as sha256_of
from stat import S_ISREG
from threading import Event

from datacatalog.adapters.storage import descriptors
from datacatalog.adapters.storage.descriptors import FOR_READING, Trail
from datacatalog.domain.errors import UnsafePath
from datacatalog.domain.paths import components, is_text, joined
from datacatalog.ports.storage import HEAD_BYTES, FileInfo, Look

LARGE_BYTES = 1024 * 1024
"""Files above this size are hashed by threads."""

THREADS = 4
WINDOW = 64
"""How many files may be read ahead of one that takes long."""

_UPWARDS = frozenset({".", ".."})
"""Names that no file has, and that are not to be opened."""

Alone = Callable[[str, Event], Look]
"""Reads one file by itself, from the root down, until the event is set; says in the `Look` what is wrong with it."""


def looks(root: int, paths: Iterable[str], alone: Alone) -> Iterator[Look]:
    """Yield a `Look` for each path, in their order.

    Args:
        root: descriptor of the root, which is closed at the end.
        alone: for files that are large, or that something is the matter with.
    """
    stopped = Event()
    waiting: deque[Look | Future[Look]] = deque()
    pool = ThreadPoolExecutor(THREADS, "hashing")
    with Trail(root, ()) as trail:
        reader = _Reader(trail)
        try:
            for path in paths:
                found = reader.look(path)
                if found is None:
                    found = alone(path, stopped)
                if isinstance(found, Look) and not waiting:
                    yield found
                    continue
                waiting.append(found if isinstance(found, Look) else pool.submit(alone, path, stopped))
                while waiting and (len(waiting) > WINDOW or _is_there(waiting[0])):
                    yield _look_of(waiting.popleft())
            while waiting:
                yield _look_of(waiting.popleft())
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


def _is_there(waiting: Look | Future[Look]) -> bool:
    return isinstance(waiting, Look) or waiting.done()


def _look_of(waiting: Look | Future[Look]) -> Look:
    return waiting if isinstance(waiting, Look) else waiting.result()


class _Reader:
    """Reads small files, and keeps the last one's directory open."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self._names: Sequence[str] = ()
        self._parent: str | None = None
        self._path = ""
        self._here = -1

    def look(self, path: str) -> Look | int | None:
        """Return a file that is read; the size of one that is large; None: something is the matter."""
        parent, _, name = path.rpartition("/")
        if name in _UPWARDS or not path.startswith("/") or not (name.isascii() or is_text(name)):
            return None
        try:
            if parent != self._parent:
                self._move(parent)
            file = os.open(name, FOR_READING, dir_fd=self._here)
        except (OSError, ValueError, UnsafePath):
            return None
        try:
            before = os.fstat(file)
            size = before.st_size
            if not S_ISREG(before.st_mode):
                return None
            if size > LARGE_BYTES:
                return size
            # One byte more than there should be, so that a file that grows is seen to.
            content = os.read(file, size + 1)
            after = os.fstat(file)
        except OSError:
            return None
        finally:
            os.close(file)
        changed, modified = before.st_ctime_ns, before.st_mtime_ns
        if (
            len(content) != size
            or after.st_ctime_ns != changed
            or after.st_mtime_ns != modified
            or after.st_size != size
        ):
            return None
        info = FileInfo(f"{self._path}/{name}", size, changed, modified, before.st_ino)
        return Look(path, info, f"sha256:{sha256_of(content).hexdigest()}", content[:HEAD_BYTES])

    def _move(self, parent: str) -> None:
        """Go to another directory, from the one that both are in.  Raises OSError, UnsafePath."""
        self._parent = None
        names = components(f"{parent}/")
        shared = 0
        for one, other in zip(self._names, names, strict=False):
            if one != other:
                break
            shared += 1
        for _ in self._names[shared:]:
            self._trail.leave()
        self._names = names[:shared]
        for name in names[shared:]:
            self._trail.enter(name)
            self._names = (*self._names, name)
        self._here = self._trail.here()
        self._path = joined(names).rstrip("/")
        self._parent = parent


def sha256(file: int, size_bytes: int, stopped: Event | None = None) -> str:
    """Hash a file, at most one byte beyond its size: one that grows as fast as it is read has changed anyway.

    Raises InterruptedError: `stopped` was set meanwhile.
    """
    digest = sha256_of()
    left = size_bytes
    while left >= 0 and (data := os.read(file, min(left + 1, descriptors.BLOCK_BYTES))):
        if stopped is not None and stopped.is_set():
            raise InterruptedError("nobody waits for it any more")
        digest.update(data)
        left -= len(data)
    return digest.hexdigest()
