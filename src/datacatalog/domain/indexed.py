"""What the records of an indexed file say, and when a file counts as it was."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.filetypes import UNKNOWN
from datacatalog.domain.indexing import ArchiveIndexRequest, IndexRequest
from datacatalog.domain.kinds import Relation, TypedUuid

UNSETTLED_NS = 2_000_000_000
"""A file that changed so short a time ago may change again within the same tick of its file system's clock."""

SEEN_MAX = 8
"""So many different requests for one file are remembered."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_S = -30_610_224_000  # the year 1000
_LAST_S = 253_402_214_400  # the last day of the year 9999


# ------------------------------------------------------------------------------------------- the file


def file_body(
    old: JsonObject | None,
    *,
    name: str,
    storage_system: str,
    type: str,
    request: IndexRequest,
) -> dict[str, Any]:
    """Return the body of a file record once `request` picked the file; equal to `old` where nothing is new.

    A product request says nothing of the level. A known type is not overwritten by UNKNOWN; a note is added to those
    that are there.
    """
    body = dict(old or {}) | {"name": name, "storage_system": storage_system}
    if type != UNKNOWN or "type" not in body:
        body["type"] = type
    if isinstance(request, ArchiveIndexRequest):
        body["level"] = request.level
    if request.note is not None and request.note not in body.get("notes", ()):
        body["notes"] = [*body.get("notes", ()), request.note]
    return body


# ----------------------------------------------------------------------------------------- its fixity


def file_facts(size_bytes: int, changed_ns: int, modified_ns: int, checksum: str) -> dict[str, Any]:
    """Return what a look at a file tells, as its fixity says it.

    Args:
        changed_ns, modified_ns: nanoseconds since 1970 (UTC).
    """
    return {
        "created": told(changed_ns),
        "modified": told(modified_ns),
        "size": size_bytes,
        "checksum": checksum,
    }


def next_fixity(
    old: JsonObject | None,
    *,
    name: str,
    storage_system: str,
    created: str,
    modified: str,
    size: int,
    checksum: str,
    type: str | None = None,
) -> dict[str, Any]:
    """Return the body of a fixity record after a look at the file; equal to `old` where the file is as it was.

    `version` counts the contents that were seen, from 1. A file that was only touched gets its new `modified`.

    Args:
        created, modified: as published.
        checksum: "sha256:<hex>"; older records have the hex digits alone, which compares as equal.
    """
    kept = dict(old or {})
    told = {"type": type} if type is not None else {}
    if old and old.get("size") == size and _digits(old.get("checksum")) == _digits(checksum):
        return kept | told | {"modified": modified}
    kept.pop("fingerprint", None)  # of the content before
    return (
        kept
        | told
        | {
            "name": name,
            "storage_system": storage_system,
            "created": created,
            "modified": modified,
            "size": size,
            "checksum": checksum,
            "version": kept.get("version", 0) + 1,
        }
    )


def _digits(checksum: object) -> str:
    return str(checksum).removeprefix("sha256:")


def told(nanoseconds: int) -> str:
    """Return an instant of a file [nanoseconds since 1970, UTC] as it is published."""
    return _published(nanoseconds // 1_000_000_000)


@lru_cache(maxsize=4096)
def _published(seconds: int) -> str:
    """Return an instant as `domain.documents.published` does, moved into the years 1000 to 9999; files of one archive share theirs."""
    within = min(max(seconds, _FIRST_S), _LAST_S)
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(within))


# ----------------------------------------------------------------------------------- being as it was


def digest_of(
    storage_system: str,
    fixity: bool,
    said: JsonObject,
    targets: Sequence[tuple[Relation, TypedUuid]],
) -> str:
    """Return what stands for all that an indexing says of a file, whatever the file is: 16 characters."""
    text = minified([storage_system, fixity, said, [[relation.value, uuid] for relation, uuid in targets]])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def states_in(memory: str, revision: int) -> list[str]:
    """Return what a record remembers, `<version of the file> <digest>` each; nothing where it was changed since.

    Args:
        memory: `<version of the file> <digest> ... <revision of the record>`.
    """
    told, _, at = memory.rpartition(" ")
    if at != str(revision):
        return []
    if told.count(" ") == 1:
        return [told]  # as most are
    version, *digests = told.split(" ")
    return [f"{version} {digest}" for digest in digests]


def remembered(memory: str, seen: str, revision: int, *, kept: bool) -> str:
    """Return what a record remembers once `seen` was seen as well.

    Requests that say different things of a file, and nothing that another has not said, are thus all passed over from then on.

    Args:
        revision: of the record before it is written.
        kept: the record says what it said before.
    """
    version, _, digest = seen.partition(" ")
    before = [state.split(" ") for state in states_in(memory, revision)] if kept else []
    digests = [known for of, known in before if of == version and known != digest]
    return " ".join((version, *digests[-SEEN_MAX + 1 :], digest, str(revision + 1)))


def is_settled(changed_ns: int, modified_ns: int, now_ns: int) -> bool:
    """Tell whether a file that looks the same later is the same, as of a look at `now_ns`.

    Times of files have coarse ticks: one that was just written may be written again without a sign of it.
    """
    before = now_ns - UNSETTLED_NS
    return changed_ns < before and modified_ns < before


def nanoseconds(at: datetime) -> int:
    """Return an instant in nanoseconds since 1970 (UTC)."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
