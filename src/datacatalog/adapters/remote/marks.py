"""What a job of another site carries, so that it is found again: for which key it was submitted, and for which tenant."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,23}")


@dataclass(frozen=True, slots=True)
class Mark:
    """Keys and tenants may be any text, and names and tags may not.

    Attributes:
        tenant: as `tenant_label` gives it.
        key: a digest, 32 hex digits.
    """

    tenant: str
    key: str

    @classmethod
    def of(cls, key: str, tenant: str) -> Mark:
        return cls(tenant_label(tenant), _digest("key", key)[:32])


def tenant_label(tenant: str) -> str:
    """Return the tenant as it is, where it is made of up to 24 letters, digits, `_` and `.`; else `~` and a digest."""
    return tenant if not tenant or _LABEL.fullmatch(tenant) else f"~{_digest('tenant', tenant)[:16]}"


def _digest(kind: str, value: str) -> str:
    return hashlib.sha256(f"platform-{kind}\0{value}".encode()).hexdigest()
