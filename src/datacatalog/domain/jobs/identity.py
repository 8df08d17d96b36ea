"""What makes a job the job it is: its pipeline, the records it was linked to by name, and its data."""

from __future__ import annotations

from collections.abc import Iterable

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.identifiers.records import listed
from datacatalog.domain.identifiers.typed import IDENTITY, Identity, read_typed
from datacatalog.domain.kinds import Kind, TypedUuid


def job_text(pipeline: TypedUuid, linked: Iterable[TypedUuid], data: JsonObject) -> str:
    """Return the text whose UUID is the job's, e.g. `106c46ff-...:['102e95e6-...']:{"alpha":0.5}`.

    Args:
        pipeline: typed UUID, prefix 106.
        linked: UUIDs of the records that were passed; order and repeats do not matter, none at all is allowed.
        data: the job's parameterization.
    Raises:
        InvalidField: a UUID is no typed one, or `pipeline` is none of a pipeline.
    """
    of = read_typed(pipeline, Kind.PIPELINE, field="pipeline_uuid")
    return f"{of}:{listed([read_typed(uuid, field='linked') for uuid in linked])}:{minified(data)}"


def job_uuid(
    pipeline: TypedUuid, linked: Iterable[TypedUuid], data: JsonObject, identity: Identity = IDENTITY
) -> TypedUuid:
    """Return a job's UUID: equal pipelines, links and data make one and the same job.  Raises as `job_text`."""
    return identity.uuid(Kind.PIPELINEJOB, job_text(pipeline, linked, data))
