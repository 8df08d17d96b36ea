"""What happens to jobs: they are created, moved by events and callbacks, reset, hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from datacatalog.domain.archive import (
    AgaveUri,
    archive_path,
    check_archive_path,
    check_clearable,
)
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import (
    AlreadyExists,
    DatacatalogError,
    UnknownRecord,
)
from datacatalog.domain.identifiers.sessions import draw_session
from datacatalog.domain.jobs.callbacks import acts, fact_of
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.identity import job_uuid
from datacatalog.domain.jobs.job import Job, new_job
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.jobs.statuses import table_for
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.linkage.levels import Linkage
from datacatalog.domain.messages import DeleteJob, JobEvent, MarkIndexed, PlatformCallback
from datacatalog.domain.records import Link, public_document
from datacatalog.ports.stores import Work
from datacatalog.services import access
from datacatalog.services.describing import naming_links
from datacatalog.services.env import Env, Outcome, new_salt
from datacatalog.services.finding import inputs_in
from datacatalog.services.linkage import resolve
from datacatalog.services.pipelines import active_pipeline
from datacatalog.services.tenancy import unconfined
from datacatalog.services.webhooks import announce

INDEXER = "jobs-indexer"


# ------------------------------------------------------------------------------------------- creating


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """A job that is to be created.

    Attributes:
        parameters: linkage parameters, see services.linkage.resolve.
        session: word pair; None: one is drawn.
        archive_path: overrides the computed one; then there is no instance directory either.
        extra: further body fields: archive_patterns, product_patterns, agent, task.
        acted_on, acted_using: files and references that it computes on, besides those that its data names.
    """

    pipeline_uuid: TypedUuid
    data: JsonObject = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    instanced: bool = True
    session: str | None = None
    archive_system: str | None = None
    archive_path: str | None = None
    extra: JsonObject = field(default_factory=dict)
    acted_on: Sequence[TypedUuid] = ()
    acted_using: Sequence[TypedUuid] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A job as `create_job` leaves it; `token` is its update token, `fresh` is False where it was there before."""

    job: Job
    token: str = field(repr=False)
    fresh: bool


def create_job(plan: JobPlan, env: Env, *, make_directory: bool = True) -> Created:
    """Create a job, or find the one that is the same run: same pipeline, linkage and data.

    Raises:
        As `place_job`, and InvalidRecord; no job was written.
    """
    place = place_job(plan, env) if make_directory else None
    return env.store.transact(lambda work: insert_job(plan, place, work, env))


def place_job(plan: JobPlan, env: Env) -> tuple[str, str] | None:
    """Find out where a job archives, and make that directory; None where the job is there already.

    This comes before the commit: an instance directory is made exclusively, and where a name is taken another is drawn; a path of
    the job's own may be there, but without files. (A crash between the two leaves an empty directory and no job.)

    Returns:
        Archive path and session.
    Raises:
        UnknownRecord: the pipeline, or an identifier among the linkage parameters, is not in the catalog.
        NotInService: the pipeline.
        AlreadyExists: the session that was asked for is taken; a path of the job's own is another job's, or has files.
        MixedLinkage, InvalidField, UnsafePath, StorageDown.
    """

    def look(work: Work) -> tuple[Linkage, bool]:
        active_pipeline(plan.pipeline_uuid, work)
        linkage = resolve(plan.parameters, work)
        known = work.records.find(_uuid_of(plan, linkage, env)) is not None
        if not known:
            _check_unclaimed(plan, work, env)
        return linkage, known

    linkage, known = env.store.read(look)
    if known:
        return None
    system = plan.archive_system or env.rules.default_system
    while True:
        path, session = _archive_of(plan, linkage, env)
        try:
            _make_archive(plan, system, path, env)
        except AlreadyExists:
            if plan.session is not None or plan.archive_path is not None:
                raise
        else:
            return path, session


def _make_archive(plan: JobPlan, system: str, path: str, env: Env) -> None:
    """Make the directory of a job that is to be created; without instances, equal runs share one on purpose.

    Raises:
        AlreadyExists: it is there already, or (a path of the job's own) has files.
    """
    own = plan.archive_path is not None
    env.storage.make_directory(system, path, exclusive=plan.instanced and not own)
    if own and next(iter(env.storage.walk(system, path)), None) is not None:
        raise AlreadyExists(f"archive_path {path} has files already")


def _uuid_of(plan: JobPlan, linkage: Linkage, env: Env) -> TypedUuid:
    return job_uuid(plan.pipeline_uuid, linkage.named, plan.data, env.identity)


def insert_job(plan: JobPlan, place: tuple[str, str] | None, work: Work, env: Env) -> Created:
    """Write a new job, its links and its `create` entry; or find it, where it is there already.

    Args:
        place: archive path and session, where they were prepared (`place_job`).
    Raises:
        As `place_job`, and InvalidRecord.
    """
    linkage = resolve(plan.parameters, work)
    uuid = _uuid_of(plan, linkage, env)
    if (found := work.records.find(uuid)) is not None:
        if not found.visible:
            raise AlreadyExists(f"job {uuid} is this very run and was deleted; it can be removed for good")
        return Created(job=Job(found), token=access.token_of(found, env), fresh=False)
    active_pipeline(plan.pipeline_uuid, work)
    path, session = place or _archive_of(plan, linkage, env)
    _check_unclaimed(plan, work, env)
    now = env.clock.now()
    body = {
        "pipeline_uuid": plan.pipeline_uuid,
        "archive_system": plan.archive_system or env.rules.default_system,
        "archive_path": path,
        "session": session,
        "data": dict(plan.data),
        **plan.extra,
    }
    job, entry = new_job(
        uuid=uuid, body=body, salt=new_salt(), admin=env.rules.admin, at=now, entry=env.entry_uuid()
    )
    stored = Job(work.records.put(job.record, at=now))
    work.history.append(uuid, entry)
    announce(stored, entry, work)
    work.links.add(_links_of(uuid, plan, linkage, work, env))
    return Created(job=stored, token=access.token_of(stored.record, env), fresh=True)


def _links_of(uuid: TypedUuid, plan: JobPlan, linkage: Linkage, work: Work, env: Env) -> list[Link]:
    files, references = inputs_in(plan.data, work, env)
    said: Mapping[Relation, Sequence[TypedUuid]] = {
        Relation.GENERATED_BY: [plan.pipeline_uuid],
        Relation.CHILD_OF: linkage.child_of,
        Relation.ACTED_ON: [*plan.acted_on, *files],
        Relation.ACTED_USING: [*plan.acted_using, *references],
    }
    return [Link(source=uuid, relation=r, target=t) for r, targets in said.items() for t in targets]


def _archive_of(plan: JobPlan, linkage: Linkage, env: Env) -> tuple[str, str]:
    """Return a job's archive path and session."""
    session = plan.session or draw_session()
    if plan.archive_path is not None:
        return check_archive_path(plan.archive_path), session
    path = archive_path(
        plan.pipeline_uuid,
        linkage.named,
        plan.data,
        session if plan.instanced else None,
        env.clock.now(),
        env.identity,
    )
    return path, session


def _check_unclaimed(plan: JobPlan, work: Work, env: Env) -> None:
    """Refuse an archive path of the job's own that is, or lies within, that of another job.

    Raises:
        AlreadyExists, UnsafePath.
    """
    if plan.archive_path is None:
        return
    path = check_archive_path(plan.archive_path)
    system = plan.archive_system or env.rules.default_system
    names = path.strip("/").split("/")
    for depth in range(1, len(names) + 1):
        above = "/" + "/".join(names[:depth])
        # Storage systems are shared between tenants, so whose job that is makes no difference.
        claimed = unconfined(work).records.page(Kind.PIPELINEJOB, {"archive_path": above}, hidden=True).records
        if any(record.body["archive_system"] == system for record in claimed):
            raise AlreadyExists(f"archive_path {path} lies in {above}, which is another job's")


# --------------------------------------------------------------------------------------------- events


def job_for(uuid: TypedUuid, work: Work) -> Job:
    """Return a job that is not hidden.

    Raises:
        UnknownRecord: there is none.
    """
    record = work.records.find(uuid)
    if record is None or not record.visible:
        raise UnknownRecord(uuid, "job")
    return Job(record)


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


def _follow_up(before: Job, after: Job, entry: HistoryEntry, work: Work) -> None:
    """A job that has just finished is indexed."""
    if entry.name is Event.FINISH and before.state is not State.FINISHED:
        message = {"uuid": after.uuid, "name": Event.INDEX.value}
        work.outbox.send(INDEXER, {"message": message}, id=f"index:{entry.uuid}", at=entry.date)


def handle_callback(message: PlatformCallback, work: Work, env: Env) -> Outcome:
    """Take down what a platform says, and move the job where its lifecycle allows that.

    A fact that comes too late to move the job, or is one of a run before its last reset, is noted in its history and changes
    nothing. FINISHED without RUNNING
    writes the `run` that it implies and the `finish` together.

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


def note(job: Job, event: Event, data: JsonObject | None, work: Work, env: Env) -> Job:
    """Write a fact into a job's history that came too late to move it."""
    now = env.clock.now()
    noted, entry = job.noting(event, at=now, entry=env.entry_uuid(), data=data)
    stored = Job(work.records.put(noted.record, at=now))
    work.history.append(job.uuid, entry)
    return stored


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


def handle_indexed(message: MarkIndexed, work: Work, env: Env) -> Outcome:
    """Mark a job's indexing as done."""
    return handle_job_event(
        JobEvent(uuid=message.uuid, name=Event.INDEXED, token=message.token, trusted=message.trusted),
        work,
        env,
    )


def state_outcome(job: Job, log: tuple[str, ...], **more: str) -> Outcome:
    result = {"uuid": job.uuid, "state": job.state.value, "last_event": job.last_event, **more}
    return Outcome(result=result, log=log, issued=job.uuid)


# ----------------------------------------------------------------------------------- deleting, reset


def handle_delete_job(message: DeleteJob, work: Work, env: Env) -> Outcome:
    """Hide a job, or with `force` remove it; only administrators may. Its archive stays.

    Raises:
        UnknownRecord, MissingToken, InvalidAdminToken.
    """
    record = work.records.find(message.uuid)
    if record is None:
        raise UnknownRecord(message.uuid, "job")
    access.authorize(message, record, work, env)
    now = env.clock.now()
    if message.force:
        kept = naming_links(message.uuid, work)
        work.records.purge(message.uuid, at=now)
        work.links.add(kept)
        return Outcome(result={"uuid": message.uuid, "deleted": "purged"}, log=("Removed job",))
    work.records.put(replace(record, visible=False), at=now)
    return Outcome(result={"uuid": message.uuid, "deleted": "hidden"}, log=("Deleted job",))


def reset_job(
    uuid: TypedUuid, token: str, env: Env, *, clear: bool = True, data: JsonObject | None = None
) -> Job:
    """Take a job back to CREATED: reset, clear its archive directory, ready.

    The token is asked for once, at the reset; a reset that was cut off in the middle is finished by doing it again.

    Raises:
        UnknownRecord, MissingToken, InvalidAdminToken.
        NotClearable: its archive path is outside the places that may be cleared; nothing was written or removed.
    """

    def reset(work: Work) -> Job:
        job = job_for(uuid, work)
        access.check_admin_token(token, work, env)
        if clear:
            check_clearable(job.archive_path, env.rules.clearable)
        return move(job, Event.RESET, data, work, env)

    def look(work: Work) -> Job:
        access.check_admin_token(token, work, env)
        return job_for(uuid, work)

    if clear:
        # First of all, so that an archive that cannot be cleared leaves the job as it was.
        _open_archive(env.store.read(look), env)
    job = env.store.transact(reset)
    if clear:
        env.storage.clear(job.archive_system, _open_archive(job, env))
    return env.store.transact(lambda work: move(job_for(uuid, work), Event.READY, None, work, env))


def _open_archive(job: Job, env: Env) -> str:
    """Return the path of a job's archive, which is a directory then, and one that may be cleared."""
    path = check_clearable(job.archive_path, env.rules.clearable)
    env.storage.make_directory(job.archive_system, path)
    return path


# -------------------------------------------------------------------------------------------- reading

HISTORY_PAGE = 1000


def job_document(uuid: TypedUuid, work: Work, *, history: int = HISTORY_PAGE) -> dict[str, Any]:
    """Return a job as published: its fields, links, and the first `history` entries.

    Raises:
        UnknownRecord.
    """
    job = job_for(uuid, work)
    document = public_document(job.record, work.links.of(uuid))
    document["history"] = [e.document() for _, e in work.history.page(uuid, limit=history)]
    return document


def archive_override(uri: str) -> tuple[str, str]:
    """Split an explicit `agave://system/path` into system and checked path."""
    parsed = AgaveUri.parse(uri, "archive_path")
    return parsed.system, check_archive_path(parsed.path)
