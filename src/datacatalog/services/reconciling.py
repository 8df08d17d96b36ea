"""Jobs whose callbacks never came: their platform is asked now and then, until it has told how they ended.

A launch sends the first message with its own commit, due after a while. Each look ends in one commit, which takes its message off
and, unless the job is over, sends the next one: so there is one watcher for a run, whatever dies, and none that sleeps in a thread.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from functools import partial

from datacatalog.domain.errors import DatacatalogError, UnknownRecord
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.jobs.statuses import table_for
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import PlatformCallback
from datacatalog.ports.platforms import PlatformJob
from datacatalog.ports.stores import Work
from datacatalog.ports.tasks import Task
from datacatalog.services.env import Env
from datacatalog.services.jobs import fail_job, handle_callback, job_for

WATCH_QUEUE = "watch-job"

GROWTH = 1.2
"""Each wait is that much longer than the one before it."""
STEPS = 13
"""So often; from then on all are alike, about ten times the first."""
MISSING_MAX = 3
"""So often in a row a platform may not know a job, before the job has failed."""

_COMPUTING = frozenset({State.CREATED, State.RUNNING})
"""States that a platform's word still changes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a job, as its message says.

    Attributes:
        job: the platform's own id.
        number: 1, 2, ...
        missing: so many looks before this one, in a row, found no such job.
    """

    uuid: TypedUuid
    run: int
    job: str
    number: int = 1
    missing: int = 0

    def send(self, work: Work, env: Env) -> bool:
        """Have this look be taken in its time; False where it was, or is to be, anyway."""
        delay = env.rules.poll_interval * GROWTH ** min(self.number - 1, STEPS)
        return work.outbox.send(
            WATCH_QUEUE,
            asdict(self),
            id=f"watch:{self.uuid}:{self.run}:{self.number}",
            at=env.clock.now(),
            delay=delay,
        )

    def next(self, *, missing: int = 0) -> Look:
        return replace(self, number=self.number + 1, missing=missing)


def watch(job: Job, platform_job: str, work: Work, env: Env) -> None:
    """Have a platform asked for what becomes of a job's present run."""
    Look(uuid=job.uuid, run=job.run, job=platform_job).send(work, env)


def watch_job(task: Task, env: Env) -> None:
    """Ask a platform for one job, and take in what is news.

    What cannot be asked now is asked later, however long that takes. A job that its platform does not know, several times in a row,
    has failed.

    Raises:
        StoreDown, LeaseLost.
    """
    look = Look(**task.delivery.body)
    if env.store.read(lambda work: _watched(look, work)) is None:
        task.finish(lambda work: None)
        return
    try:
        found = None if task.exhausted else env.platform.job(look.job)
        why = "" if found is None else _why(found, env)
    except UnknownRecord as e:
        task.finish(partial(_miss, look, e, env=env))
    except DatacatalogError as e:
        log.warning("%s is asked for later: %s", look.uuid, e)
        task.finish(partial(_look_again, look.next(missing=look.missing), env=env))
    else:
        task.finish(partial(_take_in, look, found, why, env=env))


def _watched(look: Look, work: Work) -> Job | None:
    """Return the job of a look; None where nothing that its platform says can change it any more."""
    try:
        job = job_for(look.uuid, work)
    except UnknownRecord:  # It was deleted.
        return None
    return job if job.run == look.run and job.state in _COMPUTING else None


def _why(found: PlatformJob, env: Env) -> str:
    """Return what a platform notes of a job that failed, where it tells."""
    if table_for(env.platform.name).event(found.status) is not Event.FAIL:
        return ""
    try:
        steps = env.platform.history(found.id)
    except DatacatalogError:  # The status alone is news enough.
        return ""
    return steps[-1].note if steps else ""


def _take_in(look: Look, found: PlatformJob | None, why: str, work: Work, env: Env) -> None:
    job = _watched(look, work)
    if job is None:
        return
    table = table_for(env.platform.name)
    final = found is not None and table.final(found.status)
    if found is not None and (
        final or (table.event(found.status) is Event.RUN and job.state is State.CREATED)
    ):
        told = {"id": found.id, "status": found.status, "polled": True}
        callback = PlatformCallback(uuid=job.uuid, run=job.run, body=told, note=why or None, trusted=True)
        handle_callback(callback, work, env)
    if not final:
        look.next().send(work, env)


def _look_again(look: Look, work: Work, env: Env) -> None:
    if _watched(look, work) is not None:
        look.send(work, env)


def _miss(look: Look, error: UnknownRecord, work: Work, env: Env) -> None:
    """Count that a platform does not know a job; the job fails where it was so too often."""
    missing = look.missing + 1
    if missing < MISSING_MAX:
        _look_again(look.next(missing=missing), work, env)
    elif _watched(look, work) is not None:
        gone = UnknownRecord(error.reference, "job at the platform")
        fail_job(look.uuid, look.run, gone, work, env)
