"""Tokens under their published import path: those that open one document, and those that open everything for 30 seconds.

`mongodb` says which catalog: None is the configured installation, see managers.opening.
"""

from __future__ import annotations

from datacatalog.domain.errors import (
    BadCredentials,
    InvalidAdminToken,
    InvalidField,
    InvalidToken,
    MissingToken,
    UnknownRecord,
)
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.records import Record
from datacatalog.managers.common import Manager
from datacatalog.managers.opening import Opens
from datacatalog.services import access
from datacatalog.services.env import Env

__all__ = [
    "InvalidAdminToken",
    "InvalidToken",
    "get_admin_token",
    "get_token",
    "validate_admin_token",
    "validate_token",
]


def get_token(uuid: str, mongodb: Opens = None) -> str:
    """Return the update token of a document; it stays the same until it is rotated.

    Raises:
        ValueError: there is no such document.
    """
    with Manager(mongodb) as manager:
        return access.token_of(_record(uuid, manager.env), manager.env)


def validate_token(token: str | None, uuid: str, mongodb: Opens = None, *, permissive: bool = False) -> bool:
    """Tell whether a token opens a document: its own update token, or an administrative one.

    Raises:
        InvalidToken: it does not, and `permissive` is False.
        ValueError: there is no such document.
    """
    with Manager(mongodb) as manager:
        env = manager.env
        record = _record(uuid, env)
        try:
            env.store.read(lambda work: access.check_token(token, record, work, env))
        except (InvalidToken, MissingToken) as e:
            if permissive:
                return False
            raise InvalidToken(uuid) from e
        return True


def get_admin_token(key: str | None, mongodb: Opens = None) -> str:
    """Return a new administrative token, which opens everything for 30 seconds.

    Args:
        key: the administrator key of the installation.
    Raises:
        ValueError: the key is missing or another.
    """
    if not key:
        raise ValueError("the administrator key is required")
    with Manager(mongodb) as manager:
        try:
            return access.make_admin_token(key, manager.env)
        except BadCredentials as e:
            raise ValueError(str(e)) from e


def validate_admin_token(token: str | None, mongodb: Opens = None, *, permissive: bool = False) -> bool:
    """Tell whether a token is an administrative one and not older than 30 seconds.

    Raises:
        InvalidAdminToken (a ValueError): it is not, and `permissive` is False.
    """
    with Manager(mongodb) as manager:
        env = manager.env
        good = env.store.read(lambda work: access.is_admin_token(token or "", work, env.clock.now()))
    if not good and not permissive:
        raise InvalidAdminToken
    return good


def _record(uuid: str, env: Env) -> Record:
    try:
        return env.store.read(lambda work: work.records.get(read_typed(uuid)))
    except (UnknownRecord, InvalidField) as e:
        raise ValueError(str(e)) from e
