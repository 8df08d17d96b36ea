"""Job texts and archive paths of 2018, for reading what was named by them; nothing new is.

Text J1 (December 2018 to 4 February 2019), archive paths v1 (to November 2018) and A (December 2018). Archive paths of
January 2019 (C) have today's form. Not here, since no published example tells whether they are right: text J0 and
archive paths B (20 December 2018 to 22 January 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.identifiers.sessions import instance_directory
from datacatalog.domain.identifiers.typed import IDENTITY, Identity
from datacatalog.domain.kinds import TypedUuid


def job_text_j1(pipeline: TypedUuid, data: JsonObject) -> str:
    return f"{pipeline}:{minified(data)}"


def archive_path_v1(
    names: Sequence[str], pipeline: str, session: str, at: datetime, identity: Identity = IDENTITY
) -> str:
    """Return a path of untyped UUIDs, dashes kept.

    Args:
        names: laboratory, experiment reference, and the measurement's id where there was one.
        pipeline: the pipeline's own untyped UUID.
    """
    uuids = [identity.untyped(name) for name in names]
    return "/".join(["/products/v1", *uuids, pipeline, instance_directory(session, at)])


def archive_path_a(
    linked: Sequence[TypedUuid],
    pipeline: TypedUuid,
    session: str | None = None,
    at: datetime | None = None,
) -> str:
    """Return a path of typed UUIDs without dashes.

    Args:
        linked: design, experiment, sample and measurement, in this order, those that were passed.
    """
    path = "/".join(["/products/v2", *linked, pipeline]).replace("-", "")
    return f"{path}/{instance_directory(session, at)}" if session and at else path
