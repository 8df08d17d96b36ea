"""Storage systems in memory, for tests of what is built on the port."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from threading import RLock
from time import time_ns
from typing import BinaryIO

from datacatalog.domain.errors import (
    AlreadyExists,
    InvalidField,
    NoSuchPath,
    NotClearable,
    NotSupported,
    UnsafePath,
)
from datacatalog.domain.paths import components, joined
from datacatalog.ports.storage import HEAD_BYTES, Entry, FileInfo, Look, Told

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _File:
    info: FileInfo
    content: bytes


@dataclass(slots=True)
class _System:
    files: dict[Names, _File] = field(default_factory=dict)
    directories: set[Names] = field(default_factory=lambda: {()})


class MemoryStorage:
    """Files of one or more systems; there are no links."""

    def __init__(self, *systems: str) -> None:
        self._systems = {system: _System() for system in systems}
        self._inodes = count(1)
        self._lock = RLock()

    def systems(self) -> tuple[str, ...]:
        return tuple(self._systems)

    def walk(
        self, system: str, path: str, *, after: str | None = None, unreadable: Told | None = None
    ) -> Iterator[FileInfo]:
        found = self._walk(self._system(system), components(path), _uri(system, path))
        return (info for info in found if after is None or info.path > after)

    def _walk(self, held: _System, names: Names, uri: str) -> Iterator[FileInfo]:
        with self._lock:
            if names not in held.directories:
                raise NoSuchPath(uri)
            found = [file.info for at, file in held.files.items() if at[: len(names)] == names]
        yield from sorted(found, key=lambda info: info.path)

    def stat(self, system: str, path: str) -> FileInfo:
        return self._file(system, path).info

    def open(self, system: str, path: str) -> BinaryIO:
        return io.BytesIO(self._file(system, path).content)

    def fixity(self, system: str, path: str) -> tuple[FileInfo, str]:
        file = self._file(system, path)
        return file.info, f"sha256:{hashlib.sha256(file.content).hexdigest()}"

    def look(self, system: str, paths: Iterable[str]) -> Iterator[Look]:
        self._system(system)
        return (self._look(system, path) for path in paths)

    def _look(self, system: str, path: str) -> Look:
        try:
            info, checksum = self.fixity(system, path)
            return Look(path, info, checksum, self._file(system, path).content[:HEAD_BYTES])
        except (NoSuchPath, UnsafePath) as error:
            return Look(path, error=error)

    def make_directory(self, system: str, path: str, *, exclusive: bool = False) -> None:
        held, names = self._system(system), components(path)
        with self._lock:
            if exclusive and names in held.directories:
                raise AlreadyExists(f"{_uri(system, path)}: is there")
            _make(held, names, _uri(system, path))

    def put(self, system: str, path: str, source: BinaryIO) -> FileInfo:
        held, names = self._system(system), components(path)
        if not names:
            raise UnsafePath("path", "'/' is no name for a file")
        content = source.read()
        with self._lock:
            _make(held, names[:-1], _uri(system, path))
            if names in held.directories:
                raise AlreadyExists(f"{_uri(system, path)}: is a directory")
            now_ns = time_ns()
            info = FileInfo(
                path=joined(names),
                size_bytes=len(content),
                changed_ns=now_ns,
                modified_ns=now_ns,
                inode=next(self._inodes),
            )
            held.files[names] = _File(info, content)
        return info

    def list(self, system: str, path: str, *, after: str | None = None, limit: int = 1000) -> Sequence[Entry]:
        raise NotSupported("listing")

    def delete(self, system: str, path: str) -> int:
        raise NotSupported("deleting")

    def move(self, system: str, path: str, to: str) -> None:
        raise NotSupported("moving")

    def clear(self, system: str, path: str) -> int:
        held, names = self._system(system), components(path)
        if not names:
            raise NotClearable(_uri(system, path))
        with self._lock:
            if names not in held.directories:
                raise NoSuchPath(_uri(system, path))
            going = [at for at in held.files if _is_below(at, names)]
            for at in going:
                del held.files[at]
            held.directories -= {at for at in held.directories if _is_below(at, names)}
        return len(going)

    def _system(self, system: str) -> _System:
        try:
            return self._systems[system]
        except KeyError:
            raise InvalidField("storage_system", f"'{system}' is not known here") from None

    def _file(self, system: str, path: str) -> _File:
        held, names = self._system(system), components(path)
        try:
            return held.files[names]
        except KeyError:
            raise NoSuchPath(_uri(system, path)) from None


def _make(held: _System, names: Names, uri: str) -> None:
    above = [names[:depth] for depth in range(len(names) + 1)]
    if any(at in held.files for at in above):
        raise AlreadyExists(f"{uri}: a file is in the way")
    held.directories.update(above)


def _is_below(at: Sequence[str], names: Sequence[str]) -> bool:
    return len(at) > len(names) and at[: len(names)] == names


def _uri(system: str, path: str) -> str:
    return f"agave://{system}{joined(components(path))}"
