"""Opening below a root, one name at a time, relative to the descriptor before: neither a link nor a race leads out.

Everything here raises OSError; `InTheWay` is the one of our own.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that took a file's place returns at once.
FOR_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

BLOCK_BYTES = 256 * 1024
"""How much of a file is read at once."""

KEPT_OPEN = 32
"""How many directories of one way down are open at a time."""

_NO_REPLACE = 1
_RENAME = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class InTheWay(OSError):
    """A link or a special file is where a directory or a regular file was asked for."""


def is_gone(error: OSError) -> bool:
    """Tell whether an entry that was just listed vanished, or became something else."""
    return isinstance(error, InTheWay) or error.errno in _GONE


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def enter(parent: int, name: str) -> int:
    """Open a directory that is there as such.  Raises InTheWay: it is a link."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except NotADirectoryError:
        if stat.S_ISLNK(look(parent, name).st_mode):
            raise InTheWay(f"'{name}' is a symbolic link") from None
        raise


def enter_made(parent: int, name: str) -> int:
    """Open a directory, made before where there is none.  Raises FileExistsError: it is a file."""
    try:
        return enter(parent, name)
    except FileNotFoundError:
        with suppress(FileExistsError):
            make(parent, name)
        return enter(parent, name)
    except NotADirectoryError as error:
        raise FileExistsError(errno.EEXIST, "is a file", name) from error


def make(parent: int, name: str) -> None:
    """Make a directory and write its name to disk.  Raises FileExistsError: the name is taken."""
    os.mkdir(name, dir_fd=parent)
    os.fsync(parent)


def descend(start: int, names: Iterable[str], step: Callable[[int, str], int] = enter) -> int:
    """Go down from `start` and return the last directory; all others are closed, `start` too."""
    here = start
    for name in names:
        try:
            there = step(here, name)
        finally:
            os.close(here)
        here = there
    return here


def look(parent: int, name: str) -> os.stat_result:
    """Return what a name stands for; a link stands for itself."""
    return os.stat(name, dir_fd=parent, follow_symlinks=False)


def look_at_file(parent: int, name: str) -> os.stat_result:
    """Return a regular file.  Raises IsADirectoryError, InTheWay: it is something else."""
    return _regular(look(parent, name), name)


def is_directory(parent: int, name: str) -> bool:
    """Tell a directory from a regular file.  Raises InTheWay: it is something else."""
    try:
        look_at_file(parent, name)
    except IsADirectoryError:
        return True
    return False


def open_file(parent: int, name: str) -> int:
    """Open a regular file for reading; nothing else is ever opened, but for a moment if it took the file's place."""
    look_at_file(parent, name)
    try:
        descriptor = os.open(name, FOR_READING, dir_fd=parent)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise InTheWay(f"'{name}' was replaced") from error
        raise
    try:
        _regular(os.fstat(descriptor), name)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def check_replaceable(parent: int, name: str) -> None:
    """Make sure that a file may be put here: nothing is there, or a regular file.

    Raises InTheWay, FileExistsError (a directory).
    """
    try:
        look_at_file(parent, name)
    except FileNotFoundError:
        return
    except IsADirectoryError as error:
        raise FileExistsError(errno.EEXIST, "is a directory", name) from error


def create_file(parent: int, name: str) -> int:
    """Open a new file for writing.  Raises FileExistsError: the name is taken."""
    return os.open(name, _NEW_FILE, 0o666, dir_fd=parent)


def rename_new(parent: int, name: str, target: int, to: str) -> None:
    """Give an entry a name that nothing has yet, and write both directories to disk.

    Raises FileExistsError: something has it. Where the file system cannot make sure by itself, one who takes the name in the
    same instant may lose an empty directory or a file to it.
    """
    if not _renamed_new(parent, name, target, to):
        with suppress(FileNotFoundError):
            look(target, to)
            raise FileExistsError(errno.EEXIST, "is there", to)
        os.rename(name, to, src_dir_fd=parent, dst_dir_fd=target)
    os.fsync(target)
    os.fsync(parent)


def _renamed_new(parent: int, name: str, target: int, to: str) -> bool:
    """Rename without replacing anything, by Linux' own call; False: neither it nor this file system can."""
    if _RENAME is None:
        return False
    if _RENAME(parent, os.fsencode(name), target, os.fsencode(to), _NO_REPLACE) == 0:
        return True
    code = ctypes.get_errno()
    if code in {errno.EINVAL, errno.ENOSYS}:
        return False
    raise OSError(code, os.strerror(code), to)


def _regular(found: os.stat_result, name: str) -> os.stat_result:
    mode = found.st_mode
    if stat.S_ISREG(mode):
        return found
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory", name)
    raise InTheWay(f"'{name}' is a {'symbolic link' if stat.S_ISLNK(mode) else 'special file'}")


class Trail:
    """A way down from a root, for going up and down in a tree of any depth: only its last directories stay open.

    A directory that was closed meanwhile is opened again from the root, as confined as the first time.
    """

    def __init__(self, root: int, names: Sequence[str]) -> None:
        """Begin at `names` below `root`, which is closed with the trail."""
        self._root = root
        self._names = list(names)
        self._open: deque[int] = deque()

    def __enter__(self) -> Trail:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_all()
        os.close(self._root)

    def here(self) -> int:
        """Return the descriptor of the last directory; it stays open until the trail moves."""
        if self._names and not self._open:
            self._open_again()
        return self._open[-1] if self._open else self._root

    def enter(self, name: str) -> None:
        """Go down into a directory."""
        self._open.append(enter(self.here(), name))
        self._names.append(name)
        if len(self._open) > KEPT_OPEN:
            os.close(self._open.popleft())

    def leave(self) -> str:
        """Go up; return the name of the directory that was left."""
        if self._open:
            os.close(self._open.pop())
        return self._names.pop()

    def _open_again(self) -> None:
        names, self._names = self._names, []
        try:
            for name in names:
                self.enter(name)
        except OSError:
            self._close_all()
            raise
        finally:
            self._names = names

    def _close_all(self) -> None:
        while self._open:
            os.close(self._open.pop())
