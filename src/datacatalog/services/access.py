"""Who may do what: document tokens, administrative tokens, nonces and bearer tokens.

What each action takes is written in `domain.privileges`; this is where it is asked for. Secrets that are random are looked up
by their SHA-256, so that no comparison of theirs can be timed; those that are derived are compared in constant time.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from datetime import datetime

from datacatalog.domain.acts import act_of
from datacatalog.domain.errors import (
    BadCredentials,
    InsufficientCredentials,
    InvalidAdminToken,
    InvalidToken,
    MissingCredentials,
    MissingToken,
    ReservedEvent,
)
from datacatalog.domain.messages import Message
from datacatalog.domain.privileges import NEEDS, Shows, includes
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

_OF_MESSAGES = "EXECUTE"
NONCE_BYTES = 24

# ------------------------------------------------------------------------------------------ documents


def token_of(record: Record, env: Env) -> str:
    """Return the update token of a document."""
    return update_token(env.keys.token, record.uuid, record.salt)


def authorize(message: Message, record: Record, work: Work, env: Env, *, action: str | None = None) -> None:
    """Let a message do to `record` what it asks for, where it shows what the table of privileges wants shown.

    Args:
        action: of the table, where it is another than the message itself is.
    Raises:
        MissingToken, InvalidToken, InvalidAdminToken, ReservedEvent.
    """
    if message.trusted:
        return
    actor, asked = act_of(message)
    act = (actor, action or asked)
    match NEEDS[act].shows:
        case Shows.NOBODY:
            raise ReservedEvent(act[1])
        case Shows.ADMIN_TOKEN:
            check_admin_token(message.token, work, env)
        case Shows.UPDATE_TOKEN:
            check_token(message.token, record, work, env)


def check_token(token: str | None, record: Record, work: Work, env: Env) -> None:
    """Let `record` be changed with its update token, or with an administrative token.

    Raises:
        MissingToken, InvalidToken.
    """
    try:
        check_update_token(env.keys.token, record.uuid, record.salt, token)
    except InvalidToken:
        if not is_admin_token(token or "", work, env.clock.now()):
            raise


def check_admin_token(token: str | None, work: Work, env: Env) -> None:
    """Let something be done that only administrators do.

    Raises:
        MissingToken, InvalidAdminToken.
    """
    if not token:
        raise MissingToken
    if not is_admin_token(token, work, env.clock.now()):
        raise InvalidAdminToken


def check_level(message: Message, principal: Principal) -> None:
    """Let a message in that comes with a credential of the level that it takes.  Raises InsufficientCredentials."""
    wanted = NEEDS[act_of(message)].level
    if not includes(principal.level, wanted):
        raise InsufficientCredentials.level("the credential", principal.level, wanted)


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
        BadCredentials: they are unknown, expired or used up.
        InsufficientCredentials: they are for another actor, or of a lower level; or they are for callbacks, and it is none.
    """
    if bearer is not None:
        principal = env.bearer(bearer)
        if principal is None:
            raise BadCredentials("the bearer token")
        if not includes(principal.level, level):
            raise InsufficientCredentials.level("the bearer token", principal.level, level)
        return principal
    if nonce is None:
        raise MissingCredentials
    found = env.store.read(lambda work: work.credentials.find(digest_of(nonce)))
    if found is None or found.kind != "nonce":
        raise BadCredentials("the nonce")
    spent = found.uses_left is not None and found.uses_left < 1
    if (found.expires is not None and found.expires <= env.clock.now()) or (spent and not repeats):
        raise BadCredentials("the nonce")
    if found.actor not in ("*", actor):
        raise InsufficientCredentials.actor("the nonce", found.actor)
    if not includes(found.level, level):
        raise InsufficientCredentials.level("the nonce", found.level, level)
    calls_back = found.digest in map(digest_of, env.rules.callback_nonces.values())
    if calls_back and level != _OF_MESSAGES:
        raise InsufficientCredentials("the nonce is that of callbacks, and good for messages alone")
    limited = "limited-nonce" if found.uses_left is not None else "nonce"
    return Principal(
        name=found.owner,
        via=f"{limited}:{found.digest}",
        level=found.level,
        tenant=found.tenant,
        spent=spent,
        calls_back=calls_back,
        until=found.expires,
    )


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


def rotate_token(record: Record, salt: str) -> Record:
    """Return the record with a new salt, which revokes its update token."""
    return replace(record, salt=salt)
