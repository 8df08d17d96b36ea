"""The message side: what is asked of the indexer, and whether it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from datacatalog.domain.errors import InvalidMessage
from datacatalog.domain.indexing import ArchiveIndexRequest, IndexRequest, requests_for, sources_of
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.messages import IndexJob, JobEvent
from datacatalog.domain.references import ByIdentifier, read_derived
from datacatalog.ports.stores import Work
from datacatalog.services import access
from datacatalog.services.env import Env, Outcome
from datacatalog.services.finding import find_record
from datacatalog.services.jobs import handle_job_event, job_for, move, note, state_outcome

INDEX_QUEUE = "index-archive"
_INDEX = "pipelinejob_index"


def route_job_event(message: JobEvent, work: Work, env: Env) -> Outcome:
    """Handle a job event; `index` is the indexer's, whichever actor it was sent to.

    Raises:
        InvalidMessage: the data of an `index` event has filters or a level that an index message may not have.
    """
    if message.name is not Event.INDEX:
        return handle_job_event(message, work, env)
    said = message.data or {}
    asked = {name: said[name] for name in ("filters", "level") if said.get(name) is not None}
    if found := env.schemas.complaints(_INDEX, {"uuid": message.uuid, "name": "index", **asked}):
        raise InvalidMessage({_INDEX: [(f"/data{path}", reason) for path, reason in found]})
    indexing = IndexJob(uuid=message.uuid, token=message.token, trusted=message.trusted, **asked)
    return request_index(indexing, work, env)


def request_index(message: IndexJob, work: Work, env: Env) -> Outcome:
    """Mark a job as INDEXING, and set the indexing going.

    Raises:
        UnknownRecord, MissingToken, InvalidToken, IllegalTransition.
        InvalidField, InvalidPattern: a filter cannot be used.
    """
    job = job_for(message.uuid, work)
    access.authorize(message, job.record, work, env)
    if message.trusted and not job.allows(Event.INDEX):
        # The job finished, and was moved on before this came to be handled.
        noted = note(job, Event.INDEX, None, work, env)
        line = f"Noted index; job state stays '{noted.state}'"
        return state_outcome(noted, (line,), recorded="noted")
    requests = requests_of(job, message.filters, message.level)
    if not message.trusted:
        _check_identifiers(requests, job, work, env)
    asked = {"filters": message.filters, "level": message.level}
    data = {name: value for name, value in asked.items() if value is not None}
    moved = move(job, Event.INDEX, data or None, work, env)
    body = {"uuid": job.uuid, "run": job.run, "requests": [request.to_document() for request in requests]}
    key = task_id(job.uuid, work.history.length(job.uuid))
    work.outbox.send(INDEX_QUEUE, body, id=key, at=env.clock.now())
    outcome = state_outcome(moved, (f"Job state is now: '{moved.state}'",))
    return Outcome(result=outcome.result, log=outcome.log, http=202, issued=outcome.issued)


def tasks_of(job: TypedUuid) -> str:
    """Return how the ids of a job's tasks begin."""
    return f"index:{job}:"


def task_id(job: TypedUuid, entry: int) -> str:
    """Return the id of the task that the `index` event with this number in a job's history has set going."""
    return f"{tasks_of(job)}{entry}"


def entry_of(task: str) -> int:
    """Return the number that `task_id` was given."""
    return int(task.rpartition(":")[2])


def requests_of(job: Job, filters: Sequence[Any] | None, level: str | None) -> Sequence[IndexRequest]:
    """Return what is to be indexed; a level that is asked for goes before those of the job's own patterns."""
    found = requests_for(job.archive_patterns, job.product_patterns, filters, level)
    if filters or level is None:
        return found
    return [replace(r, level=level) if isinstance(r, ArchiveIndexRequest) else r for r in found]


def _check_identifiers(requests: Sequence[IndexRequest], job: Job, work: Work, env: Env) -> None:
    """Refuse a request at once whose sources have identifiers that nothing has.

    Raises:
        UnknownRecord, InvalidField, UnsafePath.
    """
    for text in sources_of(requests):
        source = read_derived(text, system=job.archive_system, archive_path=job.archive_path)
        if isinstance(source, ByIdentifier):
            find_record(source.identifier, work, env, (Kind.FILE, Kind.REFERENCE))
