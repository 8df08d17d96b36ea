"""Nonces: they are made, listed, found and revoked; what they open is told by services.access."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from typing import Required, TypedDict, Unpack

from datacatalog.domain.errors import InsufficientCredentials, InvalidField
from datacatalog.domain.privileges import LEVELS, includes
from datacatalog.domain.tokens import digest_of
from datacatalog.ports.stores import Credential, Work
from datacatalog.services.env import Env

NONCE_BYTES = 24
NONCE_PREFIX = "TACC"


class Conditions(TypedDict, total=False):
    """What `add_nonce` takes."""

    actor: Required[str]
    owner: Required[str]
    level: str
    max_uses: int | None
    lifetime: timedelta | None
    tenant: str
    within: str
    until: datetime | None


def create_nonce(env: Env, **conditions: Unpack[Conditions]) -> str:
    """Make a nonce as `add_nonce` does; return it alone."""
    return add_nonce(env, **conditions)[1]


def add_nonce(
    env: Env,
    *,
    actor: str,
    owner: str,
    level: str = "EXECUTE",
    max_uses: int | None = None,
    lifetime: timedelta | None = None,
    tenant: str = "",
    within: str = "UPDATE",
    until: datetime | None = None,
) -> tuple[Credential, str]:
    """Make a nonce, of which only the digest is kept.

    Args:
        actor: the only actor it opens; "*" for all.
        max_uses: None: unlimited.
        lifetime: None: until it is revoked.
        tenant: whose people it is for; "": the installation's own.
        within, until: level and end of the nonce that makes it, beyond which it does not go; None: it has no end.
    Returns:
        What is kept of it, and itself: `<TENANT>_<32 characters>`, 192 random bits; shown this once.
    Raises:
        InvalidField: the level is none of READ, EXECUTE, UPDATE; or max_uses, lifetime are not positive.
        InsufficientCredentials: it would open more than its maker's own credential.
    """
    if level not in LEVELS:
        raise InvalidField("level", f"'{level}' is none of {', '.join(LEVELS)}")
    if max_uses is not None and max_uses < 1:
        raise InvalidField("max_uses", "must be 1 or more")
    if lifetime is not None and lifetime <= timedelta(0):
        raise InvalidField("lifetime", "must be longer than nothing")
    if not includes(within, level):
        raise InsufficientCredentials.level("the credential", within, f"{level} to make such a nonce")
    prefix = re.sub("[^A-Za-z0-9.-]", "-", tenant) or NONCE_PREFIX
    nonce = f"{prefix}_{secrets.token_urlsafe(NONCE_BYTES)}"
    made = env.clock.now()
    asked = None if lifetime is None else made + lifetime
    ends = [end for end in (asked, until) if end is not None]
    credential = Credential(
        digest=digest_of(nonce),
        kind="nonce",
        created=made,
        expires=min(ends, default=None),
        actor=actor,
        level=level,
        uses_left=max_uses,
        max_uses=max_uses,
        label=nonce[: len(prefix) + 5] + "…",
        owner=owner,
        tenant=tenant,
    )
    env.store.transact(lambda work: work.credentials.put(credential))
    return credential, nonce


def list_nonces(env: Env) -> list[Credential]:
    return list(env.store.read(lambda work: work.credentials.page("nonce")))


def nonces_of(actor: str, env: Env) -> list[Credential]:
    """Return the nonces that open an actor, those that open all among them."""
    return [each for each in list_nonces(env) if each.actor in (actor, "*")]


def find_nonce(reference: str, actor: str, env: Env) -> Credential | None:
    """Return the nonce that opens an actor and is named as `revoke_nonce` has it; None where there is not just one."""
    found = [each for each in nonces_of(actor, env) if _is_named(each, reference)]
    return found[0] if len(found) == 1 else None


def _is_named(credential: Credential, reference: str) -> bool:
    digest = credential.digest
    return digest == digest_of(reference) or (len(reference) >= 8 and digest.startswith(reference))


def revoke_nonce(reference: str, env: Env, *, actor: str | None = None) -> bool:
    """Revoke a nonce, named by itself, its digest, or a digest's first 8 or more characters.

    Args:
        actor: only one that opens this actor and no other; None: any.
    """

    def body(work: Work) -> bool:
        mine = [each for each in work.credentials.page("nonce") if actor in (None, each.actor)]
        found = [each.digest for each in mine if _is_named(each, reference)]
        return len(found) == 1 and work.credentials.remove(found[0])

    return env.store.transact(body)
