"""Is what the catalog says of files still true? Each is looked for on its storage, and its bytes are hashed anew.

Nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.errors import (
    DatacatalogError,
    InvalidField,
    NoSuchPath,
    StorageDown,
    UnknownRecord,
    UnsafePath,
)
from datacatalog.domain.identifiers.typed import kind_of, overlay, read_typed
from datacatalog.domain.indexing import picked, requests_for
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.paths import normalised, shown
from datacatalog.domain.records import Record
from datacatalog.domain.verification import (
    Content,
    Finding,
    What,
    check_share,
    comparable,
    content_of,
    differs,
    in_sample,
)
from datacatalog.ports.storage import FileInfo, Look
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.finding import files_of
from datacatalog.services.inventory import PAGE, Known, Pair, Walk, inventory, uuid_at
from datacatalog.services.jobs import job_for
from datacatalog.services.paging import pages

BATCH = 200
_JOB_OR_PATH = (Kind.PIPELINEJOB, Kind.FILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Which of the known files are hashed.

    Attributes:
        share: 0 < share <= 1.
        seed: the same one takes the same files again.
    """

    share: float = 1.0
    seed: str = ""

    def takes(self, system: str, path: str) -> bool:
        return in_sample(system, path, self.share, self.seed)


def verify(target: str, env: Env, sample: Sample | None = None) -> Iterator[Finding]:
    """Tell what became of every file of a job, or of a file or directory and all below it.

    A job's files are those that it generated, and those that lie in its archive. Files there that the job's own
    patterns pass over are not missed in the catalog. Hidden records are not looked for.

    Args:
        target: the UUID of a job or a file; an absolute path on the default system; or `agave://system/path`.
        sample: of the known files only these are hashed; of the others, the sizes are looked at. What is missing or
            unknown is told in any case.
    Returns:
        Findings, one for each file, in the order of their paths; those of a job's files that lie elsewhere come last.
    Raises:
        UnknownRecord: there is no such job or file.
        NoSuchPath: there is nothing at this path, neither on storage nor in the catalog.
        InvalidField, UnsafePath: it is no such target, or on a system that is not known here.
        StorageDown: the system, or the directory itself, cannot be read; also while findings are told.
    """
    sample = sample or Sample()
    check_share(sample.share)
    if not target.startswith(("/", "agave://")):
        uuid = _uuid_in(target)
        if kind_of(uuid) is Kind.PIPELINEJOB:
            return _of_job(env.store.read(lambda work: job_for(uuid, work)), env, sample)
        return _at(env.store.read(lambda work: _place_of(uuid, work, env)), env, sample)
    if target.startswith("/"):
        return _at(AgaveUri(env.rules.default_system, normalised(target, "target")), env, sample)
    return _at(AgaveUri.parse(target, "target"), env, sample)


def _uuid_in(target: str) -> TypedUuid:
    try:
        return read_typed(target, *_JOB_OR_PATH, field="target")
    except InvalidField as e:
        told = f"{shown(target)} is neither a path that begins with / or agave:// nor the UUID of a job or a file"
        raise InvalidField("target", told) from e


def _place_of(uuid: TypedUuid, work: Work, env: Env) -> AgaveUri:
    file = work.records.find(uuid)
    if file is None or not file.visible:
        raise UnknownRecord(uuid, "file")
    return AgaveUri(_system_of(file, env), file.body["name"])


def _at(place: AgaveUri, env: Env, sample: Sample) -> Iterator[Finding]:
    """Verify a file or directory.  Raises NoSuchPath, UnsafePath: neither the catalog nor the storage has it."""
    walk = Walk()
    pairs = inventory(place, walk, env)
    first = next(pairs, None)
    if first is None and walk.error is not None:
        raise walk.error
    return _judged(place.system, _again(first, pairs), walk, env, sample)


def _of_job(job: Job, env: Env, sample: Sample) -> Iterator[Finding]:
    requests = requests_for(job.archive_patterns, job.product_patterns)
    place, walk = AgaveUri(job.archive_system, job.archive_path), Walk()
    pairs = (
        pair
        for pair in inventory(place, walk, env)
        if pair.file is not None or picked(requests, pair.path, job.archive_path)
    )
    yield from _judged(place.system, pairs, walk, env, sample)
    for page in _generated(job, env):
        elsewhere: dict[str, list[Known]] = defaultdict(list)
        for file in page:
            system, path = _system_of(file, env), file.body["name"]
            if system != place.system or not path.startswith(f"{place.path}/"):
                elsewhere[system].append(Known(path, file.uuid))
        for system, files in elsewhere.items():
            rest = (Pair(file.path, file, None) for file in sorted(files))
            yield from _judged(system, rest, Walk(), env, sample)


def _again(first: Pair | None, rest: Iterator[Pair]) -> Iterator[Pair]:
    if first is not None:
        yield first
    yield from rest


def _generated(job: Job, env: Env) -> Iterator[Sequence[Record]]:
    """Yield the visible files that a job generated, page by page, ordered by UUID."""

    def read(after: str | None, work: Work) -> tuple[Sequence[Record], str | None]:
        page = files_of(job.uuid, work, after=after, limit=PAGE)
        return page.records, page.next

    return pages(read, env.store)


def _system_of(file: Record, env: Env) -> str:
    return str(file.body.get("storage_system") or env.rules.default_system)


# -------------------------------------------------------------------------------------------- verdicts


def _judged(system: str, pairs: Iterator[Pair], walk: Walk, env: Env, sample: Sample) -> Iterator[Finding]:
    """Yield what became of each path, and the places that the walk could not look into before those around them."""
    while batch := list(islice(pairs, BATCH)):
        yield from _closed(system, walk)
        about = _about(batch, system, env)
        hashed = {
            pair.path
            for pair in batch
            if pair.file is not None
            and sample.takes(system, pair.path)
            and comparable(_recorded(about.get(overlay(Kind.FIXITY, pair.file.uuid))))
        }
        looks = env.storage.look(system, [pair.path for pair in batch if pair.path in hashed])
        for pair in batch:
            if pair.file is not None:
                look = next(looks) if pair.path in hashed else _glance(system, pair, env)
                yield _of_known(system, pair.file, look, about, env)
            elif pair.info is not None and (found := _of_unknown(system, pair.info, about, env)):
                yield found
    yield from _closed(system, walk)


def _closed(system: str, walk: Walk) -> Iterator[Finding]:
    told, walk.closed = walk.closed, []
    for path, reason in told:
        yield Finding(what=What.UNREADABLE, system=system, path=path, reason=reason)


def _about(batch: Sequence[Pair], system: str, env: Env) -> Mapping[TypedUuid, Record]:
    """Return the fixities of the files that are known, and once more the files of paths that had none."""
    wanted = [
        uuid_at(system, path, env) if file is None else overlay(Kind.FIXITY, file.uuid)
        for path, file, _ in batch
    ]
    return env.store.read(lambda work: work.records.find_many(wanted))


def _glance(system: str, pair: Pair, env: Env) -> Look:
    """Look at a file without reading it."""
    try:
        return Look(path=pair.path, info=pair.info or env.storage.stat(system, pair.path))
    except (NoSuchPath, UnsafePath, StorageDown) as e:
        return Look(path=pair.path, error=e)


def _of_unknown(system: str, info: FileInfo, about: Mapping[TypedUuid, Record], env: Env) -> Finding | None:
    """Return what to tell of a file that had no record; nothing where it has one by now."""
    record = about.get(uuid_at(system, info.path, env))
    if record is not None and record.visible:
        return None
    return Finding(
        what=What.UNKNOWN,
        system=system,
        path=info.path,
        found=Content(size=info.size_bytes),
        reason="" if record is None else "its record was deleted",
    )


def _of_known(system: str, file: Known, look: Look, about: Mapping[TypedUuid, Record], env: Env) -> Finding:
    tell = partial(Finding, system=system, path=file.path, uuid=file.uuid)
    fixity = overlay(Kind.FIXITY, file.uuid)
    recorded = _recorded(about.get(fixity))
    if look.info is None:
        return tell(what=_trouble(look.error), recorded=recorded, reason=_reason(look.error))
    found = Content(size=look.info.size_bytes, checksum=look.checksum or None)
    if differs(recorded, found):
        # It may have been indexed again since.
        recorded = env.store.read(lambda work: _recorded(work.records.find(fixity)))
        if differs(recorded, found):
            return tell(what=What.CHANGED, recorded=recorded, found=found)
    if not comparable(recorded):
        why = "its checksum is not one that is computed here" if recorded.checksum else ""
        return tell(what=What.UNCHECKED, recorded=recorded, found=found, reason=why)
    return tell(what=What.OK if found.checksum else What.SKIPPED, recorded=recorded, found=found)


def _recorded(fixity: Record | None) -> Content:
    return content_of(fixity.body if fixity is not None and fixity.visible else None)


def _trouble(error: DatacatalogError | None) -> What:
    """Tell what a file is that could not be looked at; where something else is in its place, it is missing."""
    return What.MISSING if isinstance(error, NoSuchPath | UnsafePath) else What.UNREADABLE


def _reason(error: DatacatalogError | None) -> str:
    match error:
        case NoSuchPath():
            return ""
        case UnsafePath():
            return error.reason
    return str(error)
