"""Typed UUIDs: what a record is, and of which kind, in one UUID made of its content.

The UUID5 of a text has its first three hex digits replaced by the prefix of a kind. So the same text in two kinds
differs in those digits alone: a file and its fixity record share the rest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid3

from hashids import Hashids

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.shortened import shortener
from datacatalog.domain.kinds import KIND_OF_PREFIX, PREFIXES, Kind, TypedUuid

PUBLISHED_DOMAIN = "sd2e.org"
PUBLISHED_SALT = "xCPJ7PKTdp8BYYb4twh9xNYD"
MOCK_DOMAIN = "tacc.cloud.dev"

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LOOSE = re.compile(
    r"(?:uri:urn:)?([0-9a-f]{8}(-?)[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12})", re.I
)
_LONGEST_HASHID = 32  # 128 bits take 24 or so; decoding something much longer only costs time


@dataclass(frozen=True)
class Identity:
    """How one installation names things.

    Attributes:
        domain: every UUID lives in the namespace of this domain.
        hashids_salt: what hash ids are shuffled with; they are short names, not secrets.
    """

    domain: str = PUBLISHED_DOMAIN
    hashids_salt: str = PUBLISHED_SALT

    @cached_property
    def namespace(self) -> UUID:
        return uuid3(NAMESPACE_DNS, self.domain)

    @cached_property
    def _namespace_bytes(self) -> bytes:
        return self.namespace.bytes

    def uuid(self, kind: Kind, text: str) -> TypedUuid:
        """Return the typed UUID of a text.  Raises InvalidField: the text has no UTF-8 form."""
        digits = self._uuid5_hex(text)
        return TypedUuid(
            f"{PREFIXES[kind]}{digits[3:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        )

    def untyped(self, text: str) -> str:
        """Return the plain UUID5 of a text, as the first catalogs used it.  Raises InvalidField as `uuid` does."""
        return _dashed(self._uuid5_hex(text))

    def hashid(self, uuid: str) -> str:
        """Return the short, reversible name of a UUID: 24 letters and digits or so.  Raises InvalidField."""
        return _hashid(self.hashids_salt, uuid)

    def from_hashid(self, text: str) -> TypedUuid:
        """Return the typed UUID that a hash id stands for.  Raises InvalidField: it stands for none."""
        numbers: tuple[int, ...] = ()
        if len(text) <= _LONGEST_HASHID:
            numbers = _hashids(self.hashids_salt).decode(text)
        if len(numbers) != 1 or numbers[0] >> 128:
            raise InvalidField("hashid", f"{_shown(text)} stands for no UUID")
        uuid = _dashed(f"{numbers[0]:032x}")
        kind_of(uuid, "hashid")
        return uuid

    def shortened(self, kind: Kind, text: str) -> str:
        """Return the hash id of the typed UUID of a text: `hashid(uuid(kind, text))`, in a third of its time."""
        return shortener(self.hashids_salt).encode(int(PREFIXES[kind] + self._uuid5_hex(text)[3:], 16))

    def _uuid5_hex(self, text: str) -> str:
        # A third of what uuid.uuid5 takes, and indexing makes two per file.
        try:
            content = self._namespace_bytes + text.encode()
        except UnicodeEncodeError:
            raise InvalidField("text", f"{_shown(text)} is not Unicode text") from None
        digest = bytearray(hashlib.sha1(content, usedforsecurity=False).digest()[:16])
        digest[6] = digest[6] & 0x0F | 0x50
        digest[8] = digest[8] & 0x3F | 0x80
        return digest.hex()


IDENTITY = Identity()
"""The published way of naming."""

MOCK = Identity(domain=MOCK_DOMAIN)
"""The namespace of UUIDs for tests and examples, which no record has."""


def kind_of(uuid: str, field: str = "uuid") -> Kind:
    """Return the kind of a typed UUID in its one canonical form: lower case, with dashes.

    Args:
        field: what a complaint names.
    Raises:
        InvalidField: it is not in that form, or its prefix is of no kind.
    """
    kind = KIND_OF_PREFIX.get(uuid[:3]) if isinstance(uuid, str) and _CANONICAL.fullmatch(uuid) else None
    if kind is None:
        raise InvalidField(field, f"{_shown(uuid)} is not a typed UUID")
    return kind


def read_typed(text: str, *kinds: Kind, field: str = "uuid") -> TypedUuid:
    """Return a typed UUID that came from outside, in canonical form.

    Upper case, missing dashes and the prefix `uri:urn:` of the published schemas are understood.

    Args:
        kinds: the kinds it may be of; none given: any.
        field: what a complaint names.
    Raises:
        InvalidField: it is no typed UUID, or one of another kind.
    """
    kind = kind_of(uuid := canonical(text, field), field)
    if kinds and kind not in kinds:
        raise InvalidField(field, f"{uuid} is a {kind}, not a {' or '.join(kinds)}")
    return TypedUuid(uuid)


def canonical(text: str, field: str = "uuid") -> str:
    """Return any UUID, typed or not, in lower case and with dashes.  Raises InvalidField."""
    return _dashed(_hex_of(text, field))


def listify(value: str | Iterable[str] | None) -> list[TypedUuid]:
    """Return the typed UUIDs of a string or of several, sorted, each once; what is none is left out."""
    found = set()
    for text in [value] if isinstance(value, str) else value or ():
        try:
            found.add(read_typed(text))
        except InvalidField:
            continue
    return sorted(found)


def overlay(kind: Kind, uuid: str) -> TypedUuid:
    """Return the typed UUID of a kind that a UUID of the first catalogs became.  Raises InvalidField."""
    return _dashed(PREFIXES[kind] + _hex_of(uuid)[3:])


def _hex_of(uuid: str, field: str = "uuid") -> str:
    match = _LOOSE.fullmatch(uuid) if isinstance(uuid, str) else None
    if match is None:
        raise InvalidField(field, f"{_shown(uuid)} is not a UUID")
    return match[1].replace("-", "").lower()


def _dashed(digits: str) -> TypedUuid:
    return TypedUuid(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")


def _shown(value: object) -> str:
    return f"{value!a:.80}"


@lru_cache(maxsize=8)
def _hashids(salt: str) -> Any:
    return Hashids(salt=salt)


@lru_cache(maxsize=4096)
def _hashid(salt: str, uuid: str) -> str:
    return shortener(salt).encode(int(_hex_of(uuid), 16))
