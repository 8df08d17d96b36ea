"""A job comes to be: it is named by what it computes, finds its archive, and is written; or it is there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datacatalog.domain.archive import AgaveUri, archive_path, check_archive_path
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import AlreadyExists
from datacatalog.domain.identifiers.sessions import draw_session
from datacatalog.domain.jobs.identity import job_uuid
from datacatalog.domain.jobs.job import Job, new_job
from datacatalog.domain.kinds import Relation, TypedUuid
from datacatalog.domain.linkage.levels import Linkage
from datacatalog.domain.records import Link
from datacatalog.ports.stores import Work
from datacatalog.services import access
from datacatalog.services.archives import check_unclaimed
from datacatalog.services.env import Env, new_salt
from datacatalog.services.finding import inputs_in
from datacatalog.services.linkage import resolve
from datacatalog.services.pipelines import active_pipeline
from datacatalog.services.webhooks import announce


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


def archive_override(uri: str) -> tuple[str, str]:
    """Split an explicit `agave://system/path` into system and checked path."""
    parsed = AgaveUri.parse(uri, "archive_path")
    return parsed.system, check_archive_path(parsed.path)


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
    the job's own may be there, but empty. (A crash between the two leaves an empty directory and no job.)

    Returns:
        Archive path and session.
    Raises:
        UnknownRecord: the pipeline, or an identifier among the linkage parameters, is not in the catalog.
        NotInService: the pipeline.
        AlreadyExists: the session that was asked for is taken; a path of the job's own is another job's, or is not empty.
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
        AlreadyExists: it is there already, or (a path of the job's own) is not empty.
    """
    own = plan.archive_path is not None
    env.storage.make_directory(system, path, exclusive=plan.instanced and not own)
    # A directory in there may be the archive of a job that has not ended yet.
    if own and env.storage.list(system, path, limit=1):
        raise AlreadyExists(f"archive_path {path} has files already, or directories")


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
    system = plan.archive_system or env.rules.default_system
    check_unclaimed(system, check_archive_path(plan.archive_path), work)
