"""Jobs: whether their histories lead to where they stand, and whether somebody is still at work on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from datacatalog.domain.errors import DatacatalogError
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event, State, successor
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.messages import IndexJob
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Work
from datacatalog.services.checking.faults import UNREADABLE, Fault
from datacatalog.services.checking.records import BY, pages
from datacatalog.services.env import Env
from datacatalog.services.indexing import INDEX_QUEUE, request_index
from datacatalog.services.indexing.messages import tasks_of
from datacatalog.services.launching import LAUNCH_QUEUE
from datacatalog.services.reconciling import WATCH_QUEUE, Look

PAGE = 100
HISTORY_PAGE = 1000

_COMPUTING = frozenset({State.CREATED, State.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a job's history tells.

    Attributes:
        wrong: the first thing that cannot be; "" where all is well.
        index: the data of the last request to index it.
        platform_job: the platform's id of what computes its present run; None: it was not submitted since the last reset.
    """

    wrong: str = ""
    state: State | None = None
    last_event: str = ""
    run: int = 1
    index: Any = None
    platform_job: str | None = None


def histories(env: Env) -> Iterator[Fault]:
    """Histories with gaps, with steps that the lifecycle does not have, or that do not lead to their job's state."""
    for records in pages(env, Kind.PIPELINEJOB, PAGE):
        for uuid, text, broken in env.store.read(partial(_wrong_among, records)):
            yield Fault(
                subject=uuid,
                text=text,
                still=partial(_is_wrong, uuid),
                mend=None if broken else partial(_move_to_end, uuid, env),
            )


def _wrong_among(records: Sequence[Record], work: Work) -> list[tuple[TypedUuid, str, bool]]:
    """Return (job, what is wrong with it, whether it is the history itself)."""
    found = ((record.uuid, _wrong(record.uuid, work)) for record in records)
    return [(uuid, text, bool(_told(uuid, work).wrong)) for uuid, text in found if text]


def _is_wrong(uuid: TypedUuid, work: Work) -> bool:
    return bool(_wrong(uuid, work))


def _wrong(uuid: TypedUuid, work: Work) -> str:
    """Tell what is wrong with a job; "" where nothing is, or it is gone."""
    record = work.records.find(uuid)
    if record is None:
        return ""
    told = _told(uuid, work)
    if told.wrong:
        return told.wrong
    body = record.body
    if body.get("state") != told.state:
        return f"is {body.get('state')}, and its history leads to {told.state}"
    if body.get("last_event") != told.last_event:
        return f"says that '{body.get('last_event')}' was last, and its history says '{told.last_event}'"
    if Job(record).run != told.run:
        return f"says that this is run {Job(record).run}, and its history says {told.run}"
    return ""


def _told(uuid: TypedUuid, work: Work) -> _Told:
    try:
        return _read(uuid, work)
    except UNREADABLE as error:
        return _Told(wrong=f"its history cannot be read ({type(error).__name__}: {error})")


def _read(uuid: TypedUuid, work: Work) -> _Told:
    told, after = _Told(), 0
    while page := work.history.page(uuid, after=after, limit=HISTORY_PAGE):
        for seq, entry in page:
            if seq != after + 1:
                return replace(told, wrong=f"entry {after + 1} of its history is missing")
            after = seq
            told = _followed(told, seq, entry)
            if told.wrong:
                return told
    return told if after else replace(told, wrong="has no history")


def _followed(told: _Told, seq: int, entry: HistoryEntry) -> _Told:
    """Return what is told once one more entry is read."""
    if told.state is None:
        if entry.name is not Event.CREATE or entry.noted or entry.state is not State.CREATED:
            return replace(told, wrong="its history does not begin with 'create'")
        return replace(told, state=State.CREATED, last_event=Event.CREATE.value)
    state = told.state if entry.noted else successor(told.state, entry.name)
    if state is not entry.state:
        step = f"entry {seq} of its history: '{entry.name.value}' leads from {told.state} to {entry.state}"
        return replace(told, wrong=step)
    if entry.noted:
        # A callback may be quicker than what submitted the job: then the id is noted.
        return _submitted(told, entry)
    told = replace(told, state=state, last_event=entry.name.value)
    if entry.name is Event.RESET:
        return replace(told, run=told.run + 1, platform_job=None)
    if entry.name is Event.INDEX:
        return replace(told, index=entry.data)
    return _submitted(told, entry)


def _submitted(told: _Told, entry: HistoryEntry) -> _Told:
    data = entry.data or {}
    if entry.name is Event.RESOURCE and data.get("job_link") and data.get("job_id"):
        return replace(told, platform_job=str(data["job_id"]))
    return told


def _move_to_end(uuid: TypedUuid, env: Env, work: Work) -> str:
    """Let a job say what its history says, which is the ledger's word."""
    record, told = work.records.get(uuid), _told(uuid, work)
    said = {"state": told.state.value if told.state else None, "last_event": told.last_event}
    body = {**record.body, **said}
    if Job(record).run != told.run:
        body["_run"] = told.run
    beside = {
        name: [record.body.get(name), value] for name, value in said.items() if record.body.get(name) != value
    }
    work.records.put(
        replace(record, body=body),
        at=env.clock.now(),
        beside=beside or {"run": [Job(record).run, told.run]},
        by=BY,
        action="mend",
    )
    return f"it is {told.state} by its history"


def stuck(env: Env) -> Iterator[Fault]:
    """Jobs that nobody is at work on any more: INDEXING without a task, computing without anybody who looks."""
    for state in (State.INDEXING, *sorted(_COMPUTING)):
        after: str | None = None
        while True:
            page = env.store.read(
                lambda work, after=after, state=state: work.records.page(  # type: ignore[misc]
                    Kind.PIPELINEJOB, {"state": state.value}, after=after, limit=PAGE
                )
            )
            for record in page.records:
                yield from _stuck(Job(record), env)
            if page.next is None:
                break
            after = page.next


def _stuck(job: Job, env: Env) -> Iterator[Fault]:
    uuid = job.uuid
    if job.state is State.INDEXING:
        if not env.transport.waiting(INDEX_QUEUE, tasks_of(uuid)):
            yield _fault(job, "is INDEXING, and nothing is asked to index it", partial(_index, uuid, env))
        return
    if env.transport.waiting(LAUNCH_QUEUE, f"launch:{uuid}:{job.run}") or env.transport.waiting(
        WATCH_QUEUE, f"watch:{uuid}:{job.run}:"
    ):
        return
    told = env.store.read(partial(_told, uuid))
    if told.wrong:
        return
    if told.platform_job is not None:
        text = f"is {job.state}, and its platform is asked no more for {told.platform_job}"
        watch = partial(_watch, uuid, told.platform_job, env) if _is_known(told.platform_job, env) else None
        yield _fault(job, text, watch)
    elif job.state is State.CREATED and told.last_event == Event.CREATE and "agent" in job.record.body:
        yield _fault(job, "was to be launched, and nothing is asked to launch it", None)


def _fault(job: Job, text: str, mend: Any) -> Fault:
    def still(work: Work) -> bool:
        found = work.records.find(job.uuid)
        return found is not None and found.visible and found.revision == job.record.revision

    return Fault(subject=job.uuid, text=text, still=still, mend=mend)


def _index(uuid: TypedUuid, env: Env, work: Work) -> str:
    asked = _told(uuid, work).index or {}
    message = IndexJob(uuid=uuid, trusted=True, filters=asked.get("filters"), level=asked.get("level"))
    request_index(message, work, env)
    return "asked for it to be indexed"


def _is_known(platform_job: str, env: Env) -> bool:
    """Tell whether the platform has a job: to ask for one that it does not know would end with the job as failed."""
    try:
        env.platform.job(platform_job)
    except DatacatalogError:
        return False
    return True


def _watch(uuid: TypedUuid, platform_job: str, env: Env, work: Work) -> str:
    job = Job(work.records.get(uuid))
    look, step = Look(uuid=uuid, run=job.run, job=platform_job), 1
    while not look.send(work, env):
        # Ids of looks that were handled are remembered; the numbers after a free one are free.
        look, step = replace(look, number=look.number + step), step * 2
    return "its platform is asked again"
