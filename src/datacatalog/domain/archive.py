"""Where a job's outputs go, and what may be cleared there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NewType

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.errors import MixedLinkage, NotClearable, UnsafePath
from datacatalog.domain.identifiers.sessions import instance_directory
from datacatalog.domain.identifiers.typed import IDENTITY, Identity, kind_of, read_typed
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.paths import DEFAULT_SYSTEM, AgaveUri, confined, is_below, normalised

ArchivePath = NewType("ArchivePath", str)
"""Absolute, normalised path of a directory on a job's archive system."""

PRODUCTS = "/products/v2"
DEFAULT_CLEARABLE = (PRODUCTS, "/sample/tacc-cloud")
"""What lies strictly below these may be cleared when a job is reset."""


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
        linked: UUIDs of measurements, samples, experiments or designs; order and repeats do not matter, none at all
            is allowed.
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


def explicit_archive(text: str, system: str = DEFAULT_SYSTEM) -> AgaveUri:
    """Return the place that a job names itself instead of having one computed.

    Args:
        text: absolute path, or `agave://system/path`.
        system: where a bare path lies.
    Raises:
        InvalidField: it begins like a URI and is none.
        UnsafePath: it is relative, goes upwards, has control characters, is not written the one normal way,
            or is the root of its system.
    """
    uri = (
        AgaveUri.parse(text, "archive_path")
        if text.startswith("agave:")
        else AgaveUri(system, normalised(confined(text, "archive_path")))
    )
    if uri.path == "/":
        raise UnsafePath("archive_path", "is the root of its system")
    if text not in (uri.path, str(uri)):
        raise UnsafePath("archive_path", f"is not normalised; '{uri.path}' is")
    return uri


def clearable(path: str, prefixes: Iterable[str] = DEFAULT_CLEARABLE) -> ArchivePath:
    """Return the one spelling of a path that may be cleared; that one is to be used from there on.

    Raises:
        NotClearable: normalised, it is not strictly below one of `prefixes`, name by name.
    """
    try:
        plain = confined(normalised(path))
    except UnsafePath:
        raise NotClearable(path) from None
    if not any(is_below(plain, normalised(prefix)) for prefix in prefixes):
        raise NotClearable(path)
    return ArchivePath(plain)


def _of_one_level(linked: Iterable[TypedUuid]) -> list[TypedUuid]:
    uuids = sorted({read_typed(uuid, field="linked") for uuid in linked})
    levels = sorted({kind_of(uuid).value for uuid in uuids})
    if len(levels) > 1:
        raise MixedLinkage("linked", f"mixes {' and '.join(levels)}")
    return uuids


def _short(text: str, identity: Identity) -> str:
    return identity.hashid(identity.uuid(Kind.GENERIC, text))
