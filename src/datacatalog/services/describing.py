"""What a document says: of which record, with which body and which links."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from datacatalog.domain.documents import JsonObject, public_fields
from datacatalog.domain.errors import AlreadyExists, InvalidField, InvalidRecord
from datacatalog.domain.identifiers.records import normal_body, record_uuid
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.kinds import SPECS, Kind, Relation, TypedUuid, kept_as
from datacatalog.domain.records import Link, Record, check_link, implied_links
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env

_BESIDE = frozenset({"uuid", *Relation})
"""Fields of a document that are kept beside its body."""
_CONNECTIONS = frozenset({Relation.CONNECTS_FROM, Relation.CONNECTS_TO})
"""Fields that may hold one UUID instead of a list."""
_NAMING = (
    (Kind.ASSOCIATION, Relation.CONNECTS_FROM),
    (Kind.ASSOCIATION, Relation.CONNECTS_TO),
    (Kind.PIPELINEJOB, Relation.CHILD_OF),
)
"""Links that UUIDs are made of: of an association what it connects, of a job what it is about."""
_PAGE = 1000
_MANAGED_KINDS = frozenset({Kind.PIPELINE, Kind.PIPELINEJOB})
_TOLD = "hidden"
"""What readers are told of a record that was deleted softly; as a field of its own it would say so of one that was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a document says: of which record, kept as which kind, and what it points at."""

    kind: Kind
    uuid: TypedUuid
    body: JsonObject
    links: frozenset[Link]


def read_document(kind: Kind, document: JsonObject, env: Env) -> Said:
    """Read a document of a kind; its private fields are passed over.

    Raises:
        InvalidField: a uuid field is missing, or `uuid` is another record's; a field is the catalog's own; the kind has
            services of its own.
        InvalidLink, InvalidRecord.
    """
    kept = kept_as(kind)
    check_plain(kept)
    check_fields(document)
    said = public_fields(document)
    if kind is not kept and (found := env.schemas.complaints(f"{kind}_document", said)):
        raise InvalidRecord(f"{kind}_document", found)
    body = normal_body(kept, body_in(said), env.rules.default_system, env.identity)
    connections = {name: said[name] for name in SPECS[kept].uuid_fields if name in said.keys() - body}
    uuid = record_uuid(kept, {**body, **connections}, env.identity, env.rules.default_system)
    if "uuid" in said and read_typed(said["uuid"], kept) != uuid:
        raise InvalidField("uuid", f"is {said['uuid']}, but the document describes {uuid}")
    return Said(kind=kept, uuid=uuid, body=body, links=links_of(kept, said, uuid))


def body_in(document: JsonObject) -> dict[str, Any]:
    """Return a document without its private fields, and without what is kept beside a body."""
    return {name: value for name, value in public_fields(document).items() if name not in _BESIDE}


def links_of(kind: Kind, document: JsonObject, uuid: TypedUuid) -> frozenset[Link]:
    """Return the links that are to be stored.  Raises InvalidField, InvalidLink."""
    links = frozenset(links_in(document, uuid)) - frozenset(implied_links(uuid))
    for link in links:
        check_link(kind, link)
    return links


def check_fields(document: JsonObject) -> None:
    """Raises InvalidField: a document has the field by which readers are told that a record is hidden."""
    if _TOLD in document:
        raise InvalidField(_TOLD, "tells of a record that was deleted, and is no field of one")


def check_plain(kind: Kind) -> None:
    """Raises InvalidField: there are no records of this kind, or it has services of its own."""
    if kind not in SPECS or kind in _MANAGED_KINDS:
        raise InvalidField("kind", f"a {kind} cannot be written this way")


def links_in(document: JsonObject, uuid: TypedUuid) -> list[Link]:
    """Return what a document says in its linkage fields.  Raises InvalidField."""
    links = []
    for relation in Relation:
        targets = document.get(relation.value, ())
        if relation in _CONNECTIONS and isinstance(targets, str):
            targets = [targets]
        if not isinstance(targets, list | tuple):
            raise InvalidField(relation.value, "must be a list of UUIDs")
        for target in targets:
            links.append(
                Link(source=uuid, relation=relation, target=read_typed(target, field=relation.value))
            )
    return links


def naming_links(target: TypedUuid, work: Work) -> frozenset[Link]:
    """Return the links to a record that are part of what makes the UUIDs of their sources."""
    found: set[Link] = set()
    for kind, relation in _NAMING:
        after: str | None = None
        while page := work.links.to(target, relation, kind=kind, after=after, limit=_PAGE):
            found.update(page)
            after = page[-1].source
    return frozenset(found)


def check_identity(old: Record, body: JsonObject, had: frozenset[Link], links: frozenset[Link]) -> None:
    """Raises InvalidField: what makes the record's UUID would change."""
    for name in _other_names(old, body, had ^ links):
        raise InvalidField(name, "is part of what makes the record's UUID, and cannot change")


def check_same(old: Record, said: Said, had: frozenset[Link]) -> None:
    """Raises AlreadyExists: the record that is there has its UUID of other values.

    UUIDs are made of values in the order of the alphabet, as published, and so do not tell which of them is which.
    """
    for name in _other_names(old, said.body, had ^ said.links):
        raise AlreadyExists(f"{old.uuid} is here, with another {name} that makes the same UUID")


def _other_names(old: Record, body: JsonObject, moved: Iterable[Link]) -> list[str]:
    """Return the fields that make the record's UUID and differ; connections do where such a link is moved."""
    placed = ("storage_system",) if old.kind in (Kind.FILE, Kind.FIXITY) else ()
    others = {link.relation.value for link in moved}
    return [
        name
        for name in (*SPECS[old.kind].uuid_fields, *placed)
        if name in others or old.body.get(name) != body.get(name)
    ]
