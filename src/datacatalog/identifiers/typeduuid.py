"""Typed UUIDs under their published import path.

A thin face over `datacatalog.domain.identifiers.typed`; complaints are ValueErrors, as published. The namespace is that
of CATALOG_DNS_DOMAIN and the salt of hash ids CATALOG_TYPEDUUID_HASHIDS_SALT, where the environment has them.
"""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from uuid import UUID

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers import typed
from datacatalog.domain.kinds import Kind

if TYPE_CHECKING:
    from bson.binary import Binary

P = ParamSpec("P")
T = TypeVar("T")

_RANDOM_LENGTH = 128


def catalog_uuid(text: str, uuid_type: str = "generic", binary: bool = False) -> str | Binary:
    """Return the typed UUID of a text.

    Args:
        uuid_type: name of a kind, e.g. "experiment".
        binary: return BSON binary of the legacy subtype 3 rather than text.
    Raises:
        ValueError: there is no such kind.
    """
    return _as(binary, _or_value_error(_identity().uuid, _kind(uuid_type), text))


def generate(text_value: str | None = None, uuid_type: str = "generic", binary: bool = False) -> str | Binary:
    """Return the typed UUID of a text, or a random one.  Raises ValueError: there is no such kind."""
    return catalog_uuid(_random_text() if text_value is None else text_value, uuid_type, binary)


def mock(text_value: str | None = None, uuid_type: str = "generic", binary: bool = False) -> str | Binary:
    """Return a typed UUID in the namespace for tests, where no record has one.  Raises ValueError."""
    text = _random_text() if text_value is None else text_value
    return _as(binary, _or_value_error(typed.MOCK.uuid, _kind(uuid_type), text))


def catalog_uuid_from_v1_uuid(v1_uuid: str, uuid_type: str = "generic", binary: bool = False) -> str | Binary:
    """Return the typed UUID that an untyped one of the first catalogs became.  Raises ValueError."""
    return _as(binary, _or_value_error(typed.overlay, _kind(uuid_type), v1_uuid))


def validate(uuid: str, permissive: bool = False) -> bool:
    """Tell whether this is a typed UUID; if not, raise ValueError unless `permissive`."""
    return _tell(typed.read_typed, uuid, permissive)


def validate_uuid5(uuid: str, permissive: bool = False) -> bool:
    """Tell whether this is a UUID of whatever kind or version; if not, raise ValueError unless `permissive`."""
    return _tell(typed.canonical, uuid, permissive)


def get_uuidtype(uuid: str | UUID) -> str:
    """Return the name of the kind of a typed UUID.  Raises ValueError."""
    text = _or_value_error(typed.read_typed, str(uuid))
    return typed.kind_of(text).value


def listify_uuid(uuid: str | Iterable[str] | None) -> list[str]:
    """Return the typed UUIDs of a string or of several, sorted, each once; what is none is left out."""
    return list(typed.listify(uuid))


def uuid_to_hashid(uuid: str | UUID) -> str:
    """Return the short, reversible name of a UUID.  Raises ValueError."""
    return _or_value_error(_identity().hashid, str(uuid))


def hashid_to_uuid(hashid: str) -> str:
    """Return the typed UUID that a hash id stands for.  Raises ValueError."""
    return _or_value_error(_identity().from_hashid, hashid)


def _identity() -> typed.Identity:
    return typed.Identity(
        domain=os.environ.get("CATALOG_DNS_DOMAIN") or typed.PUBLISHED_DOMAIN,
        hashids_salt=os.environ.get("CATALOG_TYPEDUUID_HASHIDS_SALT") or typed.PUBLISHED_SALT,
    )


def _kind(uuid_type: str) -> Kind:
    try:
        return Kind(uuid_type)
    except ValueError:
        raise ValueError(f"'{uuid_type}' is no kind of record; one of {', '.join(Kind)}") from None


def _random_text() -> str:
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(_RANDOM_LENGTH))


def _as(binary: bool, uuid: str) -> str | Binary:
    if not binary:
        return uuid
    from bson.binary import OLD_UUID_SUBTYPE, Binary  # importing the identifiers loads no database driver

    return Binary(UUID(uuid).bytes, OLD_UUID_SUBTYPE)


def _tell(check: Callable[[str], object], uuid: str, permissive: bool) -> bool:
    try:
        check(uuid)
    except InvalidField as e:
        if permissive:
            return False
        raise ValueError(str(e)) from e
    return True


def _or_value_error(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return function(*args, **kwargs)
    except InvalidField as e:
        raise ValueError(str(e)) from e
