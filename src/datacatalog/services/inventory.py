"""What the catalog knows of a place beside what lies there: two long lists of one order, gone through side by side.

Neither is ever held whole, so that a million files take no more memory than a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.errors import NoSuchPath, UnsafePath
from datacatalog.domain.identifiers.records import file_uuid
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.ports.storage import FileInfo
from datacatalog.ports.stores import Glance
from datacatalog.services.env import Env

PAGE = 1000
_AFTER_SLASH = "0"
"""The character after the slash: what lies below /a is named from "/a/" up to, and without, "/a0"."""


class Known(NamedTuple):
    """A file that the catalog has a visible record of."""

    path: str
    uuid: TypedUuid


class Pair(NamedTuple):
    """One path: its record, what is there, or both."""

    path: str
    file: Known | None
    info: FileInfo | None


@dataclass(slots=True)
class Walk:
    """What a walk met besides files.

    Attributes:
        error: why there is nothing to walk at all.
        closed: the places that it could not look into and that were not told yet, each with the reason.
    """

    error: NoSuchPath | UnsafePath | None = None
    closed: list[tuple[str, str]] = field(default_factory=list)

    def tell(self, path: str, reason: str) -> None:
        self.closed.append((path, reason))


def inventory(place: AgaveUri, walk: Walk, env: Env) -> Iterator[Pair]:
    """Yield a pair for each file that is known at a place or below it, or lies there, in the order of their paths.

    Args:
        walk: takes down what else the walk met.
    Raises:
        StorageDown: the system, or the place itself, cannot be read.
    """
    return _paired(_known(place, env), _there(place, walk, env))


def uuid_at(system: str, path: str, env: Env) -> TypedUuid:
    """Return the UUID of the file at a path."""
    return file_uuid(path, system, env.identity, env.rules.default_system)


def _known(place: AgaveUri, env: Env) -> Iterator[Known]:
    """Yield the files that are known at a place and below it, ordered by path."""
    uuid = uuid_at(place.system, place.path, env)
    file = env.store.read(lambda work: work.records.find(uuid))
    if file is not None and file.visible:
        yield Known(place.path, uuid)
    for found in _named_below(place.path, env):
        # Where a file lies makes its UUID, which thus tells the files of one system from those of others.
        if found.uuid == uuid_at(place.system, found.path, env):
            yield found


def _named_below(path: str, env: Env) -> Iterator[Known]:
    """Yield the files of all systems that are known below a path, page by page; documents are not read."""
    base, limit = path.rstrip("/"), PAGE
    low, high, seen = f"{base}/", f"{base}{_AFTER_SLASH}", set[TypedUuid]()
    while True:
        page = _page(low, high, limit, env)
        for glance in page:
            if glance.visible and glance.uuid not in seen:
                yield Known(str(glance.values[0]), glance.uuid)
        if len(page) < limit:
            return
        last = str(page[-1].values[0])
        if last == low:  # So many systems have a file of this name.
            limit *= 2
        low, seen = last, {glance.uuid for glance in page if glance.values[0] == last}


def _page(low: str, high: str, limit: int, env: Env) -> Sequence[Glance]:
    return env.store.read(lambda work: work.records.glance(Kind.FILE, ["name"], low, high, limit=limit))


def _there(place: AgaveUri, walk: Walk, env: Env) -> Iterator[FileInfo]:
    """Yield the file at a place, or those below it, in the order of their paths."""
    try:
        yield env.storage.stat(*place)
        return
    except (NoSuchPath, UnsafePath):
        pass
    try:
        yield from env.storage.walk(*place, unreadable=walk.tell)
    except (NoSuchPath, UnsafePath) as e:
        walk.error = e


def _paired(known: Iterator[Known], there: Iterator[FileInfo]) -> Iterator[Pair]:
    """Bring together what has one path; both come ordered by it."""
    file, info = next(known, None), next(there, None)
    while file is not None or info is not None:
        if info is None or (file is not None and file.path < info.path):
            assert file is not None  # noqa: S101  one of them is there
            yield Pair(file.path, file, None)
            file = next(known, None)
        elif file is None or info.path < file.path:
            yield Pair(info.path, None, info)
            info = next(there, None)
        else:
            yield Pair(file.path, file, info)
            file, info = next(known, None), next(there, None)
