"""UUIDs and relations as the ledger file keeps them: 16 bytes and a small number, in the order of their texts.

Most of what a large ledger holds is keys, in tables and again in every index: the shorter they are, the fewer pages a
commit touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from datacatalog.adapters.stores.rules import check_cursor, check_uuid, is_uuid
from datacatalog.domain.kinds import Relation, TypedUuid

FIRST = b""
"""Comes before every UUID."""

# With room between them, so that a relation that is added later finds its place in the order of names.
NUMBERS: Mapping[Relation, int] = {
    Relation.ACTED_ON: 10,
    Relation.ACTED_USING: 20,
    Relation.CHILD_OF: 30,
    Relation.CONNECTS_FROM: 40,
    Relation.CONNECTS_TO: 50,
    Relation.DERIVED_FROM: 60,
    Relation.DERIVED_USING: 70,
    Relation.GENERATED_BY: 80,
}
"""What a relation is in the file; never changed, only added to."""

RELATIONS: Mapping[int, Relation] = {number: relation for relation, number in NUMBERS.items()}


@lru_cache(maxsize=4096)
def packed(uuid: str) -> bytes:
    """Return a UUID as 16 bytes.  Raises InvalidField: it is none, or not written as this catalog writes them."""
    check_uuid(uuid)
    return bytes.fromhex(uuid.replace("-", ""))


def packed_checked(uuid: str) -> bytes:
    """Do as `packed` for what is known to be a UUID."""
    return bytes.fromhex(uuid.replace("-", ""))


def packed_after(uuid: str | None) -> bytes:
    """Return the key after which a page begins.  Raises InvalidField: the cursor is no UUID."""
    check_cursor(uuid)
    return FIRST if uuid is None else bytes.fromhex(uuid.replace("-", ""))


def packed_all(uuids: Iterable[str]) -> dict[bytes, str]:
    """Return {key: UUID} in the order of keys; what is no UUID is left out."""
    found = {bytes.fromhex(uuid.replace("-", "")): uuid for uuid in uuids if is_uuid(uuid)}
    return {key: found[key] for key in sorted(found)}


def text(key: bytes) -> TypedUuid:
    """Return the UUID that `packed` wrote."""
    pairs = key.hex("-", 2)  # eight groups of four; a UUID joins the first two and the last three
    return TypedUuid(pairs[:4] + pairs[5:29] + pairs[30:34] + pairs[35:])


def bounds(prefix: str) -> tuple[bytes, bytes]:
    """Return the first and the last key that begin with some hex digits."""
    return bytes.fromhex(prefix.ljust(32, "0")), bytes.fromhex(prefix.ljust(32, "f"))
