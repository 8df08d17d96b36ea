"""Who handles what: one table from actors to what they accept, one from messages to handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from datacatalog.domain.actors import AGAVE_PROXY, JOBS_INDEXER, JOBS_MANAGER, PIPELINES_MANAGER
from datacatalog.domain.errors import UnknownActor
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
from datacatalog.ports.stores import Work
from datacatalog.services import indexing, jobs, launching, pipelines, reading
from datacatalog.services.env import Env, Outcome
from datacatalog.services.reading import Reader

Handler = Callable[[Any, Work, Env], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Something that takes messages.

    Attributes:
        accepts: the schemas that a body may fit.
        read: from a request to the typed message.
    """

    name: str
    accepts: tuple[str, ...]
    read: Reader


ACTORS: Mapping[str, Actor] = {
    actor.name: actor
    for actor in (
        Actor(
            name=PIPELINES_MANAGER,
            accepts=(
                reading.CREATE,
                reading.UPDATE,
                reading.DELETE,
                reading.UNDELETE,
                reading.RETIRE,
            ),
            read=reading.read_for_pipelines_manager,
        ),
        Actor(
            name=JOBS_MANAGER,
            accepts=(reading.EVENT, reading.DELETE_JOB, *reading.CALLBACKS),
            read=reading.read_for_jobs_manager,
        ),
        Actor(
            name=JOBS_INDEXER,
            accepts=(reading.INDEX, reading.INDEXED),
            read=reading.read_for_jobs_indexer,
        ),
        Actor(name=AGAVE_PROXY, accepts=(reading.LAUNCH,), read=reading.read_for_agave_proxy),
    )
}

HANDLERS: Mapping[type[Message], Handler] = {
    CreatePipeline: pipelines.create_pipeline,
    UpdatePipeline: pipelines.update_pipeline,
    DeletePipeline: pipelines.delete_pipeline,
    RestorePipeline: pipelines.restore_pipeline,
    JobEvent: indexing.route_job_event,
    PlatformCallback: jobs.handle_callback,
    DeleteJob: jobs.handle_delete_job,
    IndexJob: indexing.request_index,
    MarkIndexed: jobs.handle_indexed,
    LaunchJob: launching.request_launch,
}

PREPARATIONS: Mapping[type[Message], Callable[[Any, Env], Message]] = {
    LaunchJob: launching.prepare_launch,
}
"""What must be there before the commit, such as directories; it may be done more than once."""


_MAKING = frozenset({AGAVE_PROXY})


def makes_before(actor: str) -> bool:
    """Tell whether an actor takes messages that need something made before the commit."""
    return actor in _MAKING


def actor(name: str) -> Actor:
    """Return an actor by name.  Raises UnknownActor."""
    try:
        return ACTORS[name]
    except KeyError:
        raise UnknownActor(name) from None


def prepared(message: Message, env: Env) -> Message:
    """Return a message with what must be there before its commit."""
    prepare = PREPARATIONS.get(type(message))
    return message if prepare is None else prepare(message, env)


def handle(message: Message, work: Work, env: Env) -> Outcome:
    """Handle one message within one piece of work."""
    return HANDLERS[type(message)](message, work, env)
