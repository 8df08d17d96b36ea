"""Grants: leave that one tenant's people have to see, or to change, another tenant's records."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.ports.sharing import Grant
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env

LEVELS = ("READ", "UPDATE")
EVERYBODY = "*"


def give_grant(
    tenant: str, to: str, env: Env, *, level: str = "READ", lifetime: timedelta | None = None, by: str = ""
) -> Grant:
    """Let people of one tenant see, or change, another's records; from the next request on.

    Args:
        tenant: whose records.
        to: `TENANT`, for all its people, or `TENANT/NAME`, for one of them.
        level: READ, or UPDATE, which includes READ.
        lifetime: None: until it is revoked.
        by: who gives it.
    Raises:
        InvalidField: a tenant or the name is empty, both tenants are the same, or the level or the lifetime cannot be.
    """
    to_tenant, named, name = to.partition("/")
    if not tenant or not to_tenant or (named and not name):
        raise InvalidField("to" if tenant else "tenant", "names no tenant, or nobody of it")
    if tenant == to_tenant:
        raise InvalidField("to", f"people of '{tenant}' have what is theirs")
    if level not in LEVELS:
        raise InvalidField("level", f"'{level}' is none of {', '.join(LEVELS)}")
    if lifetime is not None and lifetime <= timedelta(0):
        raise InvalidField("lifetime", "must be longer than nothing")
    now = env.clock.now()
    grant = Grant(
        id=f"grant-{secrets.token_hex(6)}",
        tenant=tenant,
        to_tenant=to_tenant,
        to_name=name or EVERYBODY,
        level=level,
        created=now,
        expires=None if lifetime is None else now + lifetime,
        by=by,
    )
    env.store.transact(lambda work: work.grants.put(grant))
    return grant


def list_grants(env: Env) -> Sequence[Grant]:
    """Return all grants, oldest first; expired ones too."""
    return env.store.read(lambda work: work.grants.page())


def revoke_grant(id: str, env: Env) -> None:
    """Revoke a grant; from the next request on.  Raises UnknownRecord."""

    def body(work: Work) -> None:
        if not work.grants.remove(id):
            raise UnknownRecord(id, "grant")

    env.store.transact(body)
