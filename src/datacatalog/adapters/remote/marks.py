"""What a job of another site carries, so that it is found again: whose it is, and for which key it was submitted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """Two digests, since keys and tenants may be any text, and names and tags may not.

    Attributes:
        tenant: 8 hex digits.
        key: 32 hex digits.
    """

    tenant: str
    key: str

    @classmethod
    def of(cls, key: str, tenant: str) -> Mark:
        return cls(tenant_mark(tenant), _digest("key", key)[:32])


def tenant_mark(tenant: str) -> str:
    return _digest("tenant", tenant)[:8]


def _digest(kind: str, value: str) -> str:
    return hashlib.sha256(f"platform-{kind}\0{value}".encode()).hexdigest()
