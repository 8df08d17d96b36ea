"""What is done with files besides reading them: put, fetched from another place, moved, copied, directories made.

Nothing is ever written over, but below the prefixes where things may be removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from datacatalog.domain.archive import AgaveUri, check_clearable, is_clearable
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import AlreadyExists, InvalidField, NoSuchPath, NotClearable, NotSupported
from datacatalog.domain.paths import check_name, components, joined, normalised
from datacatalog.ports.storage import Entry, FileInfo
from datacatalog.services.archives import check_reachable
from datacatalog.services.env import Env

_PAGE_MAX = 100_000
ACTIONS = ("mkdir", "move", "rename", "copy")


class Place(NamedTuple):
    """A path on a storage system; absolute and normalised."""

    env: Env
    system: str
    path: str

    def check(self, *, change: bool = False, whole: bool = False) -> None:
        """Let it be read, or changed, as far as it lies in no other tenant's archives.  Raises as `check_reachable` does."""
        uri = AgaveUri(self.system, self.path)
        self.env.store.read(lambda work: check_reachable(uri, work, change=change, whole=whole))

    def at(self, path: str) -> Place:
        """Return another path of the same system."""
        return self._replace(path=path)

    def open(self) -> BinaryIO:
        """Open the file for reading.  Raises as `check` and the storage do."""
        self.check()
        return self.env.storage.open(self.system, self.path)

    def entries(self, expected: int) -> Iterator[Entry]:
        """Yield what is in a directory, or the file itself.

        Args:
            expected: how many of them will be looked at; each page costs a look at the whole directory.
        Raises as the storage does.
        """
        self.check()
        after, size = None, max(1, min(expected, _PAGE_MAX))
        while found := self.env.storage.list(self.system, self.path, after=after, limit=size):
            yield from found
            after = found[-1].path


def put(place: Place, file_name: str, content: BinaryIO) -> FileInfo:
    """Write a file into the directory that is named; or under the path itself, where that ends in the file's name.

    Raises:
        NoSuchPath: there is no such directory.
        AlreadyExists, NotClearable: the file is there, and may not be written over.
    """
    place.check(change=True)
    target = _target(place, file_name)
    _check_free(place, target)
    return _written(place, target, content)


def fetch(place: Place, order: JsonObject) -> FileInfo:
    """Copy the file `urlToIngest` of a storage system here, under its name or `fileName`.

    Raises:
        NotSupported: it is elsewhere. Others as `put`.
    """
    url = _text(order, "urlToIngest")
    if not url.startswith("agave://"):
        raise NotSupported("urlToIngest: only agave://system/path is fetched, from a storage system here")
    source = AgaveUri.parse(url, "urlToIngest")
    name = order.get("fileName") or source.path.rpartition("/")[2]
    if not isinstance(name, str):
        raise InvalidField("fileName", "wants a text")
    with Place(place.env, source.system, source.path).open() as content:
        return put(place, name, content)


def remove(place: Place) -> int:
    """Remove a file, or a directory with all that is in it; return how many files that were.

    Raises as the storage does, and NoSuchPath, NotGranted where something of it is another tenant's.
    """
    place.check(change=True, whole=True)
    return place.env.storage.delete(place.system, place.path)


def arrange(place: Place, order: JsonObject) -> Entry:
    """Make a directory below `place`, or move, rename or copy what is there; return what it came to."""
    action, path = order.get("action"), _text(order, "path")
    storage, system = place.env.storage, place.system
    match action:
        case "mkdir":
            made = normalised(f"{place.path}/{path}")
            place.at(made).check(change=True)
            storage.make_directory(system, made)
            return Entry(made, True, 0, 0)
        case "move":
            to = normalised(f"/{path}")
            _move(place, to)
        case "rename":
            check_name(path)
            if "/" in path:
                raise InvalidField("path", "wants a name without slashes; 'move' takes a path")
            to = joined((*components(place.path)[:-1], path))
            _move(place, to)
        case "copy":
            to = normalised(f"/{path}")
            place.at(to).check(change=True)
            _check_free(place, to)
            with place.open() as content:
                _written(place, to, content)
        case _:
            raise InvalidField("action", f"is none of {', '.join(ACTIONS)}")
    return _entry(place, to)


def _move(place: Place, to: str) -> None:
    place.check(change=True, whole=True)
    place.at(to).check(change=True)
    place.env.storage.move(place.system, place.path, to)


def _entry(place: Place, path: str) -> Entry:
    try:
        info = place.env.storage.stat(place.system, path)
    except NoSuchPath:
        return Entry(path, True, 0, 0)
    return Entry(path, False, info.size_bytes, info.modified_ns)


def _target(place: Place, file_name: str) -> str:
    # Some clients send a path for a name; only its last part is one.
    name = file_name.replace("\\", "/").rpartition("/")[2]
    if not name:
        raise InvalidField("fileName", "is missing")
    check_name(name, "fileName")
    names = components(place.path)
    if _is_directory(place):
        return joined((*names, name))
    if names and names[-1] == name:
        return place.path
    raise NoSuchPath(f"agave://{place.system}{place.path}; make the directory first")


def _is_directory(place: Place) -> bool:
    try:
        found = place.env.storage.list(place.system, place.path, limit=1)
    except NoSuchPath:
        return False
    return not (len(found) == 1 and found[0].path == place.path)


def _check_free(place: Place, path: str) -> None:
    """Refuse a path under which there is a file that may not be removed."""
    try:
        place.env.storage.stat(place.system, path)
    except NoSuchPath:
        return
    try:
        check_clearable(path, place.env.rules.clearable)
    except NotClearable:
        raise AlreadyExists(
            f"agave://{place.system}{path} is there, and may not be written over:"
            " that is done below the prefixes of storage.clearable alone"
        ) from None


def _written(place: Place, path: str, content: BinaryIO) -> FileInfo:
    """Write a file; where nothing may be removed, not over one that came meanwhile."""
    new = not is_clearable(path, place.env.rules.clearable)
    return place.env.storage.put(place.system, path, content, new=new)


def _text(order: JsonObject, name: str) -> str:
    value = order.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidField(name, "wants a text")
    return value
