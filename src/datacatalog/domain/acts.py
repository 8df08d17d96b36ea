"""Which action a message is, so that `domain.privileges` tells what it takes."""

from __future__ import annotations

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

JOBS, INDEXER, PIPELINES, PROXY = "jobs-manager", "jobs-indexer", "pipelines-manager", "agave-proxy"


def act_of(message: Message) -> Act:
    """Return the action that a message asks for.

    Raises:
        TypeError: no row of the table is about such messages, so that nobody may send them.
    """
    match message:
        case JobEvent(name=name):
            return JOBS, name.value
        case PlatformCallback():
            return JOBS, "callback"
        case DeleteJob(force=force):
            return JOBS, "purge" if force else "delete"
        case IndexJob():
            return INDEXER, "index"
        case MarkIndexed():
            return INDEXER, "indexed"
        case CreatePipeline():
            return PIPELINES, "create"
        case UpdatePipeline():
            return PIPELINES, "update"
        case DeletePipeline(force=force):
            return PIPELINES, "purge" if force else "delete"
        case RestorePipeline():
            return PIPELINES, "undelete"
        case LaunchJob():
            return PROXY, "launch"
    raise TypeError(f"nobody may send a {type(message).__name__}")
