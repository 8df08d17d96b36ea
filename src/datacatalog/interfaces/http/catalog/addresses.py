"""How kinds and records are called in addresses."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request as HttpRequest

from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.domain.identifiers.typed import kind_of
from datacatalog.domain.kinds import NAMED, SPECS, Kind, TypedUuid

BASE = "/catalog/v1"
RECORD = f"{BASE}/{{kind}}/{{uuid:uuid}}"
"""The address of one record; what belongs to it is below."""


def kind_in(request: HttpRequest) -> Kind:
    """Return the kind that a request's path means.  Raises UnknownRecord."""
    name = request.path_params["kind"]
    try:
        return NAMED[name]
    except KeyError:
        raise UnknownRecord(name, "kind of record") from None


def uuid_in(request: HttpRequest) -> TypedUuid:
    """Return the typed UUID in a request's path.  Raises UnknownRecord: it is no typed one, so no record has it."""
    uuid: UUID = request.path_params["uuid"]
    try:
        kind_of(str(uuid))
    except InvalidField:
        raise UnknownRecord(str(uuid)) from None
    return TypedUuid(str(uuid))


def path_of(kind: Kind, uuid: TypedUuid) -> str:
    """Return the path of a record's address."""
    return f"{BASE}/{SPECS[kind].collection}/{uuid}"
