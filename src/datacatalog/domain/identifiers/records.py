"""What of a record makes its UUID: the values of its kind's uuid fields, sorted and joined with colons.

Pipelines and jobs have rules of their own: domain.pipelines.identity and domain.jobs.identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datacatalog.domain.archive import DEFAULT_SYSTEM, AgaveUri, is_system, one_spelling
from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.typed import IDENTITY, Identity, read_typed
from datacatalog.domain.kinds import SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.paths import shown

UUID_FIELDS: Mapping[Kind, tuple[str, ...]] = {
    kind: spec.uuid_fields for kind, spec in SPECS.items() if spec.uuid_fields
}
"""Kind -> the fields that make its UUID, for every kind that is made so and is no file."""

_CONNECTIONS = (Relation.CONNECTS_FROM, Relation.CONNECTS_TO)
"""Fields that hold a list of UUIDs even where a document gives a single one."""

_FILE_KINDS = {Kind.FILE: Kind.FILE, Kind.PRODUCT: Kind.FILE, Kind.FIXITY: Kind.FIXITY}
"""Published products are files that know what they were made of: they carry file UUIDs."""


def record_uuid(
    kind: Kind, body: JsonObject, identity: Identity = IDENTITY, default_system: str = DEFAULT_SYSTEM
) -> TypedUuid:
    """Return the UUID that a record's body gives it.

    Args:
        default_system: the storage system of files that name none.
    Raises:
        InvalidField: a field that makes the UUID is missing or empty, or a record of this kind is not named so.
    """
    if kind in _FILE_KINDS:
        system = body.get("storage_system") or default_system
        name = _text_of("name", body.get("name")).strip()
        return file_uuid(
            name, _text_of("storage_system", system), identity, default_system, _FILE_KINDS[kind]
        )
    if kind not in UUID_FIELDS:
        raise InvalidField("kind", f"a {kind} is not named by fields of its own")
    values = sorted(_text_of(field, body.get(field)) for field in UUID_FIELDS[kind])
    return identity.uuid(kind, ":".join(values))


def normal_body(
    kind: Kind,
    document: JsonObject,
    default_system: str = DEFAULT_SYSTEM,
    identity: Identity = IDENTITY,
) -> dict[str, Any]:
    """Return a document as it is kept: a file's and a fixity's name in its one spelling, on a system that is named.

    A file without `file_id` gets one. Documents of other kinds stay as they are.

    Raises:
        InvalidField: the name is missing, empty, or no absolute path; no storage system can be called so.
    """
    body = dict(document)
    if kind not in _FILE_KINDS:
        return body
    name = _text_of("name", body.get("name")).strip()
    if not name.startswith("/"):
        raise InvalidField("name", f"{shown(name)} is no absolute path")
    body["name"] = one_spelling(name)
    body["storage_system"] = system = body.get("storage_system") or default_system
    if system != default_system and not (isinstance(system, str) and is_system(system)):
        raise InvalidField("storage_system", f"{shown(str(system))} is no name of a storage system")
    if _FILE_KINDS[kind] is Kind.FILE and not body.get("file_id"):
        body["file_id"] = minted_file_id(body["name"], body["storage_system"], identity)
    return body


def file_uuid(
    path: str,
    system: str,
    identity: Identity = IDENTITY,
    default_system: str = DEFAULT_SYSTEM,
    kind: Kind = Kind.FILE,
) -> TypedUuid:
    """Return the UUID of a file, or of its fixity, by where it lies.

    On the default system the path alone counts, as published; on any other, the system as well.

    Args:
        path: as the storage spells it: spaces at its ends belong to it.
        kind: FILE or FIXITY.
    Raises:
        InvalidField: the path is empty.
    """
    if not path:
        raise InvalidField("name", "is empty")
    text = one_spelling(path) if system == default_system else str(_uri_of(path, system))
    return identity.uuid(kind, text)


def minted_file_id(path: str, system: str, identity: Identity = IDENTITY, tenant: str = "tacc") -> str:
    """Return the `file_id` of a file that came without one, e.g. `file.tacc.wyeXnqdJRBPWjb1ReXAjWzrw`."""
    return f"file.{tenant}.{identity.shortened(Kind.FILE, str(_uri_of(path, system)))}"


def listed(uuids: Sequence[TypedUuid]) -> str:
    """Return UUIDs in the one form that identities hash: `['a', 'b']`, `[]`.

    Sorted, each once, in single quotes, a comma and a space between them. Published identities contain this text,
    so it is a format like any other, whatever language wrote it first.
    """
    return "[" + ", ".join(f"'{uuid}'" for uuid in sorted(set(uuids))) + "]"


def _uri_of(path: str, system: str) -> AgaveUri:
    return AgaveUri(system, one_spelling(path if path.startswith("/") else "/" + path))


def _text_of(field: str, value: Any) -> str:
    match [value] if field in _CONNECTIONS and isinstance(value, str) else value:
        case str(text) if text.strip():
            return text
        case Mapping() as found if found:
            return minified(found)
        case [*uuids] if uuids:
            return listed([read_typed(uuid, field=field) for uuid in uuids])
    raise InvalidField(field, "is missing, empty, or not text; the record's UUID is made of it")
