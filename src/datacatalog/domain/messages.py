"""The messages that the actors understand, as typed values.

Each is read from a document that fits exactly one schema (services/reading). `token` is what the sender showed;
a message whose sender the catalog has already authorized (one that it sent itself, or let in at the door and queued)
is `trusted` and carries none. No field of a document can make a message trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import TypedUuid


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What all have in common.

    Attributes:
        execution: the one that it is handled in; "" where it has none.
    """

    token: str | None = field(default=None, repr=False)
    trusted: bool = False
    execution: str = ""


# ------------------------------------------------------------------------------------ jobs-manager


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(Message):
    """Move a job through its lifecycle."""

    uuid: TypedUuid
    name: Event
    data: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformCallback(Message):
    """What a platform says became of its part of a job: a fact, not a request.

    Attributes:
        body: the callback as sent; empty where only the URL spoke.
        url_status: the status in the URL, upper case, or None.
        note: the URL's note.
        run: which run of the job it speaks of; None where it does not say.
        platform: in whose words the body is (agave, tapis); "" where it does not show.
    """

    uuid: TypedUuid
    body: JsonObject = field(default_factory=dict)
    url_status: str | None = None
    note: str | None = None
    run: int | None = None
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJob(Message):
    """Hide a job, or (`force`) remove it from the ledger for good; its archive stays."""

    uuid: TypedUuid
    force: bool = False


# ------------------------------------------------------------------------------------ jobs-indexer


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexJob(Message):
    """Index a job's archive path.

    Attributes:
        filters: index requests as sent (regular expressions, or objects); None: the job's own.
        level: processing level for files that string filters pick; None: the default.
    """

    uuid: TypedUuid
    filters: Sequence[Any] | None = None
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkIndexed(Message):
    """Say that indexing is done."""

    uuid: TypedUuid


# --------------------------------------------------------------------------------- pipelines-manager


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePipeline(Message):
    document: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePipeline(Message):
    """Change what does not make the pipeline's identity.

    Attributes:
        uuid: None: the one that the document itself describes.
        strategy: merge (fields that are given) or replace (the whole document).
    """

    uuid: TypedUuid | None
    body: JsonObject
    strategy: str = "merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePipeline(Message):
    """Take a pipeline out of service (it can be brought back), or with `force` remove it for good."""

    uuid: TypedUuid
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePipeline(Message):
    """Bring a pipeline back that was deleted, disabled or retired."""

    uuid: TypedUuid


# --------------------------------------------------------------------------------------- agave-proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchJob(Message):
    """Run an app on the platform as a managed job.

    Attributes:
        definition: an Agave job definition.
        linkage: experiment_design_id, experiment_id, sample_id, measurement_id -> ids or UUIDs.
        place: archive path and session, once they were prepared (services.launching).
    """

    definition: JsonObject
    linkage: JsonObject
    data: JsonObject = field(default_factory=dict)
    instanced: bool = True
    index_patterns: Sequence[Any] = ()
    processing_level: str = "1"
    archive_path: str | None = None
    place: tuple[str, str] | None = None
