"""Putting metadata, files and references into the catalog, and finding them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.domain.identifiers.records import normal_body, record_uuid
from datacatalog.domain.identifiers.typed import kind_of, read_typed
from datacatalog.domain.kinds import SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.messages import Message
from datacatalog.domain.records import Link, Record, combined, implied_links
from datacatalog.domain.references import references_in
from datacatalog.ports.stores import Page, Work
from datacatalog.services import access
from datacatalog.services.env import Env, new_salt

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
    Kind.PROCESS,
    Kind.FIXITY,
)
"""The order in which kinds are asked for an identifier, as published."""

_MANAGED_KINDS = frozenset({Kind.PIPELINE, Kind.PIPELINEJOB})


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What `put_record` did: `created`, `updated` or `unchanged`."""

    record: Record
    action: str


def put_record(
    kind: Kind,
    document: JsonObject,
    work: Work,
    env: Env,
    *,
    strategy: str = "merge",
) -> Written:
    """Add a record, or write its document over the one that is there.

    Linkage fields of the document (`child_of`, ...) become links: they are added, never taken away. Private fields
    (`_...`) are passed over.

    Args:
        document: as published; its `uuid`, where given, must be the one that its identifier makes.
        strategy: see domain.records.combined.
    Raises:
        InvalidField: a uuid field is missing, or `uuid` is another record's; the kind has its own services.
        InvalidLink, InvalidRecord, Duplicate: nothing was written.
    """
    spec = SPECS.get(kind)
    if spec is None or kind in _MANAGED_KINDS:
        raise InvalidField("kind", f"a {kind} cannot be written this way")
    said = {*Relation, "uuid"}
    fields = {k: v for k, v in document.items() if not k.startswith("_") and k not in said}
    body = normal_body(kind, fields, env.rules.default_system, env.identity)
    uuid = record_uuid(kind, body, env.identity, env.rules.default_system)
    if "uuid" in document and read_typed(document["uuid"], kind) != uuid:
        raise InvalidField("uuid", f"is {document['uuid']}, but the document describes {uuid}")
    written = _put(kind, uuid, body, strategy, work, env)
    implied = implied_links(uuid)
    added = work.links.add(link for link in links_in(document, uuid) if link not in implied)
    if added and written.action == "unchanged":
        return replace(written, action="updated")
    return written


def _put(kind: Kind, uuid: TypedUuid, body: JsonObject, strategy: str, work: Work, env: Env) -> Written:
    now = env.clock.now()
    old = work.records.find(uuid)
    if old is None:
        record = Record(kind=kind, uuid=uuid, body=body, salt=new_salt(), admin=env.rules.admin)
        return Written(record=work.records.put(record, at=now), action="created")
    new = combined(old.body, body, strategy)
    if new == old.body and old.visible:
        return Written(record=old, action="unchanged")
    stored = work.records.put(replace(old, body=new, visible=True), at=now)
    return Written(record=stored, action="updated")


def links_in(document: JsonObject, uuid: TypedUuid) -> list[Link]:
    """Return what a document says in its linkage fields.  Raises InvalidField."""
    links = []
    for relation in Relation:
        targets = document.get(relation.value, ())
        if not isinstance(targets, list | tuple):
            raise InvalidField(relation.value, "must be a list of UUIDs")
        for target in targets:
            links.append(
                Link(source=uuid, relation=relation, target=read_typed(target, field=relation.value))
            )
    return links


def revoke_token(uuid: TypedUuid, token: str, env: Env) -> Record:
    """Give a document another update token; the one it had is worth nothing from then on.

    Args:
        token: an administrative token.
    Raises:
        UnknownRecord, InvalidAdminToken.
    """

    def body(work: Work) -> Record:
        record = work.records.get(uuid)
        access.authorize_admin(Message(token=token), work, env)
        return work.records.put(access.rotate_token(record, new_salt()), at=env.clock.now())

    return env.store.transact(body)


# -------------------------------------------------------------------------------------------- finding


def find_record(reference: str, work: Work, env: Env, kinds: Sequence[Kind] = LOOKUP_ORDER) -> Record:
    """Return the visible record that a text names.

    Args:
        reference: a typed UUID; an `agave://system/path`; an absolute path on the default system; or an identifier.
            An identifier that begins with the name of a kind and a dot (`sample.tacc.20001`) is looked up there first.
        kinds: only these, in this order.
    Raises:
        UnknownRecord.
    """
    found = (
        _by_uuid(reference, work)
        or _by_path(reference, kinds, work, env)
        or _by_identifier(reference, kinds, work)
    )
    if found is None or not found.visible or found.kind not in kinds:
        raise UnknownRecord(reference)
    return found


def files_of(job: TypedUuid, work: Work, *, after: str | None = None, limit: int = 100) -> Page:
    """Return a page of the visible files that a job generated, ordered by UUID; a page may hold fewer than `limit`."""
    links = work.links.to(job, Relation.GENERATED_BY, kind=Kind.FILE, after=after, limit=limit)
    found = [work.records.get(link.source) for link in links]
    return Page(
        records=[record for record in found if record.visible],
        next=links[-1].source if len(links) == limit else None,
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
        kind_of(reference)
    except InvalidField:
        return None
    return work.records.find(TypedUuid(reference))


def _by_path(reference: str, kinds: Sequence[Kind], work: Work, env: Env) -> Record | None:
    system, path = env.rules.default_system, reference
    if reference.startswith("agave://"):
        system, path = AgaveUri.parse(reference)
    elif not reference.startswith("/"):
        return None
    found = None
    if Kind.FILE in kinds:
        place = {"name": path, "storage_system": system}
        found = work.records.find(record_uuid(Kind.FILE, place, env.identity, env.rules.default_system))
    if found is None and Kind.REFERENCE in kinds:
        found = work.records.identified(Kind.REFERENCE, "uri", f"agave://{system}{path}")
    return found


def _by_identifier(reference: str, kinds: Sequence[Kind], work: Work) -> Record | None:
    first = reference.partition(".")[0]
    ordered = sorted(kinds, key=lambda kind: kind.value != first)
    for kind in ordered:
        for field in SPECS[kind].identifiers:
            if (found := work.records.identified(kind, field, reference)) is not None:
                return found
    return None
