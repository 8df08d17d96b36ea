"""Whether a file is still what the catalog says: the verdict on one file, and which files a sample takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import TypedUuid

_DRAWN_BYTES = 8


class What(StrEnum):
    """What became of a file."""

    OK = "ok"
    MISSING = "missing"
    CHANGED = "changed"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"
    UNCHECKED = "unchecked"
    SKIPPED = "skipped"


FAULTS = frozenset({What.MISSING, What.CHANGED, What.UNKNOWN, What.UNREADABLE})
"""What somebody has to look into. Nothing is wrong with a file that has no checksum, or is in no sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is known of a file's bytes.

    Attributes:
        size: in bytes; None: not known.
        checksum: `sha256:<hex>`; None: not known.
    """

    size: int | None = None
    checksum: str | None = None

    def document(self) -> dict[str, Any]:
        return {"size": self.size, "checksum": self.checksum}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one file, or of a directory that cannot be looked into.

    Attributes:
        uuid: of the file's record; None where the catalog has none.
        recorded, found: what the catalog says, and what is on storage, as far as either is known.
        reason: in words, where `what` does not say it all.
    """

    what: What
    system: str
    path: str
    uuid: TypedUuid | None = None
    recorded: Content | None = None
    found: Content | None = None
    reason: str = ""

    @property
    def fault(self) -> bool:
        return self.what in FAULTS

    def document(self) -> dict[str, Any]:
        return {
            "what": self.what.value,
            "storage_system": self.system,
            "name": self.path,
            "uuid": self.uuid,
            "recorded": None if self.recorded is None else self.recorded.document(),
            "found": None if self.found is None else self.found.document(),
            "reason": self.reason,
        }


def content_of(fixity: JsonObject | None) -> Content:
    """Return what a fixity record says. A checksum without the name of its algorithm is a SHA-256, as older ones are."""
    if fixity is None:
        return Content()
    checksum = fixity.get("checksum")
    named = f"sha256:{checksum}" if checksum and ":" not in checksum else checksum
    return Content(size=fixity.get("size"), checksum=named or None)


def comparable(recorded: Content) -> bool:
    """Tell whether the recorded checksum is one that is computed here."""
    return recorded.checksum is not None and recorded.checksum.startswith("sha256:")


def differs(recorded: Content, found: Content) -> bool:
    """Tell whether anything that is known of both is not the same."""
    pairs = ((recorded.size, found.size), (recorded.checksum, found.checksum))
    return any(a is not None and b is not None and a != b for a, b in pairs)


def check_share(share: float) -> float:
    """Return a share of files, 0 < share <= 1.  Raises InvalidField."""
    if not 0 < share <= 1:
        raise InvalidField("sample", f"{share} is no share of files; 0 < share <= 1, or 1% to 100%, is")
    return share


def in_sample(system: str, path: str, share: float, seed: str) -> bool:
    """Tell whether a file belongs to a random sample.

    It depends on the seed and on this file alone: the same seed takes the same files again, whichever files came or
    went since.
    """
    if share >= 1:
        return True
    text = f"{seed}\0{system}\0{path}".encode(errors="surrogatepass")
    drawn = hashlib.blake2b(text, digest_size=_DRAWN_BYTES).digest()
    return int.from_bytes(drawn) / 256.0**_DRAWN_BYTES < share
