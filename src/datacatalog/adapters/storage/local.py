"""Storage systems that are directories of this machine."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Event
from typing import BinaryIO

from datacatalog.adapters.storage import descriptors, looking, trees
from datacatalog.adapters.storage.descriptors import Trail, closing
from datacatalog.adapters.storage.systems import Systems
from datacatalog.adapters.storage.telling import told, uri_of
from datacatalog.domain.errors import NoSuchPath, StorageDown, UnsafePath
from datacatalog.domain.paths import components, joined
from datacatalog.ports.storage import HEAD_BYTES, Entry, FileInfo, Look, Names, Told

_TRIES = 4


class LocalSystem:
    """A directory; nothing outside of it is ever opened, read or removed, whoever swaps directories meanwhile.

    A hard link is a file like any other: only who may read and write a file can link it. What is mounted below
    a root belongs to it. Names that are not UTF-8 cannot be recorded: `walk` and `list` pass them over with a warning,
    `clear` removes them like the rest. Of what a path names, a directory in place of a file and the other way
    round count as not there.
    """

    def __init__(self, name: str, root: Path) -> None:
        """`root` may itself be reached through links."""
        self._name, self._root = name, root.absolute()

    def walk(
        self, names: Names, *, after: str | None = None, unreadable: Told | None = None
    ) -> Iterator[FileInfo]:
        with told(self._name, names), Trail(self._open_root(), names) as trail:
            yield from trees.files(trail, joined(names).rstrip("/"), unreadable, after)

    def stat(self, names: Names) -> FileInfo:
        with told(self._name, names), closing(self._parent(names)) as parent:
            return trees.info(joined(names), descriptors.look_at_file(parent, names[-1]))

    def open(self, names: Names) -> BinaryIO:
        with told(self._name, names):
            return os.fdopen(self._open_file(names), "rb")

    def fixity(self, names: Names) -> tuple[FileInfo, str]:
        info, checksum, _ = self._read(names)
        return info, checksum

    def look(self, paths: Iterable[str]) -> Iterator[Look]:
        yield from looking.looks(self._open_root(), paths, self._look_alone)

    def _look_alone(self, path: str, stopped: Event) -> Look:
        try:
            return Look(path, *self._read(components(path), stopped))
        except (NoSuchPath, UnsafePath, StorageDown) as error:
            return Look(path, error=error)

    def _read(self, names: Names, stopped: Event | None = None) -> tuple[FileInfo, str, bytes]:
        """Return a file, its checksum and its first bytes, all of one state of it."""
        for _ in range(_TRIES):
            with told(self._name, names), closing(self._open_file(names)) as file:
                before = trees.info(joined(names), os.fstat(file))
                head = os.pread(file, HEAD_BYTES, 0)
                digest = looking.sha256(file, before.size_bytes, stopped)
                if trees.info(before.path, os.fstat(file)) == before:
                    return before, f"sha256:{digest}", head
        raise StorageDown(f"{uri_of(self._name, names)} keeps changing while it is read")

    def make_directory(self, names: Names, *, exclusive: bool = False) -> None:
        with told(self._name, names):
            if exclusive:
                self._make_new(names)
            else:
                os.close(self._make(names))

    def put(self, names: Names, source: BinaryIO, *, new: bool = False) -> FileInfo:
        with told(self._name, names), closing(self._make(names[:-1])) as parent:
            descriptors.check_replaceable(parent, names[-1])
            return trees.info(joined(names), _put(parent, names[-1], source, new=new))

    def list(self, names: Names, *, after: str | None = None, limit: int = 1000) -> Sequence[Entry]:
        with told(self._name, names):
            if names and (entry := self._entry_of_file(names)):
                return [entry] if limit > 0 and (after is None or entry.path > after) else []
            with Trail(self._open_root(), names) as trail:
                found = trees.listed(trail.here(), joined(names).rstrip("/"), after)
                return list(islice(found, limit))

    def _entry_of_file(self, names: Names) -> Entry | None:
        """Return a file as listed; None: it is a directory."""
        with closing(self._parent(names)) as parent:
            try:
                found = descriptors.look_at_file(parent, names[-1])
            except IsADirectoryError:
                return None
        return Entry(joined(names), False, found.st_size, found.st_mtime_ns)

    def delete(self, names: Names) -> int:
        with told(self._name, names):
            with closing(self._parent(names)) as parent:
                if not descriptors.is_directory(parent, names[-1]):
                    os.unlink(names[-1], dir_fd=parent)
                    os.fsync(parent)
                    return 1
            removed = self.clear(names)
            with closing(self._parent(names)) as parent:
                os.rmdir(names[-1], dir_fd=parent)
                os.fsync(parent)
            return removed

    def move(self, names: Names, to: Names) -> None:
        with told(self._name, names), closing(self._parent(names)) as parent:
            descriptors.is_directory(parent, names[-1])
            with told(self._name, to), closing(self._make(to[:-1])) as target:
                descriptors.rename_new(parent, names[-1], target, to[-1])

    def clear(self, names: Names) -> int:
        """Remove everything below a directory, which stays; return how many files and links went."""
        with told(self._name, names), Trail(self._open_root(), names) as trail:
            removed = 0
            for _ in range(_TRIES):
                removed += trees.sweep(trail)
                if not any(trees.entries(trail.here())):
                    return removed
        raise StorageDown(f"{uri_of(self._name, names)} is written to while it is cleared")

    def _open_root(self) -> int:
        try:
            return os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageDown(f"the root of {self._name} cannot be opened: {error.strerror}") from error

    def _parent(self, names: Names) -> int:
        """Open the directory that a file is in."""
        if not names:
            raise IsADirectoryError(errno.EISDIR, "is a directory", "/")
        return descriptors.descend(self._open_root(), names[:-1])

    def _open_file(self, names: Names) -> int:
        with closing(self._parent(names)) as parent:
            return descriptors.open_file(parent, names[-1])

    def _make(self, names: Names) -> int:
        """Open a directory, made before where there is none."""
        return descriptors.descend(self._open_root(), names, descriptors.enter_made)

    def _make_new(self, names: Names) -> None:
        if not names:
            raise FileExistsError(errno.EEXIST, "is the root", "/")
        with closing(self._make(names[:-1])) as parent:
            descriptors.make(parent, names[-1])


class LocalStorage(Systems):
    """Directories of this machine as storage systems, where there are no others."""

    def __init__(self, roots: Mapping[str, Path], *, clearable: Iterable[str] = ("/",)) -> None:
        """`roots`: name of the system -> its directory."""
        super().__init__(
            {name: LocalSystem(name, Path(root)) for name, root in roots.items()}, clearable=clearable
        )


def _put(parent: int, name: str, source: BinaryIO, *, new: bool) -> os.stat_result:
    unfinished = trees.UNFINISHED.format(secrets.token_hex(8))
    with os.fdopen(descriptors.create_file(parent, unfinished), "wb") as target:
        try:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
            if new:
                descriptors.rename_new(parent, unfinished, parent, name)
            else:
                os.rename(unfinished, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(unfinished, dir_fd=parent)
            raise
        os.fsync(parent)
        return os.fstat(target.fileno())
