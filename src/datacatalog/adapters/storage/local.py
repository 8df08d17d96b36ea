"""Storage systems that are directories of this machine."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import BinaryIO

from datacatalog.adapters.storage import descriptors, looking, trees
from datacatalog.adapters.storage.descriptors import InTheWay, Trail, closing
from datacatalog.domain.errors import (
    AlreadyExists,
    InvalidField,
    NoSuchPath,
    NotClearable,
    NotSupported,
    StorageDown,
    UnsafePath,
)
from datacatalog.domain.paths import components, joined
from datacatalog.ports.storage import HEAD_BYTES, Entry, FileInfo, Look, Told

_TRIES = 4


class LocalStorage:
    """One directory per storage system; nothing outside of them is ever opened, read or removed.

    A hard link is a file like any other: only who may read and write a file can link it. What is mounted below
    a root belongs to it. Names that are not UTF-8 cannot be recorded: `walk` passes them over with a warning,
    `clear` removes them like the rest. Of what a path names, a directory in place of a file and the other way
    round count as not there.
    """

    def __init__(self, roots: Mapping[str, Path]) -> None:
        """`roots`: name of the system -> its directory, which may itself be reached through links."""
        self._roots = {system: Path(root).absolute() for system, root in roots.items()}

    def systems(self) -> tuple[str, ...]:
        return tuple(self._roots)

    def walk(
        self, system: str, path: str, *, after: str | None = None, unreadable: Told | None = None
    ) -> Iterator[FileInfo]:
        self._root(system)
        return self._walk(system, components(path), after, unreadable)

    def _walk(
        self, system: str, names: Sequence[str], after: str | None, unreadable: Told | None
    ) -> Iterator[FileInfo]:
        with _told(system, names), Trail(self._open_root(system), names) as trail:
            yield from trees.files(trail, joined(names).rstrip("/"), unreadable, after)

    def stat(self, system: str, path: str) -> FileInfo:
        names = components(path)
        with _told(system, names), closing(self._parent(system, names)) as parent:
            return trees.info(joined(names), descriptors.look_at_file(parent, names[-1]))

    def open(self, system: str, path: str) -> BinaryIO:
        names = components(path)
        with _told(system, names):
            return os.fdopen(self._open_file(system, names), "rb")

    def fixity(self, system: str, path: str) -> tuple[FileInfo, str]:
        info, checksum, _ = self._read(system, components(path))
        return info, checksum

    def look(self, system: str, paths: Iterable[str]) -> Iterator[Look]:
        self._root(system)
        return self._look(system, paths)

    def _look(self, system: str, paths: Iterable[str]) -> Iterator[Look]:
        yield from looking.looks(self._open_root(system), paths, partial(self._look_alone, system))

    def _look_alone(self, system: str, path: str, stopped: Event) -> Look:
        try:
            return Look(path, *self._read(system, components(path), stopped))
        except (NoSuchPath, UnsafePath, StorageDown) as error:
            return Look(path, error=error)

    def _read(
        self, system: str, names: Sequence[str], stopped: Event | None = None
    ) -> tuple[FileInfo, str, bytes]:
        """Return a file, its checksum and its first bytes, all of one state of it."""
        for _ in range(_TRIES):
            with _told(system, names), closing(self._open_file(system, names)) as file:
                before = trees.info(joined(names), os.fstat(file))
                head = os.pread(file, HEAD_BYTES, 0)
                digest = looking.sha256(file, before.size_bytes, stopped)
                if trees.info(before.path, os.fstat(file)) == before:
                    return before, f"sha256:{digest}", head
        raise StorageDown(f"{_uri(system, names)} keeps changing while it is read")

    def make_directory(self, system: str, path: str, *, exclusive: bool = False) -> None:
        names = components(path)
        with _told(system, names):
            if exclusive:
                self._make_new(system, names)
            else:
                os.close(self._make(system, names))

    def put(self, system: str, path: str, source: BinaryIO) -> FileInfo:
        names = components(path)
        if not names:
            raise UnsafePath("path", "'/' is no name for a file")
        with _told(system, names), closing(self._make(system, names[:-1])) as parent:
            descriptors.check_replaceable(parent, names[-1])
            return trees.info(joined(names), _put(parent, names[-1], source))

    def list(self, system: str, path: str, *, after: str | None = None, limit: int = 1000) -> Sequence[Entry]:
        raise NotSupported("listing")

    def delete(self, system: str, path: str) -> int:
        raise NotSupported("deleting")

    def move(self, system: str, path: str, to: str) -> None:
        raise NotSupported("moving")

    def clear(self, system: str, path: str) -> int:
        """Remove everything below a directory, which stays; return how many files and links went.

        Raises:
            NotClearable: `path` is the root.
            StorageDown: something is written there at the same time, and does not end.
        """
        names = components(path)
        if not names:
            raise NotClearable(_uri(system, names))
        with _told(system, names), Trail(self._open_root(system), names) as trail:
            removed = 0
            for _ in range(_TRIES):
                removed += trees.sweep(trail)
                if not any(trees.entries(trail.here())):
                    return removed
        raise StorageDown(f"{_uri(system, names)} is written to while it is cleared")

    def _root(self, system: str) -> Path:
        try:
            return self._roots[system]
        except KeyError:
            raise InvalidField("storage_system", f"'{system}' is not known here") from None

    def _open_root(self, system: str) -> int:
        root = self._root(system)
        try:
            return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageDown(f"the root of {system} cannot be opened: {error.strerror}") from error

    def _parent(self, system: str, names: Sequence[str]) -> int:
        """Open the directory that a file is in."""
        if not names:
            raise IsADirectoryError(errno.EISDIR, "is a directory", "/")
        return descriptors.descend(self._open_root(system), names[:-1])

    def _open_file(self, system: str, names: Sequence[str]) -> int:
        with closing(self._parent(system, names)) as parent:
            return descriptors.open_file(parent, names[-1])

    def _make(self, system: str, names: Sequence[str]) -> int:
        """Open a directory, made before where there is none."""
        return descriptors.descend(self._open_root(system), names, descriptors.enter_made)

    def _make_new(self, system: str, names: Sequence[str]) -> None:
        if not names:
            raise FileExistsError(errno.EEXIST, "is the root", "/")
        with closing(self._make(system, names[:-1])) as parent:
            descriptors.make(parent, names[-1])


def _put(parent: int, name: str, source: BinaryIO) -> os.stat_result:
    unfinished = trees.UNFINISHED.format(secrets.token_hex(8))
    with os.fdopen(descriptors.create_file(parent, unfinished), "wb") as target:
        try:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
            os.rename(unfinished, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(unfinished, dir_fd=parent)
            raise
        os.fsync(parent)
        return os.fstat(target.fileno())


def _uri(system: str, names: Sequence[str]) -> str:
    return f"agave://{system}{joined(names)}"


@contextmanager
def _told(system: str, names: Sequence[str]) -> Iterator[None]:
    """Say in the catalog's words what the operating system complains of."""
    try:
        yield
    except InTheWay as error:
        raise UnsafePath("path", f"{_uri(system, names)}: {error}") from error
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NoSuchPath(_uri(system, names)) from error
    except FileExistsError as error:
        raise AlreadyExists(f"{_uri(system, names)}: {error.strerror}") from error
    except OSError as error:
        raise StorageDown(f"{_uri(system, names)}: {error.strerror} ({error.filename})") from error
