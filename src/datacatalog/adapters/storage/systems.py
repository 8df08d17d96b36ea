"""The storage systems of an installation: what holds of paths on all of them, and who is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import BinaryIO

from datacatalog.domain.archive import is_clearable
from datacatalog.domain.errors import AlreadyExists, InvalidField, NotClearable, UnsafePath
from datacatalog.domain.paths import components, joined
from datacatalog.ports.storage import Entry, FileInfo, Look, Names, System, Told


class Systems:
    """Implements ports.storage.Storage by systems that each know themselves.

    Here, and nowhere else, is enforced for all of them: paths are absolute and lead nowhere upwards; nothing is removed or moved
    but what lies strictly below a clearable prefix, so that neither a root nor a prefix itself ever goes.
    """

    def __init__(self, systems: Mapping[str, System], *, clearable: Iterable[str]) -> None:
        """`clearable`: absolute paths, on every system; "/" stands for all but the root."""
        self._systems = dict(systems)
        self._clearable = tuple(clearable)
        self._coming = set[tuple[str, Names]]()
        self._lock = Lock()

    def systems(self) -> tuple[str, ...]:
        return tuple(self._systems)

    def walk(
        self, system: str, path: str, *, after: str | None = None, unreadable: Told | None = None
    ) -> Iterator[FileInfo]:
        return self._system(system).walk(components(path), after=after, unreadable=unreadable)

    def stat(self, system: str, path: str) -> FileInfo:
        return self._system(system).stat(components(path))

    def open(self, system: str, path: str) -> BinaryIO:
        return self._system(system).open(components(path))

    def fixity(self, system: str, path: str) -> tuple[FileInfo, str]:
        return self._system(system).fixity(components(path))

    def look(self, system: str, paths: Iterable[str]) -> Iterator[Look]:
        return self._system(system).look(paths)

    def make_directory(self, system: str, path: str, *, exclusive: bool = False) -> None:
        self._system(system).make_directory(components(path), exclusive=exclusive)

    def put(self, system: str, path: str, source: BinaryIO, *, new: bool = False) -> FileInfo:
        at, names = self._system(system), components(path)
        if not names:
            raise UnsafePath("path", "'/' is no name for a file")
        if not new:
            return at.put(names, source)
        with self._coming_alone(system, names):
            return at.put(names, source, new=True)

    def list(self, system: str, path: str, *, after: str | None = None, limit: int = 1000) -> Sequence[Entry]:
        return self._system(system).list(components(path), after=after, limit=limit)

    def delete(self, system: str, path: str) -> int:
        at, names = self._system(system), components(path)
        self._check_clearable(system, names)
        return at.delete(names)

    def move(self, system: str, path: str, to: str) -> None:
        at, names, there = self._system(system), components(path), components(to, "to")
        self._check_clearable(system, names)
        if there == names or not there:
            raise AlreadyExists(f"agave://{system}{joined(there)}: is there")
        if there[: len(names)] == names:
            raise UnsafePath("to", f"agave://{system}{joined(there)} lies below what is moved")
        at.move(names, there)

    def clear(self, system: str, path: str) -> int:
        at, names = self._system(system), components(path)
        self._check_clearable(system, names)
        return at.clear(names)

    def _system(self, system: str) -> System:
        try:
            return self._systems[system]
        except KeyError:
            raise InvalidField("storage_system", f"'{system}' is not known here") from None

    @contextmanager
    def _coming_alone(self, system: str, names: Names) -> Iterator[None]:
        """Let one thread at a time put a new file under a name: not every system can tell two of them apart."""
        coming = (system, names)
        with self._lock:
            if coming in self._coming:
                raise AlreadyExists(f"agave://{system}{joined(names)}: is being written")
            self._coming.add(coming)
        try:
            yield
        finally:
            with self._lock:
                self._coming.discard(coming)

    def _check_clearable(self, system: str, names: Names) -> None:
        if not is_clearable(joined(names), self._clearable):
            raise NotClearable(f"agave://{system}{joined(names)}")
