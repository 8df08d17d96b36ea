"""The long part: files are found ahead of being written, and each commit says how far it came."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import (
    AlreadyExists,
    DatacatalogError,
    GivenUp,
    LeaseLost,
    NoSuchPath,
    NotYet,
    UnknownRecord,
)
from datacatalog.domain.indexing import IndexRequest, read_index_request
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import TypedUuid
from datacatalog.ports.stores import Work
from datacatalog.ports.tasks import Task
from datacatalog.services.env import Env
from datacatalog.services.indexing.ahead import made_ahead
from datacatalog.services.indexing.finding import Batch, batches
from datacatalog.services.indexing.garbage import rarely_collected
from datacatalog.services.indexing.messages import INDEX_QUEUE, entry_of, requests_of, task_id, tasks_of
from datacatalog.services.indexing.plan import Plan, parents_of
from datacatalog.services.indexing.sources import Transact, resolve_sources
from datacatalog.services.indexing.writing import Ready, prepare, write
from datacatalog.services.jobs import job_for, move, note

UNREADABLE_SHOWN = 20


@dataclass(slots=True)
class Tally:
    """What an indexing found so far.

    Attributes:
        last: the path up to which everything is recorded.
        unreadable: how many files and directories could not be read; the first of them.
    """

    files: int = 0
    bytes: int = 0
    last: str | None = None
    unreadable: int = 0
    unreadable_paths: list[str] = field(default_factory=list)
    missing: bool = False
    error: JsonObject | None = None

    def after(self, batch: Batch) -> Tally:
        """Return the tally once a batch is written."""
        return Tally(
            files=self.files + len(batch.paths),
            bytes=self.bytes + batch.bytes,
            last=batch.last or self.last,
            unreadable=self.unreadable + len(batch.unreadable),
            unreadable_paths=[*self.unreadable_paths, *batch.unreadable][:UNREADABLE_SHOWN],
        )

    def progress(self) -> dict[str, Any]:
        """Return what the next try goes on from."""
        return {
            "files": self.files,
            "bytes": self.bytes,
            "last": self.last,
            "unreadable": self.unreadable,
            "unreadable_paths": self.unreadable_paths,
        }

    def document(self) -> dict[str, Any]:
        """Return what the history of the job says."""
        said: dict[str, Any] = {"files": self.files, "bytes": self.bytes}
        if self.unreadable:
            said |= {"unreadable": self.unreadable, "unreadable_paths": self.unreadable_paths}
        if self.missing:
            said["note"] = "the archive path does not exist"
        if self.error is not None:
            said["error"] = self.error
        return said


def index_archive(task: Task, env: Env) -> None:
    """Index a job's archive, and mark it as indexed. A try goes on where the one before was cut off.

    Where that cannot be done, the job is FINISHED again all the same, since its outputs are there, and the `indexed` entry
    of its history tells the error; it can be indexed anew.

    What one job is asked to index is done in the order of asking, one request after another: of two that give a file a level,
    the later one counts.

    Raises:
        NotYet: an earlier request of this job is not done yet.
        Unavailable: worth another try.
        LeaseLost.
    """
    uuid, run = TypedUuid(task.delivery.body["uuid"]), int(task.delivery.body["run"])
    key = task.delivery.id
    began = Tally(**(env.store.read(lambda work: work.progress.get(key)) or {}))
    so_far = _SoFar(began)
    if not task.exhausted and (earlier := _asked_before(uuid, key, env)):
        raise NotYet(f"{earlier} comes first")
    try:
        if task.exhausted:
            raise GivenUp(task.delivery.tries - 1)
        requests = [read_index_request(document) for document in task.delivery.body["requests"]]
        job = env.store.read(lambda work: job_for(uuid, work))
        if job.run != run:
            raise AlreadyExists(f"job {uuid} was reset before its run {run} was indexed")
        # Files are their job's: of its tenant, and come from what its tenant may see.
        acting = env.acting_like(job.record)
        ours = replace(task, store=acting.store)
        plan = _plan_of(job, requests, ours.transact, acting)
        _index(plan, so_far, ours.advance, key, pass_over=task.last)
    except LeaseLost:
        raise
    except DatacatalogError as e:
        if e.retry and not (task.last and so_far.tally is began):
            raise
        so_far.tally.error = {"reason": str(e), "code": e.code}

    def finish(work: Work) -> None:
        work.progress.drop(key)
        _mark_indexed(uuid, run, so_far.tally, work, env)

    task.finish(finish)


def _asked_before(job: TypedUuid, key: str, env: Env) -> str | None:
    """Return an indexing of a job that was asked for before this one, and still waits or is under way."""
    here = entry_of(key)
    waiting = env.transport.waiting(INDEX_QUEUE, tasks_of(job))
    return next((other for other in waiting if entry_of(other) < here), None)


def is_asked_for(job: TypedUuid, env: Env) -> bool:
    """Tell whether an indexing of a job waits or is under way."""
    return bool(env.transport.waiting(INDEX_QUEUE, tasks_of(job)))


def files_so_far(job: TypedUuid, entry: int, env: Env) -> int:
    """Return how many files are recorded of an indexing that is under way; 0 where it is over, or has not begun.

    Args:
        entry: number of the `index` event in the job's history.
    """
    progress = env.store.read(lambda work: work.progress.get(task_id(job, entry)))
    return 0 if progress is None else int(progress["files"])


@dataclass(slots=True)
class _SoFar:
    tally: Tally


def _index(plan: Plan, so_far: _SoFar, transact: Transact, key: str, *, pass_over: bool) -> None:
    """Go on from where a tally is, and take it along; the progress is kept under `key`.

    Args:
        pass_over: directories that cannot be looked into are passed over, since this has been tried often enough.
    """

    def keep(batch: Batch, work: Work) -> None:
        work.progress.put(key, so_far.tally.after(batch).progress(), at=plan.env.clock.now())

    try:
        with closing(
            _written(plan, transact, after=so_far.tally.last, beside=keep, pass_over=pass_over)
        ) as written:
            for batch in written:
                so_far.tally = so_far.tally.after(batch)
    except NoSuchPath:
        so_far.tally.missing = True


def index_now(
    uuid: TypedUuid, env: Env, *, filters: Sequence[Any] | None = None, level: str | None = None
) -> list[str]:
    """Index a job's archive in the caller's own time, without moving the job.

    Returns:
        The paths of the files that were picked.
    """
    job = env.store.read(lambda work: job_for(uuid, work))
    acting = env.acting_like(job.record)
    plan = _plan_of(job, requests_of(job, filters, level), acting.store.transact, acting)
    paths: list[str] = []
    with suppress(NoSuchPath), closing(_written(plan, acting.store.transact)) as written:
        for batch in written:
            paths += batch.paths
    return paths


def _plan_of(job: Job, requests: Sequence[IndexRequest], transact: Transact, env: Env) -> Plan:
    """Raises UnknownRecord, InvalidField, UnsafePath: a source of the files cannot be resolved."""
    sources = resolve_sources(job, requests, transact, env)
    parents = env.store.read(lambda work: parents_of(job, work))
    return Plan(job=job, requests=requests, sources=sources, parents=parents, env=env)


def _written(
    plan: Plan,
    transact: Transact,
    *,
    after: str | None = None,
    beside: Callable[[Batch, Work], None] = lambda batch, work: None,
    pass_over: bool = False,
) -> Generator[Batch, None, None]:
    """Find and write files; yield the batches as they are durable.  Raises NoSuchPath: there is no archive."""
    with rarely_collected(), made_ahead(_ready(plan, after, pass_over)) as ready:
        for each in ready:
            write(plan, each, transact, partial(beside, each.batch))
            yield each.batch


def _ready(plan: Plan, after: str | None, pass_over: bool) -> Generator[Ready, None, None]:
    for batch in batches(plan, after, pass_over=pass_over):
        yield Ready(batch, prepare(plan, batch.new))


def _mark_indexed(uuid: TypedUuid, run: int, tally: Tally, work: Work, env: Env) -> None:
    try:
        job = job_for(uuid, work)
    except UnknownRecord:  # It was deleted meanwhile.
        return
    if job.run == run and job.allows(Event.INDEXED):
        move(job, Event.INDEXED, tally.document(), work, env)
    else:
        # It was reset or has failed meanwhile; that it was indexed is still a fact.
        note(job, Event.INDEXED, tally.document(), work, env)
