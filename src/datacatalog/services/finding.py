"""Finding records: by typed UUID, path, `agave://` URI or identifier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from datacatalog.domain.archive import AgaveUri, one_spelling
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.domain.identifiers.records import record_uuid
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.kinds import SPECS, Kind, Relation, TypedUuid, kept_as
from datacatalog.domain.records import Record
from datacatalog.domain.references import references_in
from datacatalog.ports.stores import Page, Work
from datacatalog.services.env import Env

LOOKUP_ORDER = (
    Kind.FILE,
    Kind.REFERENCE,
    Kind.PIPELINEJOB,
    Kind.PIPELINE,
    Kind.SAMPLE,
    Kind.MEASUREMENT,
    Kind.EXPERIMENT,
    Kind.EXPERIMENT_DESIGN,
    Kind.CHALLENGE_PROBLEM,
    Kind.STRUCTURED_REQUEST,
    Kind.PROCESS,
    Kind.FIXITY,
    Kind.ASSOCIATION,
    Kind.TAG_ANNOTATION,
    Kind.TEXT_ANNOTATION,
    Kind.ANNOTATION,
    Kind.INLINE_ANNOTATION,
    Kind.UPLOAD,
    Kind.QUERY,
    Kind.DASHBOARD,
)
"""The order in which kinds are asked for an identifier: as published, then the kinds that it leaves out."""

_KIND_WORDS = frozenset(kind.value for kind in Kind)


def find_record(reference: str, work: Work, env: Env, kinds: Sequence[Kind] = LOOKUP_ORDER) -> Record:
    """Return the record that a text names; hidden records are named by nothing.

    Tried in this order; the first that is there counts:

    1. a typed UUID, in any spelling;
    2. a path, absolute on the default system or as `agave://system/path`, in any spelling that normalises equal: the file
       there, the reference whose `uri` it is, or the fixity, in the order of `kinds`;
    3. an identifier. One that begins with the name of a kind and a dot (`sample.tacc.20001`) is looked up among the records
       of that kind only, as published; any other among all `kinds`, in their order.

    Args:
        kinds: only these. Products are files.
    Raises:
        UnknownRecord: nothing of these kinds is named so.
    """
    wanted = tuple(dict.fromkeys(map(kept_as, kinds)))
    for found in _candidates(reference, wanted, work, env):
        if found is not None and found.visible and found.kind in wanted:
            return found
    raise UnknownRecord(reference)


def _candidates(reference: str, kinds: Sequence[Kind], work: Work, env: Env) -> Iterator[Record | None]:
    yield _by_uuid(reference, work)
    yield from _by_path(reference, kinds, work, env)
    for kind in _named_by(reference, kinds):
        for field in SPECS[kind].identifiers:
            yield work.records.identified(kind, field, reference)


def uuid_named(reference: str, work: Work, env: Env) -> TypedUuid:
    """Return the UUID that a text is, whatever has become of its record, or that of the record which it names.

    Raises:
        UnknownRecord: it is no typed UUID, and names nothing.
    """
    try:
        return read_typed(reference)
    except InvalidField:
        return find_record(reference, work, env).uuid


def files_of(job: TypedUuid, work: Work, *, after: str | None = None, limit: int = 100) -> Page:
    """Return a page of the visible files that a job generated, ordered by UUID; a page may hold fewer than `limit`."""
    links = work.links.to(job, Relation.GENERATED_BY, kind=Kind.FILE, after=after, limit=limit)
    sources = list(dict.fromkeys(link.source for link in links))
    found = work.records.find_many(sources)
    return Page(
        records=[found[uuid] for uuid in sources if uuid in found and found[uuid].visible],
        next=sources[-1] if len(links) >= limit else None,
    )


def inputs_in(data: JsonObject, work: Work, env: Env) -> tuple[list[TypedUuid], list[TypedUuid]]:
    """Return the files and the references that a job's data names; what the catalog does not know is passed over.

    Source: docs, ManagedPipelineJob.refs_from_data_dict.
    """
    files, references = references_in(data, env.rules.default_system)
    return _known(files, Kind.FILE, work, env), _known(references, Kind.REFERENCE, work, env)


def _known(uris: Iterable[str], kind: Kind, work: Work, env: Env) -> list[TypedUuid]:
    found = []
    for uri in uris:
        try:
            found.append(find_record(uri, work, env, (kind,)).uuid)
        except UnknownRecord:
            continue
    return found


def _by_uuid(reference: str, work: Work) -> Record | None:
    try:
        return work.records.find(read_typed(reference))
    except InvalidField:
        return None


def _by_path(reference: str, kinds: Sequence[Kind], work: Work, env: Env) -> Iterator[Record | None]:
    place = _place(reference, env.rules.default_system)
    if place is None:
        return
    for kind in kinds:
        if kind in (Kind.FILE, Kind.FIXITY):
            body = {"name": place.path, "storage_system": place.system}
            yield work.records.find(record_uuid(kind, body, env.identity, env.rules.default_system))
        elif kind is Kind.REFERENCE:
            yield work.records.identified(kind, "uri", str(place))


def _place(reference: str, default_system: str) -> AgaveUri | None:
    """Return where a path leads, in its one spelling; None where it is no path."""
    if reference.startswith("/"):
        return AgaveUri(default_system, one_spelling(reference))
    scheme, _, rest = reference.partition("://")
    system, slash, path = rest.partition("/")
    if scheme != "agave" or not system or not slash:
        return None
    return AgaveUri(system, one_spelling(f"/{path}"))


def _named_by(reference: str, kinds: Sequence[Kind]) -> Sequence[Kind]:
    """Return the kinds among which an identifier is looked up."""
    first, dot, _ = reference.partition(".")
    if not dot or first not in _KIND_WORDS:
        return kinds
    return [kind for kind in kinds if kind is kept_as(Kind(first))]
