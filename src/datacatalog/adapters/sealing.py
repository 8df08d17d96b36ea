"""Sealing with AES-256-GCM, under a key that is derived from the installation's own."""

from __future__ import annotations

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from datacatalog.domain.errors import Misconfigured

_NONCE_BYTES = 12
_VERSION = "v1."


class AesSealer:
    """Implements ports.sealing.Sealer."""

    def __init__(self, key: bytes) -> None:
        """Args: key: the installation's token key, at least 32 bytes."""
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"datacatalog sealing v1").derive(key)
        self._cipher = AESGCM(derived)

    def seal(self, content: bytes, to: str) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + base64.b64encode(nonce + self._cipher.encrypt(nonce, content, to.encode())).decode()

    def open(self, sealed: str, to: str) -> bytes:
        try:
            kept = base64.b64decode(sealed.removeprefix(_VERSION), validate=True)
            return self._cipher.decrypt(kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], to.encode())
        except (InvalidTag, ValueError):
            raise Misconfigured(
                f"the secret of {to} cannot be opened: token_key of secrets.json is not the one that sealed it"
            ) from None
