"""What product requests say that files were made of: names of files and references become their UUIDs.

In the published order: a typed UUID; an identifier; a path on the default system; an agave:// URI; `./` below the archive path.
A file that is on its storage and not in the catalog yet is recorded now, with its checksum, as a child of the job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from datacatalog.domain.errors import NoSuchPath, UnknownRecord, UnsafePath
from datacatalog.domain.filetypes import infer_type
from datacatalog.domain.identifiers.typed import overlay
from datacatalog.domain.indexed import file_facts, next_fixity
from datacatalog.domain.indexing import IndexRequest, sources_of
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.references import ByIdentifier, ByPlace, ByUuid, read_derived
from datacatalog.ports.storage import FileInfo, Look
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.finding import find_record
from datacatalog.services.records import put_record

T = TypeVar("T")
Transact = Callable[[Callable[[Work], Any]], Any]
_KINDS = (Kind.FILE, Kind.REFERENCE)


def resolve_sources(
    job: Job, requests: Sequence[IndexRequest], transact: Transact, env: Env
) -> dict[str, TypedUuid]:
    """Return the UUID of everything that product requests say their files come from.

    Raises:
        UnknownRecord, InvalidField, UnsafePath: one cannot be resolved.
    """
    return {text: resolve_source(text, job, transact, env) for text in sorted(sources_of(requests))}


def resolve_source(text: str, job: Job, transact: Transact, env: Env) -> TypedUuid:
    """Return the UUID of the file or reference that `text` names.  Raises as `resolve_sources`."""
    match read_derived(text, system=job.archive_system, archive_path=job.archive_path):
        case ByUuid(uuid):
            return uuid
        case ByIdentifier(identifier):
            return env.store.read(lambda work: find_record(identifier, work, env, _KINDS)).uuid
        case ByPlace(system, path):
            return file_at(system or env.rules.default_system, path, transact, env, job.uuid)


def file_at(
    system: str, path: str, transact: Transact, env: Env, parent: TypedUuid | None = None
) -> TypedUuid:
    """Return the file or reference at a path; one that is on its storage and not in the catalog yet is recorded.

    Args:
        parent: what a file that is recorded now is a child of.
    Raises:
        UnknownRecord: it is neither in the catalog nor on its storage.
    """
    uri = f"agave://{system}{path}"
    try:
        return env.store.read(lambda work: find_record(uri, work, env, _KINDS)).uuid
    except UnknownRecord:
        pass
    info, look = _looked_at(system, path, uri, env)
    parents: Iterable[TypedUuid] = () if parent is None else (parent,)
    uuid: TypedUuid = transact(lambda work: _record(system, info, look, parents, work, env))
    return uuid


def _looked_at(system: str, path: str, uri: str, env: Env) -> tuple[FileInfo, Look]:
    """Return a file and what reading it came to; one that cannot be read is still there.  Raises UnknownRecord."""
    try:
        (look,) = env.storage.look(system, [path])
        return look.info or env.storage.stat(system, path), look
    except (NoSuchPath, UnsafePath):
        raise UnknownRecord(uri, "file") from None


def _record(
    system: str, info: FileInfo, look: Look, parents: Iterable[TypedUuid], work: Work, env: Env
) -> TypedUuid:
    kind = infer_type(info.path, look.head)
    place = {"name": info.path, "storage_system": system}
    document = {**place, "type": kind, Relation.CHILD_OF.value: list(parents)}
    file = put_record(Kind.FILE, document, work, env).record.uuid
    if look.checksum:
        known = work.records.find(overlay(Kind.FIXITY, file))
        facts = file_facts(info.size_bytes, info.changed_ns, info.modified_ns, look.checksum)
        old = None if known is None else known.body
        body = next_fixity(old, name=info.path, storage_system=system, type=kind, **facts)
        put_record(Kind.FIXITY, body, work, env)
    return file
