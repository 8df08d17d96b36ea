"""Listings of files, as Agave and Tapis answer them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from datacatalog.adapters.remote.answers import nanoseconds, text, text_or, whole
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import PlatformDown, UnsafePath
from datacatalog.domain.paths import check_name
from datacatalog.ports.storage import Entry


class Listed(NamedTuple):
    """One entry, as the service says it.

    Attributes:
        path: where the service says it is; what it is relative to differs from service to service.
        type: "file", "dir", or something that is neither.
    """

    name: str
    path: str
    type: str
    size_bytes: int
    modified_ns: int


def read_listed(document: JsonObject, what: str, *, size: str) -> Listed:
    """
    Args:
        size: name of the field that tells the size.
    Raises:
        PlatformDown: a field is missing, or not what it should be.
    """
    return Listed(
        name=text(document, "name", what),
        path=text_or(document, "path"),
        type=text(document, "type", what),
        size_bytes=whole(document, size),
        modified_ns=nanoseconds(document, "lastModified", what),
    )


def entries(listed: Iterable[Listed], path: str) -> list[Entry]:
    """Return what a listing of `path` tells, by path: what is in a directory, or the file itself.

    Paths begin where `path` does: they are made of it and of names. Entries that are neither file nor directory (links, say)
    are passed over.

    Raises:
        PlatformDown: a name that no file may have.
    """
    told = [one for one in listed if one.name not in (".", "") and one.type in ("file", "dir")]
    if len(told) == 1 and _is_itself(told[0], path):
        return [_entry(told[0], path)]
    return sorted(_entry(one, f"{path.rstrip('/')}/{_name(one)}") for one in told)


def _is_itself(one: Listed, path: str) -> bool:
    said = "/" + one.path.strip("/")
    return one.type == "file" and said.endswith(path) and not said.endswith(f"{path}/{one.name}")


def _name(one: Listed) -> str:
    name = one.name.rstrip("/").rpartition("/")[2]
    try:
        check_name(name)
    except UnsafePath as e:
        raise PlatformDown(f"a listing has an entry that cannot be: {e.reason}") from e
    return name


def _entry(one: Listed, path: str) -> Entry:
    return Entry(
        path=path, directory=one.type == "dir", size_bytes=one.size_bytes, modified_ns=one.modified_ns
    )
