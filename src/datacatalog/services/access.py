"""Who may do what: document tokens, administrative tokens, nonces and bearer tokens."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from datacatalog.domain.errors import (
    BadCredentials,
    InvalidAdminToken,
    InvalidField,
    InvalidToken,
    MissingCredentials,
    MissingToken,
)
from datacatalog.domain.messages import Message
from datacatalog.domain.records import Record
from datacatalog.domain.tokens import (
    TOKEN_LENGTH,
    check_update_token,
    digest_of,
    expires_at,
    update_token,
)
from datacatalog.ports.stores import Credential, Work
from datacatalog.services.env import Env, Principal

LEVELS = ("READ", "EXECUTE", "UPDATE")
NONCE_BYTES = 24


# ------------------------------------------------------------------------------------------ documents


def token_of(record: Record, env: Env) -> str:
    """Return the update token of a document."""
    return update_token(env.keys.token, record.uuid, record.salt)


def authorize(message: Message, record: Record, work: Work, env: Env) -> None:
    """Let a message change `record`: with its update token, or with an administrative token.

    Raises:
        MissingToken, InvalidToken.
    """
    if message.trusted:
        return
    try:
        check_update_token(env.keys.token, record.uuid, record.salt, message.token)
    except InvalidToken:
        if not is_admin_token(message.token or "", work, env.clock.now()):
            raise


def authorize_admin(message: Message, work: Work, env: Env) -> None:
    """Let a message do what only administrators do.

    Raises:
        MissingToken, InvalidAdminToken.
    """
    if message.trusted:
        return
    if not message.token:
        raise MissingToken
    if not is_admin_token(message.token, work, env.clock.now()):
        raise InvalidAdminToken


# ----------------------------------------------------------------------------- administrative tokens


def make_admin_token(key: str, env: Env) -> str:
    """Make a token that may do everything for 30 seconds.

    Args:
        key: the administrator key.
    Raises:
        BadCredentials: it is another key.
    """
    if not hmac.compare_digest(key.encode(), env.keys.administrator.encode()):
        raise BadCredentials("the administrator key")
    token = secrets.token_urlsafe(TOKEN_LENGTH)[:TOKEN_LENGTH]
    made = env.clock.now()
    credential = Credential(
        digest=digest_of(token),
        kind="admin",
        created=made,
        expires=expires_at(made),
        level="UPDATE",
        owner="administrator",
    )
    env.store.transact(lambda work: work.credentials.put(credential))
    return token


def is_admin_token(token: str, work: Work, at: datetime) -> bool:
    """Tell whether `token` is an administrative token that has not expired at `at`.

    A clock that was turned back does not bring a token back to life: it counts from when it was made, too.
    """
    found = work.credentials.find(digest_of(token))
    if found is None or found.kind != "admin" or found.expires is None:
        return False
    return found.created <= at < found.expires


# --------------------------------------------------------------------------------------------- nonces


def create_nonce(
    env: Env,
    *,
    actor: str,
    owner: str,
    level: str = "EXECUTE",
    max_uses: int | None = None,
    lifetime: timedelta | None = None,
    tenant: str = "TACC",
) -> str:
    """Make a nonce, of which only the digest is kept.

    Args:
        actor: the only actor it opens; "*" for all.
        max_uses: None: unlimited.
        lifetime: None: until it is revoked.
    Returns:
        `<TENANT>_<32 characters>`, 192 random bits; shown this once.
    Raises:
        InvalidField: the level is none of READ, EXECUTE, UPDATE; or max_uses, lifetime are not positive.
    """
    if level not in LEVELS:
        raise InvalidField("level", f"'{level}' is none of {', '.join(LEVELS)}")
    if max_uses is not None and max_uses < 1:
        raise InvalidField("max_uses", "must be 1 or more")
    if lifetime is not None and lifetime <= timedelta(0):
        raise InvalidField("lifetime", "must be longer than nothing")
    nonce = f"{tenant}_{secrets.token_urlsafe(NONCE_BYTES)}"
    made = env.clock.now()
    credential = Credential(
        digest=digest_of(nonce),
        kind="nonce",
        created=made,
        expires=None if lifetime is None else made + lifetime,
        actor=actor,
        level=level,
        uses_left=max_uses,
        label=nonce[: len(tenant) + 5] + "…",
        owner=owner,
    )
    env.store.transact(lambda work: work.credentials.put(credential))
    return nonce


def list_nonces(env: Env) -> list[Credential]:
    return list(env.store.read(lambda work: work.credentials.page("nonce")))


def revoke_nonce(reference: str, env: Env, *, actor: str | None = None) -> bool:
    """Revoke a nonce, named by itself, its digest, or a digest's first 8 or more characters.

    Args:
        actor: only one that opens this actor and no other; None: any.
    """

    def body(work: Work) -> bool:
        digests = [c.digest for c in work.credentials.page("nonce") if actor in (None, c.actor)]
        wanted = digest_of(reference)
        found = [d for d in digests if d == wanted or (len(reference) >= 8 and d.startswith(reference))]
        return len(found) == 1 and work.credentials.remove(found[0])

    return env.store.transact(body)


# ---------------------------------------------------------------------------------------- who is there


def authenticate(
    env: Env,
    *,
    actor: str,
    level: str,
    nonce: str | None,
    bearer: str | None,
    repeats: bool = False,
) -> Principal:
    """Tell whom a request runs as.

    Args:
        repeats: the request may be one that was answered before, with the last use of its nonce.
    Raises:
        MissingCredentials: it shows none.
        BadCredentials: they are unknown, expired, used up, for another actor, or of a lower level.
    """
    if bearer is not None:
        principal = env.bearer(bearer)
        if principal is None or LEVELS.index(principal.level) < LEVELS.index(level):
            raise BadCredentials("the bearer token")
        return principal
    if nonce is None:
        raise MissingCredentials
    found = env.store.read(lambda work: work.credentials.find(digest_of(nonce)))
    _check_nonce(found, actor, level, env.clock.now())
    assert found is not None  # noqa: S101  _check_nonce refuses None
    spent = found.uses_left is not None and found.uses_left < 1
    if spent and not repeats:
        raise BadCredentials("the nonce")
    limited = "limited-nonce" if found.uses_left is not None else "nonce"
    return Principal(name=found.owner, via=f"{limited}:{found.digest}", level=found.level, spent=spent)


def count_use(principal: Principal, work: Work, env: Env) -> None:
    """Count one use of the nonce a request came with, in the commit of what it asks for.

    Raises:
        BadCredentials: it was used up or revoked meanwhile.
    """
    digest = principal.via.partition(":")[2]
    if is_limited(principal) and work.credentials.use(digest, at=env.clock.now()) is None:
        raise BadCredentials("the nonce")


def is_limited(principal: Principal) -> bool:
    """Tell whether a request came with a nonce whose uses are counted."""
    return principal.via.startswith("limited-nonce:")


def _check_nonce(found: Credential | None, actor: str, level: str, at: datetime) -> None:
    good = (
        found is not None
        and found.kind == "nonce"
        and found.actor in ("*", actor)
        and LEVELS.index(found.level) >= LEVELS.index(level)
        and (found.expires is None or at < found.expires)
    )
    if not good:
        raise BadCredentials("the nonce")


def rotate_token(record: Record, salt: str) -> Record:
    """Return the record with a new salt, which revokes its update token."""
    return replace(record, salt=salt)
