"""Signatures by which whoever gets a webhook knows that it is ours, and that nobody changed it.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, symmetric signatures.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from datacatalog.domain.errors import InvalidField

PREFIX = "whsec_"
KEY_BYTES_MIN, KEY_BYTES_MAX = 24, 64
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def read_secret(text: str) -> bytes:
    """Return the key that a secret stands for: base64, with or without `whsec_` before it.

    Raises:
        InvalidField: it is no base64, or not 24 to 64 bytes long. The error does not quote it.
    """
    coded = text.strip().removeprefix(PREFIX)
    try:
        key = base64.b64decode(coded, validate=True) if _BASE64.fullmatch(coded) else b""
    except binascii.Error:
        key = b""
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise InvalidField(
            "secret", f"must be {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes in base64, as {PREFIX}<base64>"
        )
    return key


def written_secret(key: bytes) -> str:
    """Return a key as its holders keep it."""
    return PREFIX + base64.b64encode(key).decode()


def signature(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """Return one signature, `v1,<base64>`.

    Args:
        timestamp: of this try [s since 1970].
    """
    digest = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """What deliveries to one subscriber are signed with.

    Attributes:
        key: the present one.
        previous: the one before, which also signs until `until`, so that the subscriber can change over meanwhile.
    """

    key: bytes = field(repr=False)
    previous: bytes | None = field(default=None, repr=False)
    until: datetime | None = None

    def rotated(self, key: bytes, *, at: datetime, overlap: timedelta) -> SigningKeys:
        """Return them with a new key; without overlap, the present one is worth nothing any more."""
        if overlap <= timedelta(0):
            return SigningKeys(key=key)
        return replace(self, key=key, previous=self.key, until=at + overlap)

    def headers(self, id: str, body: bytes, at: datetime) -> dict[str, str]:
        """Return the headers of one try to deliver a body, as Standard Webhooks has them.

        Args:
            id: the same for all tries.
            at: when this try is made.
        """
        timestamp = int(at.timestamp())
        keys = [self.key]
        if self.previous is not None and self.until is not None and at < self.until:
            keys.append(self.previous)
        return {
            "webhook-id": id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signature(key, id, timestamp, body) for key in keys),
        }

    def to_bytes(self) -> bytes:
        """Return them as they are kept, once sealed."""
        until = self.until.isoformat() if self.until else None
        previous = written_secret(self.previous) if self.previous else None
        return json.dumps({"key": written_secret(self.key), "previous": previous, "until": until}).encode()

    @classmethod
    def from_bytes(cls, kept: bytes) -> SigningKeys:
        """Read what `to_bytes` wrote."""
        read = json.loads(kept)
        return cls(
            key=read_secret(read["key"]),
            previous=read_secret(read["previous"]) if read["previous"] else None,
            until=datetime.fromisoformat(read["until"]) if read["until"] else None,
        )
