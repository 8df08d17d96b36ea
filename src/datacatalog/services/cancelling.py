"""Stopping what a platform computes for a job. The ledger hears of it as of everything else: the platform reports STOPPED."""

from __future__ import annotations

from datacatalog.domain.errors import IllegalTransition, UnknownRecord
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import TypedUuid
from datacatalog.ports.platforms import PlatformJob
from datacatalog.ports.stores import Work
from datacatalog.services import access
from datacatalog.services.env import Env
from datacatalog.services.jobs import HISTORY_PAGE, job_for

_COMPUTING = frozenset({State.CREATED, State.RUNNING})


def cancel_at_platform(uuid: TypedUuid, token: str | None, env: Env) -> PlatformJob:
    """Have a job's platform stop it; return the job as the platform then shows it, which need not be stopped yet.

    Args:
        token: the job's update token, or an administrative one.
    Raises:
        UnknownRecord: there is no such job; or it was not given to a platform.
        IllegalTransition: its computing is over.
        MissingToken, InvalidToken, PlatformDown, NotSupported.
    """
    called = env.store.read(lambda work: _called(uuid, token, work, env))
    env.platform.cancel(called)
    return env.platform.job(called)


def _called(uuid: TypedUuid, token: str | None, work: Work, env: Env) -> str:
    job = job_for(uuid, work)
    access.check_token(token, job.record, work, env)
    if job.state not in _COMPUTING:
        raise IllegalTransition(uuid, job.state, "cancel")
    found = _platforms_id(job, work)
    if found is None:
        raise UnknownRecord(uuid, "job at the platform")
    return found


def _platforms_id(job: Job, work: Work) -> str | None:
    """Return what the platform calls a job's present run, as its launch wrote down; None: it has not yet."""
    found, after = None, 0
    while page := work.history.page(job.uuid, after=after, limit=HISTORY_PAGE):
        for _, entry in page:
            if entry.name is Event.RESET:
                found = None
            elif entry.name is Event.RESOURCE and entry.data and isinstance(entry.data.get("job_id"), str):
                found = entry.data["job_id"]
        after = page[-1][0]
    return found
