"""What happens to a job: events and callbacks move it, or are noted."""

from __future__ import annotations

from datacatalog.domain.actors import JOBS_INDEXER
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import DatacatalogError, UnknownRecord
from datacatalog.domain.jobs.callbacks import acts, fact_of
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.jobs.statuses import table_for
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import JobEvent, MarkIndexed, PlatformCallback
from datacatalog.ports.stores import Work
from datacatalog.services import access
from datacatalog.services.env import Env, Outcome
from datacatalog.services.jobs.showing import job_for
from datacatalog.services.webhooks import announce


def handle_job_event(message: JobEvent, work: Work, env: Env) -> Outcome:
    """Move a job through its lifecycle and tell whoever is owed the news.

    `index` and `indexed` are the indexer's and go on to it (services.indexing).

    Raises:
        UnknownRecord, MissingToken, InvalidToken, InvalidAdminToken, ReservedEvent, IllegalTransition: nothing was
            written, nothing was sent.
    """
    job = job_for(message.uuid, work)
    access.authorize(message, job.record, work, env)
    moved = move(job, message.name, message.data, work, env)
    return state_outcome(moved, (f"Job state is now: '{moved.state}'",))


def handle_indexed(message: MarkIndexed, work: Work, env: Env) -> Outcome:
    """Mark a job's indexing as done."""
    return handle_job_event(
        JobEvent(uuid=message.uuid, name=Event.INDEXED, token=message.token, trusted=message.trusted),
        work,
        env,
    )


def handle_callback(message: PlatformCallback, work: Work, env: Env) -> Outcome:
    """Take down what a platform says, and move the job where its lifecycle allows that.

    A fact that comes too late to move the job, or is one of a run before its last reset, is noted in its history and changes
    nothing. FINISHED without RUNNING writes the `run` that it implies and the `finish` together.

    Raises:
        UnknownRecord, MissingToken, InvalidToken.
    """
    job = job_for(message.uuid, work)
    access.authorize(message, job.record, work, env)
    fact = fact_of(message, table_for(message.platform or env.platform.name))
    earlier = message.run is not None and message.run != job.run
    if fact.event is Event.FINISH and job.state is State.CREATED and not earlier:
        job = move(job, Event.RUN, None, work, env, implied=True)
    if earlier or not acts(fact.event, job.state):
        noted = note(job, fact.event, fact.data, work, env)
        line = f"Noted {fact.status or fact.event}; job state stays '{noted.state}'"
        return state_outcome(noted, (line,), recorded="noted")
    moved = move(job, fact.event, fact.data, work, env)
    return state_outcome(moved, (f"Job state is now: '{moved.state}'",), recorded="moved")


def fail_job(uuid: TypedUuid, run: int, error: DatacatalogError, work: Work, env: Env) -> None:
    """Write down that long work on a run of a job was given up, and why; a job that has moved on only gets a note.

    A job that is gone from the catalog is owed nothing.
    """
    try:
        job = job_for(uuid, work)
    except UnknownRecord:
        return
    data = {"reason": str(error), "code": error.code}
    if job.run == run and job.allows(Event.FAIL):
        move(job, Event.FAIL, data, work, env)
    else:
        note(job, Event.FAIL, data, work, env)


def move(
    job: Job, event: Event, data: JsonObject | None, work: Work, env: Env, *, implied: bool = False
) -> Job:
    """Write one step of a job, and send what follows from it.

    Raises:
        IllegalTransition.
    """
    now = env.clock.now()
    moved, entry = job.after(event, at=now, entry=env.entry_uuid(), data=data, implied=implied)
    stored = Job(work.records.put(moved.record, at=now))
    work.history.append(job.uuid, entry)
    announce(stored, entry, work)
    _follow_up(job, stored, entry, work)
    return stored


def note(job: Job, event: Event, data: JsonObject | None, work: Work, env: Env) -> Job:
    """Write a fact into a job's history that came too late to move it."""
    now = env.clock.now()
    noted, entry = job.noting(event, at=now, entry=env.entry_uuid(), data=data)
    stored = Job(work.records.put(noted.record, at=now))
    work.history.append(job.uuid, entry)
    return stored


def _follow_up(before: Job, after: Job, entry: HistoryEntry, work: Work) -> None:
    """A job that has just finished is indexed."""
    if entry.name is Event.FINISH and before.state is not State.FINISHED:
        message = {"uuid": after.uuid, "name": Event.INDEX.value}
        work.outbox.send(JOBS_INDEXER, {"message": message}, id=f"index:{entry.uuid}", at=entry.date)


def state_outcome(job: Job, log: tuple[str, ...], **more: str) -> Outcome:
    result = {"uuid": job.uuid, "state": job.state.value, "last_event": job.last_event, **more}
    return Outcome(result=result, log=log, issued=job.uuid)
