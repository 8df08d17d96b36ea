"""What the catalog knows of a place beside what lies there: two long lists of one order, gone through side by side.

Neither is ever held whole, so that a million files take no more memory than a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.errors import NoSuchPath, UnsafePath
from datacatalog.domain.identifiers.records import file_uuid
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.ports.storage import FileInfo
from datacatalog.services.env import Env

PAGE = 1000
_AFTER_SLASH = "0"
"""The character after the slash: what lies below /a is named from "/a/" up to, and without, "/a0"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One path: its record, what is there, or both."""

    file: Record | None
    info: FileInfo | None

    @property
    def path(self) -> str:
        return self.info.path if self.info is not None else str(self.file.body["name"]) if self.file else ""


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


def system_of(file: Record, env: Env) -> str:
    return str(file.body.get("storage_system") or env.rules.default_system)


def _known(place: AgaveUri, env: Env) -> Iterator[Record]:
    """Yield the visible file records of a place and of all below it, ordered by name."""
    uuid = file_uuid(place.path, place.system, env.identity, env.rules.default_system)
    file = env.store.read(lambda work: work.records.find(uuid))
    if file is not None and file.visible:
        yield file
    for found in _named_below(place.path, env):
        if system_of(found, env) == place.system:
            yield found


def _named_below(path: str, env: Env) -> Iterator[Record]:
    """Yield the visible file records of all systems below a path, page by page."""
    base, limit = path.rstrip("/"), PAGE
    low, high, seen = f"{base}/", f"{base}{_AFTER_SLASH}", set[TypedUuid]()
    while True:
        page = _page(low, high, limit, env)
        yield from (file for file in page if file.uuid not in seen)
        if len(page) < limit:
            return
        if page[-1].body["name"] == low:  # So many systems have a file of this name.
            limit *= 2
        low = page[-1].body["name"]
        seen = {file.uuid for file in page if file.body["name"] == low}


def _page(low: str, high: str, limit: int, env: Env) -> Sequence[Record]:
    return env.store.read(lambda work: work.records.between(Kind.FILE, "name", low, high, limit=limit))


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


def _paired(known: Iterator[Record], there: Iterator[FileInfo]) -> Iterator[Pair]:
    """Bring together what has one path; both come ordered by it."""
    file, info = next(known, None), next(there, None)
    while file is not None or info is not None:
        if info is None or (file is not None and file.body["name"] < info.path):
            yield Pair(file=file, info=None)
            file = next(known, None)
        elif file is None or info.path < file.body["name"]:
            yield Pair(file=None, info=info)
            info = next(there, None)
        else:
            yield Pair(file=file, info=info)
            file, info = next(known, None), next(there, None)
