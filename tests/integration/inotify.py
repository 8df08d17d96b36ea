"""What the kernel saw being opened or removed: proof that does not rely on anybody's answers."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OPENED, _DELETED, _MOVED_FROM, _CREATED = 0x20, 0x200, 0x40, 0x100
_EVENT = struct.Struct("iIII")
_LIBC = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Watches directories, not what is below them."""

    def __init__(self) -> None:
        self._queue = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._directories: dict[int, Path] = {}

    def add(self, directory: Path) -> None:
        wanted = _OPENED | _DELETED | _MOVED_FROM | _CREATED
        number = _LIBC.inotify_add_watch(self._queue, os.fsencode(directory), wanted)
        if number < 0:
            raise OSError(ctypes.get_errno(), "cannot watch", str(directory))
        self._directories[number] = directory

    def seen(self) -> set[Path]:
        """Return the paths that something happened to since the last call."""
        found = set()
        while True:
            try:
                told = os.read(self._queue, 65536)
            except BlockingIOError:
                return found
            while told:
                number, _, _, length = _EVENT.unpack_from(told)
                name = told[_EVENT.size : _EVENT.size + length].rstrip(b"\0")
                found.add(self._directories[number] / os.fsdecode(name))
                told = told[_EVENT.size + length :]

    def close(self) -> None:
        os.close(self._queue)


@contextmanager
def watching(*directories: Path) -> Iterator[Watch]:
    watch = Watch()
    try:
        for directory in directories:
            watch.add(directory)
        yield watch
    finally:
        watch.close()
