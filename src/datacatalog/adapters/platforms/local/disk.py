"""Files that are whole or not there, private to this user, and on disk before anyone relies on them."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

LOCK_WAIT = timedelta(seconds=10)
_LOOK_EVERY_S = 0.01


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter; one that is there stays."""
    folder.mkdir(mode=0o700, exist_ok=True)


def write_once(path: Path, content: bytes) -> bool:
    """Write a file unless it is there; return whether it was written."""
    spare = _spare(path, content)
    try:
        os.link(spare, path)
    except FileExistsError:
        return False
    finally:
        spare.unlink()
    sync_folder(path.parent)
    return True


def replace(path: Path, content: bytes) -> None:
    """Write a file in place of the one that is there."""
    spare = _spare(path, content)
    try:
        spare.replace(path)
    except OSError:
        spare.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    with _opened(folder) as descriptor:
        os.fsync(descriptor)


@contextmanager
def locked(path: Path, wait: timedelta = LOCK_WAIT) -> Iterator[None]:
    """Hold a file that only one process may hold at a time; a process that dies lets go of it.

    Raises:
        TimeoutError: another one, perhaps one that was suspended, holds it all the while.
    """
    with held(path, wait):
        yield


@contextmanager
def held(path: Path, wait: timedelta) -> Iterator[int]:
    """Hold a file as `locked` does; yield its descriptor. What inherits that holds the file, too."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait.total_seconds()
        while not lock(descriptor):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{path} is held by another process")
            time.sleep(_LOOK_EVERY_S)
        yield descriptor
    finally:
        os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Hold an open file alone, until it is closed; False: another process holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _spare(path: Path, content: bytes) -> Path:
    spare = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            spare.unlink(missing_ok=True)
        raise
    return spare


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
