"""What a document says: of which record, with which body and which links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField, InvalidRecord
from datacatalog.domain.identifiers.records import normal_body, record_uuid
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.kinds import SPECS, Kind, Relation, TypedUuid, kept_as
from datacatalog.domain.records import Link, Record, check_link, implied_links
from datacatalog.services.env import Env

_BESIDE = frozenset({"uuid", *Relation})
"""Fields of a document that are kept beside its body."""
_CONNECTIONS = frozenset({Relation.CONNECTS_FROM, Relation.CONNECTS_TO})
"""Fields that may hold one UUID instead of a list."""
_MANAGED_KINDS = frozenset({Kind.PIPELINE, Kind.PIPELINEJOB})


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
        InvalidField: a uuid field is missing, or `uuid` is another record's; the kind has services of its own.
        InvalidLink, InvalidRecord.
    """
    kept = kept_as(kind)
    check_plain(kept)
    said = _public(document)
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
    return {name: value for name, value in _public(document).items() if name not in _BESIDE}


def _public(document: JsonObject) -> dict[str, Any]:
    return {name: value for name, value in document.items() if not name.startswith("_")}


def links_of(kind: Kind, document: JsonObject, uuid: TypedUuid) -> frozenset[Link]:
    """Return the links that are to be stored.  Raises InvalidField, InvalidLink."""
    links = frozenset(links_in(document, uuid)) - frozenset(implied_links(uuid))
    for link in links:
        check_link(kind, link)
    return links


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


def check_identity(old: Record, new: Record, had: frozenset[Link], links: frozenset[Link]) -> None:
    """Raises InvalidField: what makes the record's UUID would change."""
    placed = ("storage_system",) if old.kind in (Kind.FILE, Kind.FIXITY) else ()
    moved = {link.relation.value for link in had ^ links}
    for name in (*SPECS[old.kind].uuid_fields, *placed):
        if name in moved or old.body.get(name) != new.body.get(name):
            raise InvalidField(name, "is part of what makes the record's UUID, and cannot change")
