"""Secrets that have to be read again, unlike tokens and nonces, of which a digest is enough: they are kept sealed."""

from __future__ import annotations

from typing import Protocol


class Sealer(Protocol):
    """Seals what is kept in the store, so that whoever reads the store alone learns nothing. See tests/contracts/test_sealing.py."""

    def seal(self, content: bytes, to: str) -> str:
        """Return the content, sealed; each time another text.

        Args:
            to: what it belongs to; it cannot be opened for anything else.
        """
        ...

    def open(self, sealed: str, to: str) -> bytes:
        """Return what was sealed.

        Raises:
            Misconfigured: it was sealed with another key, or for something else, or was changed.
        """
        ...
