"""Indexing what a job archived: which files there are, what they are, and what they came from.

`request_index` marks the job as INDEXING and sets the long part going, in one commit. `index_archive` walks the archive and
writes records in batches; it may be cut off anywhere and begun again, since writing the same record twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import (
    AlreadyExists,
    DatacatalogError,
    GivenUp,
    InvalidMessage,
    LeaseLost,
    NoSuchPath,
    StorageDown,
    UnknownRecord,
    UnsafePath,
)
from datacatalog.domain.filetypes import UNKNOWN, infer_type
from datacatalog.domain.identifiers.records import record_uuid
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.indexing import (
    ArchiveIndexRequest,
    IndexRequest,
    ProductIndexRequest,
    file_body,
    next_fixity,
    picked,
    read_index_request,
    requests_for,
)
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.messages import IndexJob, JobEvent
from datacatalog.domain.references import ByIdentifier, ByPlace, ByUuid, read_derived
from datacatalog.ports.storage import FileInfo
from datacatalog.ports.stores import Work
from datacatalog.ports.tasks import Task
from datacatalog.services import access
from datacatalog.services.env import Env, Outcome
from datacatalog.services.jobs import handle_job_event, job_for, move, note, state_outcome
from datacatalog.services.records import find_record, put_record

INDEX_QUEUE = "index-archive"
BATCH_FILES = 200
HEAD_BYTES = 1024
UNREADABLE_SHOWN = 20
_INDEX = "pipelinejob_index"

Transact = Callable[[Callable[[Work], None]], None]


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
    requests = _requests(job, message.filters, message.level)
    if not message.trusted:
        _check_identifiers(requests, job, work, env)
    asked = {"filters": message.filters, "level": message.level}
    data = {name: value for name, value in asked.items() if value is not None}
    moved = move(job, Event.INDEX, data or None, work, env)
    body = {"uuid": job.uuid, "run": job.run, "requests": [request.to_document() for request in requests]}
    key = f"index:{job.uuid}:{work.history.length(job.uuid)}"
    work.outbox.send(INDEX_QUEUE, body, id=key, at=env.clock.now())
    outcome = state_outcome(moved, (f"Job state is now: '{moved.state}'",))
    return Outcome(result=outcome.result, log=outcome.log, http=202, issued=outcome.issued)


def _requests(job: Job, filters: Sequence[Any] | None, level: str | None) -> Sequence[IndexRequest]:
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
    for text in _sources_of(requests):
        source = read_derived(text, system=job.archive_system, archive_path=job.archive_path)
        if isinstance(source, ByIdentifier):
            find_record(source.identifier, work, env, (Kind.FILE, Kind.REFERENCE))


def _sources_of(requests: Sequence[IndexRequest]) -> set[str]:
    return {
        text
        for request in requests
        if isinstance(request, ProductIndexRequest)
        for text in (*request.derived_from, *request.derived_using)
    }


# ------------------------------------------------------------------------------------------- the task


@dataclass(slots=True)
class Tally:
    """What an indexing found so far."""

    files: int = 0
    bytes: int = 0
    unreadable: list[str] = field(default_factory=list)
    missing: bool = False
    error: JsonObject | None = None

    def document(self) -> dict[str, Any]:
        said: dict[str, Any] = {"files": self.files, "bytes": self.bytes}
        if self.unreadable:
            said |= {
                "unreadable": len(self.unreadable),
                "unreadable_paths": self.unreadable[:UNREADABLE_SHOWN],
            }
        if self.missing:
            said["note"] = "the archive path does not exist"
        if self.error is not None:
            said["error"] = self.error
        return said


def index_archive(task: Task, env: Env) -> None:
    """Index a job's archive, and mark it as indexed.

    Where that cannot be done, the job is FINISHED again all the same, since its outputs are there, and the `indexed` entry
    of its history tells the error; it can be indexed anew.

    Raises:
        Unavailable: worth another try.
        LeaseLost.
    """
    uuid, run = TypedUuid(task.delivery.body["uuid"]), int(task.delivery.body["run"])
    tally = Tally()
    try:
        if task.exhausted:
            raise GivenUp(task.delivery.tries - 1)
        requests = [read_index_request(document) for document in task.delivery.body["requests"]]
        job = env.store.read(lambda work: job_for(uuid, work))
        if job.run != run:
            raise AlreadyExists(f"job {uuid} was reset before its run {run} was indexed")
        for _ in index_files(job, requests, tally, task.transact, env):
            pass
    except LeaseLost:
        raise
    except DatacatalogError as e:
        if e.retry and not task.last:
            raise
        tally.error = {"reason": str(e), "code": e.code}
    task.finish(lambda work: _mark_indexed(uuid, run, tally, work, env))


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


def index_now(
    uuid: TypedUuid, env: Env, *, filters: Sequence[Any] | None = None, level: str | None = None
) -> list[str]:
    """Index a job's archive in the caller's own time, without moving the job.

    Returns:
        The paths of the files that were picked.
    """
    job = env.store.read(lambda work: job_for(uuid, work))
    requests = _requests(job, filters, level)
    return list(index_files(job, requests, Tally(), env.store.transact, env))


# ------------------------------------------------------------------------------------------ the files


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that at least one request picks.

    Attributes:
        checksum: None where no request asks for fixity, or it could not be read.
    """

    info: FileInfo
    type: str
    requests: Sequence[IndexRequest]
    checksum: str | None


def index_files(
    job: Job, requests: Sequence[IndexRequest], tally: Tally, transact: Transact, env: Env
) -> Iterator[str]:
    """Write a record for each file that a request picks, in batches; yield their paths as they are durable."""
    sources = _resolve_sources(job, requests, transact, env)
    found = _found(job, requests, tally, env)
    while batch := list(islice(found, BATCH_FILES)):
        transact(lambda work, batch=batch: _write(job, batch, sources, work, env))  # type: ignore[misc]
        tally.files += len(batch)
        tally.bytes += sum(f.info.size_bytes for f in batch)
        yield from (f.info.path for f in batch)


def _found(job: Job, requests: Sequence[IndexRequest], tally: Tally, env: Env) -> Iterator[Found]:
    try:
        for info in env.storage.walk(job.archive_system, job.archive_path):
            if picking := picked(requests, info.path, job.archive_path):
                try:
                    yield _look_at(job.archive_system, info, picking, tally, env)
                except NoSuchPath:
                    continue
    except NoSuchPath:
        tally.missing = True


def _look_at(system: str, info: FileInfo, picking: Sequence[IndexRequest], tally: Tally, env: Env) -> Found:
    """Find out what a file is; one that cannot be read is recorded without a checksum, and counted."""
    checksum, kind = None, infer_type(info.path)
    try:
        if kind == UNKNOWN:
            with env.storage.open(system, info.path) as file:
                kind = infer_type(info.path, file.read(HEAD_BYTES))
        if any(request.fixity for request in picking):
            info, checksum = env.storage.fixity(system, info.path)
    except (StorageDown, UnsafePath):
        tally.unreadable.append(info.path)
    return Found(info=info, type=kind, requests=picking, checksum=checksum)


def _write(
    job: Job,
    batch: Iterable[Found],
    sources: dict[str, TypedUuid],
    work: Work,
    env: Env,
) -> None:
    for found in batch:
        _write_file(job, found, sources, work, env)


def _write_file(job: Job, found: Found, sources: dict[str, TypedUuid], work: Work, env: Env) -> None:
    place = {"name": found.info.path, "storage_system": job.archive_system}
    known = work.records.find(record_uuid(Kind.FILE, place, env.identity, env.rules.default_system))
    body: JsonObject = place if known is None else known.body
    makers, origins, needed = {job.uuid}, set[TypedUuid](), set[TypedUuid]()
    for request in found.requests:
        body = file_body(
            body,
            name=found.info.path,
            storage_system=job.archive_system,
            type=found.type,
            request=request,
        )
        makers |= {read_typed(uuid, field="generated_by") for uuid in request.generated_by}
        if isinstance(request, ProductIndexRequest):
            origins |= {sources[text] for text in request.derived_from}
            needed |= {sources[text] for text in request.derived_using}
    links = {
        Relation.GENERATED_BY.value: sorted(makers),
        Relation.DERIVED_FROM.value: sorted(origins),
        Relation.DERIVED_USING.value: sorted(needed),
    }
    record = put_record(Kind.FILE, {**body, **links}, work, env).record
    if found.checksum is not None:
        _write_fixity(job.archive_system, found, record.uuid, work, env)


def _write_fixity(system: str, found: Found, file: TypedUuid, work: Work, env: Env) -> None:
    name = {"name": found.info.path, "storage_system": system}
    known = work.records.find(record_uuid(Kind.FIXITY, name, env.identity, env.rules.default_system))
    assert found.checksum is not None  # noqa: S101  the caller asks only then
    body = next_fixity(
        None if known is None else known.body,
        name=found.info.path,
        storage_system=system,
        type=found.type,
        size_bytes=found.info.size_bytes,
        created=found.info.created,
        modified=found.info.modified,
        checksum=found.checksum,
    )
    put_record(Kind.FIXITY, {**body, Relation.CHILD_OF.value: [file]}, work, env)


# ----------------------------------------------------------------------------------------- the sources


def _resolve_sources(
    job: Job, requests: Sequence[IndexRequest], transact: Transact, env: Env
) -> dict[str, TypedUuid]:
    """Return the UUID of every file or reference that product requests say their files come from.

    In the published order: a typed UUID; an identifier; a path on the default system; an agave:// URI; `./` below the
    archive path. A file that is on its storage but not in the catalog is recorded now.

    Raises:
        UnknownRecord, InvalidField: one cannot be resolved.
    """
    texts = _sources_of(requests)
    resolved: dict[str, TypedUuid] = {}

    def resolve(work: Work) -> None:
        for text in sorted(texts):
            resolved[text] = resolve_source(text, job, work, env)

    if texts:
        transact(resolve)
    return resolved


def resolve_source(text: str, job: Job, work: Work, env: Env) -> TypedUuid:
    """Return the UUID of the file or reference that `text` names; see `_resolve_sources`."""
    match read_derived(text, system=job.archive_system, archive_path=job.archive_path):
        case ByUuid(uuid):
            return uuid
        case ByIdentifier(identifier):
            return find_record(identifier, work, env, (Kind.FILE, Kind.REFERENCE)).uuid
        case ByPlace(system, path):
            return file_at(system or env.rules.default_system, path, work, env)


def file_at(system: str, path: str, work: Work, env: Env) -> TypedUuid:
    """Return the file or reference at a path; one that is on its storage and not in the catalog yet is recorded.

    Raises:
        UnknownRecord: it is neither in the catalog nor on its storage.
    """
    uri = f"agave://{system}{path}"
    try:
        return find_record(uri, work, env, (Kind.FILE, Kind.REFERENCE)).uuid
    except UnknownRecord:
        pass
    try:
        info = env.storage.stat(system, path)
    except (NoSuchPath, UnsafePath):
        raise UnknownRecord(uri, "file") from None
    document = {"name": info.path, "storage_system": system, "type": infer_type(info.path)}
    return put_record(Kind.FILE, document, work, env).record.uuid
