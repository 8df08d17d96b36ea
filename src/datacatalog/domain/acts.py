"""Which action a message is, so that `domain.privileges` tells what it takes."""

from __future__ import annotations

from datacatalog.domain.actors import AGAVE_PROXY, JOBS_INDEXER, JOBS_MANAGER, PIPELINES_MANAGER
from datacatalog.domain.messages import (
    CreatePipeline,
    DeleteJob,
    DeletePipeline,
    IndexJob,
    JobEvent,
    LaunchJob,
    MarkIndexed,
    Message,
    PlatformCallback,
    RestorePipeline,
    UpdatePipeline,
)

Act = tuple[str, str]
"""Actor and action: a row of `domain.privileges.NEEDS`."""


def act_of(message: Message) -> Act:
    """Return the action that a message asks for.

    Raises:
        TypeError: no row of the table is about such messages, so that nobody may send them.
    """
    match message:
        case JobEvent(name=name):
            return JOBS_MANAGER, name.value
        case PlatformCallback():
            return JOBS_MANAGER, "callback"
        case DeleteJob(force=force):
            return JOBS_MANAGER, "purge" if force else "delete"
        case IndexJob():
            return JOBS_INDEXER, "index"
        case MarkIndexed():
            return JOBS_INDEXER, "indexed"
        case CreatePipeline():
            return PIPELINES_MANAGER, "create"
        case UpdatePipeline():
            return PIPELINES_MANAGER, "update"
        case DeletePipeline(force=force):
            return PIPELINES_MANAGER, "purge" if force else "delete"
        case RestorePipeline():
            return PIPELINES_MANAGER, "undelete"
        case LaunchJob():
            return AGAVE_PROXY, "launch"
    raise TypeError(f"nobody may send a {type(message).__name__}")
