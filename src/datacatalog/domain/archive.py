"""Where a job's outputs go, how such places are written, and what may be cleared there."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, NewType

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.errors import InvalidField, MixedLinkage, NotClearable, UnsafePath
from datacatalog.domain.identifiers.sessions import instance_directory
from datacatalog.domain.identifiers.typed import IDENTITY, Identity, kind_of, read_typed
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.paths import normalised, shown

ArchivePath = NewType("ArchivePath", str)
"""Absolute, normalised path of a directory on a job's archive system."""

DEFAULT_SYSTEM = "data-sd2e-community"
"""The storage system of paths that name none."""

PRODUCTS = "/products/v2"
DEFAULT_CLEARABLE = (PRODUCTS, "/sample/tacc-cloud")
"""What lies strictly below these may be cleared when a job is reset."""

_SCHEME = "agave://"
_TAPIS_SCHEME = "tapis://"
_SYSTEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Of the computed layout, what archives of several jobs may be in, or be.
_SHARED = re.compile(re.escape(PRODUCTS) + "/[0-9a-f]{32}(?:/[^/]+|(?:/[A-Za-z0-9]{20,32}){2})?")
# Control characters, and the separators of lines and paragraphs.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class AgaveUri(NamedTuple):
    """A file or directory on a named storage system; `str()` gives the URI.

    Attributes:
        path: absolute and normalised.
    """

    system: str
    path: str

    def __str__(self) -> str:
        return f"{_SCHEME}{self.system}{self.path}"

    @classmethod
    def parse(cls, text: str, field: str = "uri") -> AgaveUri:
        """Read a URI. Repeated slashes and one at the end are mended, since platforms write them.

        Raises:
            InvalidField: it is no `agave://system/path`.
            UnsafePath: the path has a `.` or `..`, or a name that no file may have.
        """
        system, slash, rest = text.removeprefix(_SCHEME).partition("/")
        if not (text.startswith(_SCHEME) and slash and is_system(system)):
            raise InvalidField(field, f"{shown(text)} is not agave://system/path")
        return cls(system, normalised(slash + rest, field))

    @classmethod
    def of_input(cls, text: str, field: str, default_system: str) -> AgaveUri:
        """Read how a job definition calls an input: by its URI, also in Tapis' words, or by a path on the default system.

        Platforms, and what guards archives from jobs, read it alike.

        Raises:
            InvalidField: it is none, or a whole storage system.
            UnsafePath: as `parse` does.
        """
        if text.startswith("/"):
            found = cls(default_system, normalised(text, field))
        else:
            found = cls.parse(
                text.replace(_TAPIS_SCHEME, _SCHEME, 1) if text.startswith(_TAPIS_SCHEME) else text, field
            )
        if found.path == "/":
            raise InvalidField(field, "is a whole storage system")
        return found


def is_system(text: str) -> bool:
    """Tell whether a storage system may be called so; one with a slash would share its files' URIs with another one."""
    return _SYSTEM.fullmatch(text) is not None


def archive_path(
    pipeline: TypedUuid,
    linked: Iterable[TypedUuid],
    data: JsonObject,
    session: str | None,
    at: datetime,
    identity: Identity = IDENTITY,
) -> ArchivePath:
    """Tell where a job archives its outputs; without `session`, equal inputs give equal paths.

    Args:
        pipeline: typed UUID, prefix 106; its dashes are dropped in the path.
        linked: UUIDs of measurements, samples, experiments or designs, shape (n,); order and repeats do not matter.
        data: the job's parameterization; hashed as JSON with sorted keys and no spaces.
        session: word pair such as "casual-bass"; appended with `at`, so that a re-run gets its own directory.
        at: creation instant [UTC, whole seconds]; unused without `session`.
    Raises:
        MixedLinkage: `linked` mixes levels, e.g. a sample and a measurement.
        InvalidField: a UUID is no typed one, or `session` may not be part of a path.
    Source: docs, ManagedPipelineJob, "The job's archive_path is generated as follows".
    """
    of = read_typed(pipeline, Kind.PIPELINE, field="pipeline_uuid").replace("-", "")
    to = ":".join(_of_one_level(linked))
    path = "/".join([PRODUCTS, of, _short(to, identity), _short(minified(data), identity)])
    return ArchivePath(f"{path}/{instance_directory(session, at)}" if session else path)


def check_archive_path(path: str) -> ArchivePath:
    """Return a path that a job names itself instead of having one computed.

    Raises:
        UnsafePath: it is relative, the root, or a directory that computed archive paths share; it is not written in the
            one normal way (no `.`, `..`, repeated slashes, or slash at its end), or has control characters.
    """
    checked = check_directory(path)
    if _SHARED.fullmatch(path):
        raise UnsafePath("archive_path", f"{shown(path)} is where archives of many jobs lie")
    return checked


def check_directory(path: str) -> ArchivePath:
    """Return a path that may have been computed for a job, or named by it.

    Raises:
        UnsafePath: as `check_archive_path`, but that computed paths are taken.
    """
    plain = normalised(path, "archive_path")
    if plain == "/":
        raise UnsafePath("archive_path", "is the root of its system")
    if plain != path:
        raise UnsafePath("archive_path", f"is not normalised; {shown(plain)} is")
    if _UNPRINTABLE.search(path):
        raise UnsafePath("archive_path", f"{shown(path)} has control characters")
    if f"{PRODUCTS}/".startswith(f"{path}/"):
        raise UnsafePath("archive_path", f"{shown(path)} is where archives of many jobs lie")
    return ArchivePath(path)


def check_clearable(path: str, prefixes: Iterable[str] = DEFAULT_CLEARABLE) -> ArchivePath:
    """Return the one spelling of a path that may be cleared; that one is to be used from there on.

    Raises:
        NotClearable: normalised, it is not strictly below one of `prefixes`, name by name.
    """
    plain = one_spelling(path)
    if not is_clearable(plain, prefixes) or _UNPRINTABLE.search(plain):
        raise NotClearable(shown(path))
    return ArchivePath(plain)


def is_clearable(path: str, prefixes: Iterable[str]) -> bool:
    """Tell whether a path in its one spelling is absolute, no root, and strictly below one of `prefixes`, name by name."""
    below = any(path.startswith(one_spelling(prefix).rstrip("/") + "/") for prefix in prefixes)
    return below and path.startswith("/") and path != "/"


def one_spelling(path: str) -> str:
    """Return a path as identities hash it: no repeated or trailing slashes, `.` and `..` worked out; it may be relative."""
    if path[:1] == "/" != path[-1] and "//" not in path and "/." not in path:
        return path  # which most are
    # normpath leaves exactly two leading slashes standing, which POSIX allows to mean something else.
    return posixpath.normpath("/" + path.lstrip("/") if path.startswith("/") else path)


def _of_one_level(linked: Iterable[TypedUuid]) -> list[TypedUuid]:
    uuids = sorted({read_typed(uuid, field="linked") for uuid in linked})
    levels = sorted({kind_of(uuid).value for uuid in uuids})
    if len(levels) > 1:
        raise MixedLinkage("linked", f"mixes {' and '.join(levels)}")
    return uuids


def _short(text: str, identity: Identity) -> str:
    return identity.hashid(identity.uuid(Kind.GENERIC, text))
