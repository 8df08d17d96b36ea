"""Nonces and administrative tokens, as they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A nonce or an administrative token, kept only as a digest.

    Attributes:
        digest: SHA-256 of the secret, hex.
        kind: "nonce" or "admin".
        actor: the only actor a nonce opens; "*" for all.
        level: READ, EXECUTE or UPDATE (each includes those before it).
        uses_left: None: unlimited.
        max_uses: how often it could be used when it was made; None: unlimited, or not known any more.
        last_use: when a use of it was counted last; uses of what is unlimited are not.
        label: what a list shows in place of the secret (its first characters, or a name).
        owner: whom a request with it runs as.
        tenant: whose people it belongs to; "": the installation's own tenant.
    """

    digest: str
    kind: str
    created: datetime
    expires: datetime | None
    actor: str = "*"
    level: str = "EXECUTE"
    uses_left: int | None = None
    max_uses: int | None = None
    last_use: datetime | None = None
    label: str = ""
    owner: str = ""
    tenant: str = ""


class Credentials(Protocol):
    def put(self, credential: Credential) -> None:
        """Insert or replace by digest."""
        ...

    def find(self, digest: str) -> Credential | None: ...

    def use(self, digest: str, *, at: datetime) -> Credential | None:
        """Count one use; None where it is unknown, expired at `at`, or used up."""
        ...

    def remove(self, digest: str) -> bool: ...

    def page(self, kind: str) -> Sequence[Credential]:
        """Return all credentials of a kind, oldest first."""
        ...
