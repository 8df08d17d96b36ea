"""Storage systems whose trees a server holds: what they all do, given the few things that such a server can (`tree.py`).

What a server lists is not believed: names that no path may have are passed over, and nothing is opened by them.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from threading import Event, Lock
from typing import BinaryIO

from datacatalog.adapters.storage.descriptors import InTheWay
from datacatalog.adapters.storage.reading import digest, looks
from datacatalog.adapters.storage.telling import told, told_of, uri_of
from datacatalog.adapters.storage.tree import ENTRIES_MAX, Found, Sort, Tree
from datacatalog.adapters.storage.trees import is_unfinished
from datacatalog.adapters.streams import as_file
from datacatalog.domain.errors import DatacatalogError, StorageDown
from datacatalog.domain.paths import MAX_PATH_BYTES, check_name, joined
from datacatalog.ports.storage import Entry, FileInfo, Look, Names, Told

_LOG = logging.getLogger(__name__)

_TRIES = 4


class ServedSystem:
    """Implements ports.storage.System over a `Tree`.

    Files that change are seen to by size and date, as finely as the server tells them. An exclusive directory is made once by
    the threads of this process, and beyond it as far as the server says that it is there already.
    """

    def __init__(self, name: str, tree: Tree) -> None:
        self._name, self._tree = name, tree
        self._making = Lock()

    def walk(
        self, names: Names, *, after: str | None = None, unreadable: Told | None = None
    ) -> Iterator[FileInfo]:
        with told(self._name, names):
            self._check_directory(names)
            pending = [iter(self._ordered(names, after))]
            at = [names]
            while pending:
                found = next(pending[-1], None)
                if found is None:
                    pending.pop()
                    at.pop()
                    continue
                here = (*at[-1], found.name)
                if found.sort is Sort.FILE:
                    yield _info(here, found)
                    continue
                try:
                    below = self._ordered(here, after)
                except (ConnectionError, TimeoutError):
                    raise
                except OSError as error:
                    _pass_over(here, error, unreadable)
                    continue
                pending.append(iter(below))
                at.append(here)

    def stat(self, names: Names) -> FileInfo:
        with told(self._name, names):
            return self._file(names)

    def open(self, names: Names) -> BinaryIO:
        with told(self._name, names), ExitStack() as stack:
            self._file(names)
            pieces = stack.enter_context(self._tree.read(names))
            closing = stack.pop_all()
        return as_file(told_of(self._name, names, pieces), closing.close)

    def fixity(self, names: Names) -> tuple[FileInfo, str]:
        info, checksum, _ = self._read(names)
        return info, checksum

    def look(self, paths: Iterable[str]) -> Iterator[Look]:
        return looks(paths, self._read)

    def _read(self, names: Names, stopped: Event | None = None) -> tuple[FileInfo, str, bytes]:
        """Return a file, its checksum and its first bytes, all of one state of it."""
        for _ in range(_TRIES):
            with told(self._name, names):
                before = self._file(names)
                with self._tree.read(names) as pieces:
                    size_bytes, checksum, head = digest(pieces, before.size_bytes, stopped)
                if size_bytes == before.size_bytes and self._file(names) == before:
                    return before, checksum, head
        raise StorageDown(f"{uri_of(self._name, names)} keeps changing while it is read")

    def make_directory(self, names: Names, *, exclusive: bool = False) -> None:
        with told(self._name, names):
            self._make(names[:-1])
            with self._making:
                if exclusive and self._sort(names) is not None:
                    raise FileExistsError(0, "is there")
                if exclusive:
                    self._tree.make(names)
                else:
                    self._make(names)

    def put(self, names: Names, source: BinaryIO, *, new: bool = False) -> FileInfo:
        with told(self._name, names):
            self._make(names[:-1])
            found = self._sort(names)
            if found is Sort.DIRECTORY:
                raise FileExistsError(0, "is a directory")
            if new and found is not None:
                raise FileExistsError(0, "is there")
            sent_bytes = self._tree.write(names, source)
            written = self._file(names)
            if written.size_bytes != sent_bytes:
                raise OSError(0, f"{sent_bytes} bytes were sent, {written.size_bytes} are there")
            return written

    def list(self, names: Names, *, after: str | None = None, limit: int = 1000) -> Sequence[Entry]:
        with told(self._name, names):
            found = self._tree.find(names)
            if found.sort is Sort.FILE:
                entries = [_entry(names, found)]
            else:
                self._check_directory(names)
                entries = [_entry((*names, one.name), one) for one in self._usable(names)]
            beyond = (entry for entry in entries if after is None or entry.path > after)
            return heapq.nsmallest(limit, beyond)

    def delete(self, names: Names) -> int:
        with told(self._name, names):
            found = self._tree.find(names)
            if found.sort is Sort.OTHER:
                raise InTheWay("is a link or a special file")
            return self._remove(names, found)

    def move(self, names: Names, to: Names) -> None:
        with told(self._name, names):
            if self._tree.find(names).sort is Sort.OTHER:
                raise InTheWay("is a link or a special file")
        with told(self._name, to):
            self._make(to[:-1])
            with self._making:
                if self._sort(to) is not None:
                    raise FileExistsError(0, "is there")
                self._tree.rename(names, to)

    def clear(self, names: Names) -> int:
        with told(self._name, names):
            self._check_directory(names)
            return self._sweep(names)

    def _sweep(self, names: Names) -> int:
        removed = 0
        for found in list(_bounded(self._tree.entries(names))):
            if _is_name(found.name):
                removed += self._remove((*names, found.name), found)
        return removed

    def _remove(self, names: Names, found: Found) -> int:
        """Remove something with everything below; return how many files, links and special files that were."""
        removed = self._sweep(names) if found.sort is Sort.DIRECTORY else 1
        try:
            self._tree.remove(names, found)
        except FileNotFoundError:
            return 0
        return removed

    def _make(self, names: Names) -> None:
        """Make a directory, and those above it, where there is none."""
        depth = len(names)
        while depth and self._sort(names[:depth]) is None:
            depth -= 1
        if self._sort(names[:depth]) is Sort.FILE:
            raise FileExistsError(0, "a file is in the way")
        for end in range(depth + 1, len(names) + 1):
            try:
                self._tree.make(names[:end])
            except FileExistsError:
                if self._sort(names[:end]) is not Sort.DIRECTORY:
                    raise

    def _sort(self, names: Names) -> Sort | None:
        """Tell what is at a path; None: nothing.  Raises InTheWay: neither a file nor a directory."""
        try:
            found = self._tree.find(names)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if found.sort is Sort.OTHER:
            raise InTheWay("is a link or a special file")
        return found.sort

    def _file(self, names: Names) -> FileInfo:
        found = self._tree.find(names)
        if found.sort is Sort.OTHER:
            raise InTheWay("is a link or a special file")
        if found.sort is Sort.DIRECTORY:
            raise IsADirectoryError(0, "is a directory")
        return _info(names, found)

    def _check_directory(self, names: Names) -> None:
        found = self._tree.find(names)
        if found.sort is Sort.OTHER:
            raise InTheWay("is a link or a special file")
        if found.sort is Sort.FILE:
            raise NotADirectoryError(0, "is a file")

    def _ordered(self, names: Names, after: str | None) -> Sequence[Found]:
        """Return files and directories in the order in which their files come, but for what comes not after a path."""
        top = joined((*names, ""))

        def key(found: Found) -> str:
            return f"{top}{found.name}/" if found.sort is Sort.DIRECTORY else f"{top}{found.name}"

        found = [
            one
            for one in self._usable(names)
            if after is None
            or key(one) > after
            or (one.sort is Sort.DIRECTORY and after.startswith(key(one)))
        ]
        return sorted(found, key=key)

    def _usable(self, names: Names) -> Iterator[Found]:
        """Yield the files and directories in a directory, each name once; warn of names that no path may have."""
        room = MAX_PATH_BYTES - len(joined(names).encode()) - 1
        odd, example = 0, ""
        seen = set[str]()
        for found in _bounded(self._tree.entries(names)):
            if not _is_recordable(found.name, room):
                odd, example = odd + 1, found.name
            elif found.sort is not Sort.OTHER and found.name not in seen:
                seen.add(found.name)
                yield found
        if odd:
            _LOG.warning(
                "passed over %d names below %s that no path may have, or of unfinished files, e.g. %s",
                odd, ascii(uri_of(self._name, names)), ascii(example[:200]),
            )  # fmt: skip


def _bounded(entries: Iterator[Found]) -> Iterator[Found]:
    for number, found in enumerate(entries):
        if number >= ENTRIES_MAX:
            raise OSError(0, f"has more than {ENTRIES_MAX} entries")
        yield found


def _is_name(name: str) -> bool:
    """Tell whether a name leads to an entry of its own directory, and nowhere else."""
    return name not in {"", ".", ".."} and "/" not in name and "\0" not in name


def _is_recordable(name: str, room_bytes: int) -> bool:
    try:
        check_name(name)
    except DatacatalogError:
        return False
    return _is_name(name) and len(name.encode()) <= room_bytes and not is_unfinished(name)


def _info(names: Names, found: Found) -> FileInfo:
    return FileInfo(joined(names), found.size_bytes, found.modified_ns, found.modified_ns, found.mark)


def _entry(names: Names, found: Found) -> Entry:
    directory = found.sort is Sort.DIRECTORY
    return Entry(joined(names), directory, 0 if directory else found.size_bytes, found.modified_ns)


def _pass_over(names: Names, error: OSError, unreadable: Told | None) -> None:
    """Let a directory be that is gone by now; tell of one that may not be looked into."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError, InTheWay)):
        return
    if unreadable is None:
        raise error
    unreadable(joined(names), error.strerror or str(error))
