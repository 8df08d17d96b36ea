"""Storage systems in memory, for tests of what is built on the port."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from threading import RLock
from time import time_ns
from typing import BinaryIO

from datacatalog.adapters.storage.systems import Systems
from datacatalog.domain.errors import AlreadyExists, NoSuchPath, UnsafePath
from datacatalog.domain.paths import components, joined
from datacatalog.ports.storage import HEAD_BYTES, Entry, FileInfo, Look, Names, Told


@dataclass(frozen=True, slots=True)
class _File:
    info: FileInfo
    content: bytes


class MemorySystem:
    """Files and directories; there are no links."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._files: dict[Names, _File] = {}
        self._directories: dict[Names, int] = {(): time_ns()}
        self._inodes = count(1)
        self._lock = RLock()

    def walk(
        self, names: Names, *, after: str | None = None, unreadable: Told | None = None
    ) -> Iterator[FileInfo]:
        with self._lock:
            self._check_directory(names)
            found = [file.info for at, file in self._files.items() if _is_below(at, names)]
        yield from sorted(info for info in found if after is None or info.path > after)

    def stat(self, names: Names) -> FileInfo:
        return self._file(names).info

    def open(self, names: Names) -> BinaryIO:
        return io.BytesIO(self._file(names).content)

    def fixity(self, names: Names) -> tuple[FileInfo, str]:
        file = self._file(names)
        return file.info, f"sha256:{hashlib.sha256(file.content).hexdigest()}"

    def look(self, paths: Iterable[str]) -> Iterator[Look]:
        return map(self._look, paths)

    def _look(self, path: str) -> Look:
        try:
            info, checksum = self.fixity(components(path))
            return Look(path, info, checksum, self._file(components(path)).content[:HEAD_BYTES])
        except (NoSuchPath, UnsafePath) as error:
            return Look(path, error=error)

    def make_directory(self, names: Names, *, exclusive: bool = False) -> None:
        with self._lock:
            if exclusive and names in self._directories:
                raise AlreadyExists(f"{self._uri(names)}: is there")
            self._make(names)

    def put(self, names: Names, source: BinaryIO, *, new: bool = False) -> FileInfo:
        content = source.read()
        with self._lock:
            self._make(names[:-1])
            if names in self._directories:
                raise AlreadyExists(f"{self._uri(names)}: is a directory")
            if new and names in self._files:
                raise AlreadyExists(f"{self._uri(names)}: is there")
            now_ns = time_ns()
            info = FileInfo(joined(names), len(content), now_ns, now_ns, next(self._inodes))
            self._files[names] = _File(info, content)
        return info

    def list(self, names: Names, *, after: str | None = None, limit: int = 1000) -> Sequence[Entry]:
        with self._lock:
            if names in self._files:
                found = [_entry(self._files[names])]
            else:
                self._check_directory(names)
                found = [_entry(file) for at, file in self._files.items() if _is_in(at, names)]
                made = [(at, made_ns) for at, made_ns in self._directories.items() if _is_in(at, names)]
                found += [Entry(joined(at), True, 0, made_ns) for at, made_ns in made]
        return sorted(entry for entry in found if after is None or entry.path > after)[:limit]

    def delete(self, names: Names) -> int:
        with self._lock:
            if self._files.pop(names, None) is not None:
                return 1
            removed = self.clear(names)
            del self._directories[names]
        return removed

    def move(self, names: Names, to: Names) -> None:
        with self._lock:
            if names not in self._files:
                self._check_directory(names)
            self._make(to[:-1])
            if to in self._files or to in self._directories:
                raise AlreadyExists(f"{self._uri(to)}: is there")
            self._files = {_moved(at, names, to): file for at, file in self._files.items()}
            for at, file in self._files.items():
                self._files[at] = replace(file, info=file.info._replace(path=joined(at)))
            self._directories = {_moved(at, names, to): made for at, made in self._directories.items()}

    def clear(self, names: Names) -> int:
        with self._lock:
            self._check_directory(names)
            going = [at for at in self._files if _is_below(at, names)]
            for at in going:
                del self._files[at]
            for at in [at for at in self._directories if _is_below(at, names)]:
                del self._directories[at]
        return len(going)

    def _file(self, names: Names) -> _File:
        try:
            return self._files[names]
        except KeyError:
            raise NoSuchPath(self._uri(names)) from None

    def _check_directory(self, names: Names) -> None:
        if names not in self._directories:
            raise NoSuchPath(self._uri(names))

    def _make(self, names: Names) -> None:
        above = [names[:depth] for depth in range(len(names) + 1)]
        if any(at in self._files for at in above):
            raise AlreadyExists(f"{self._uri(names)}: a file is in the way")
        for at in above:
            self._directories.setdefault(at, time_ns())

    def _uri(self, names: Names) -> str:
        return f"agave://{self._name}{joined(names)}"


class MemoryStorage(Systems):
    """Systems in memory, by name; all but their roots may be cleared."""

    def __init__(self, *systems: str, clearable: Iterable[str] = ("/",)) -> None:
        super().__init__({name: MemorySystem(name) for name in systems}, clearable=clearable)


def _entry(file: _File) -> Entry:
    return Entry(file.info.path, False, file.info.size_bytes, file.info.modified_ns)


def _moved(at: Names, names: Names, to: Names) -> Names:
    return to + at[len(names) :] if at[: len(names)] == names else at


def _is_in(at: Names, names: Names) -> bool:
    return len(at) == len(names) + 1 and at[:-1] == names


def _is_below(at: Names, names: Names) -> bool:
    return len(at) > len(names) and at[: len(names)] == names
