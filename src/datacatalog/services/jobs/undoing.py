"""Taking back: a job is hidden or removed, or begins anew with an empty archive."""

from __future__ import annotations

from dataclasses import replace

from datacatalog.domain.archive import check_clearable
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import UnknownRecord
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import DeleteJob
from datacatalog.ports.stores import Work
from datacatalog.services import access
from datacatalog.services.describing import naming_links
from datacatalog.services.env import Env, Outcome
from datacatalog.services.jobs.moving import move
from datacatalog.services.jobs.showing import job_for


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
