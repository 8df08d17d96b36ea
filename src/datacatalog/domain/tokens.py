"""Secrets that open one document, or everything for 30 seconds.

Update token: keyed HMAC-SHA256 over the document's UUID and salt, cut to 17 characters of base64url (102 bits, the
longest that published messages allow). It can be made again, not guessed, and lives until the salt is changed.
Administrative token: 17 random characters; only its digest is kept, and it is refused 30 s after it was made.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from functools import lru_cache

from datacatalog.domain.errors import InvalidToken, MissingToken

TOKEN_LENGTH = 17
ADMIN_LIFETIME = timedelta(seconds=30)
SECRET_BYTES_MIN = 32


@lru_cache(maxsize=4096)
def update_token(key: bytes, uuid: str, salt: str) -> str:
    """Return the update token of a document.

    Args:
        key: the installation's token key, at least 32 bytes.
        salt: the document's own salt.
    """
    digest = hmac.digest(key, f"update\0{uuid}\0{salt}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest)[:TOKEN_LENGTH].decode()


def check_update_token(key: bytes, uuid: str, salt: str, token: str | None) -> None:
    """Let the right token pass.

    Raises:
        MissingToken: there is none.
        InvalidToken: it is another document's, was rotated away, or is made up.
    """
    if not token:
        raise MissingToken
    # Bytes, since compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(update_token(key, uuid, salt).encode(), token.encode()):
        raise InvalidToken(uuid)


def digest_of(secret: str) -> str:
    """Return what is kept of a random secret: its SHA-256, hex. (Random secrets need no slow hash.)"""
    return hashlib.sha256(secret.encode()).hexdigest()


def expires_at(made: datetime) -> datetime:
    """Return when an administrative token made at `made` is refused."""
    return made + ADMIN_LIFETIME
