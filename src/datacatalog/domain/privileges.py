"""Who may do what: one table, which every way in asks, and which the reference and the tests are made from.

Whoever asks shows a credential (bearer token or nonce) of at least the action's level. What changes one document takes a
document token besides: that document's update token, or an administrative token, which is good for every document.
Some things only administrators may do, and some nobody who comes from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from datacatalog.domain.actors import AGAVE_PROXY, JOBS_INDEXER, JOBS_MANAGER, PIPELINES_MANAGER

LEVELS = ("READ", "EXECUTE", "UPDATE")
"""Of credentials; each includes those before it."""


class Shows(StrEnum):
    """What a request has to show besides its credential."""

    NOTHING = "nothing"
    UPDATE_TOKEN = "update-token"  # noqa: S105  the name of a sort of token
    ADMIN_TOKEN = "admin-token"  # noqa: S105
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Need:
    """What an action takes."""

    level: str
    shows: Shows = Shows.NOTHING


_READ = Need("READ")
_EXECUTE = Need("EXECUTE")
_UPDATE = Need("UPDATE")
_TOKEN = Need("EXECUTE", Shows.UPDATE_TOKEN)
_ADMIN = Need("EXECUTE", Shows.ADMIN_TOKEN)
_NOBODY = Need("EXECUTE", Shows.NOBODY)

NEEDS: Mapping[tuple[str, str], Need] = {
    # Messages to actors.
    (PIPELINES_MANAGER, "create"): _EXECUTE,
    (PIPELINES_MANAGER, "update"): _TOKEN,
    (PIPELINES_MANAGER, "delete"): _TOKEN,
    (PIPELINES_MANAGER, "undelete"): _TOKEN,
    (PIPELINES_MANAGER, "retire"): _TOKEN,
    (PIPELINES_MANAGER, "purge"): _ADMIN,
    (JOBS_MANAGER, "create"): _NOBODY,
    (JOBS_MANAGER, "run"): _TOKEN,
    (JOBS_MANAGER, "update"): _TOKEN,
    (JOBS_MANAGER, "resource"): _TOKEN,
    (JOBS_MANAGER, "finish"): _TOKEN,
    (JOBS_MANAGER, "fail"): _TOKEN,
    (JOBS_MANAGER, "index"): _TOKEN,
    (JOBS_MANAGER, "indexed"): _TOKEN,
    (JOBS_MANAGER, "validate"): _TOKEN,
    (JOBS_MANAGER, "validated"): _TOKEN,
    (JOBS_MANAGER, "finalize"): _TOKEN,
    (JOBS_MANAGER, "reject"): _TOKEN,
    (JOBS_MANAGER, "retire"): _TOKEN,
    (JOBS_MANAGER, "reset"): _ADMIN,
    (JOBS_MANAGER, "ready"): _ADMIN,
    (JOBS_MANAGER, "callback"): _TOKEN,
    (JOBS_MANAGER, "delete"): _ADMIN,
    (JOBS_MANAGER, "purge"): _ADMIN,
    (JOBS_INDEXER, "index"): _TOKEN,
    (JOBS_INDEXER, "indexed"): _TOKEN,
    (AGAVE_PROXY, "launch"): _EXECUTE,
    (AGAVE_PROXY, "launch-again"): _TOKEN,
    # What the gateway shows and changes besides.
    ("actors", "read"): _READ,
    ("metrics", "read"): _READ,
    ("nonces", "list"): _UPDATE,
    ("nonces", "create"): _UPDATE,
    ("nonces", "revoke"): _UPDATE,
    ("catalog", "read"): _READ,
    ("catalog", "write"): _UPDATE,
    ("apps", "read"): _READ,
    ("apps", "register"): _UPDATE,
    ("jobs", "read"): _READ,
    ("jobs", "submit"): _EXECUTE,
    ("jobs", "cancel"): _EXECUTE,
    ("files", "read"): _READ,
    ("files", "write"): _UPDATE,
    ("files", "remove"): _UPDATE,
    ("subscriptions", "list"): _UPDATE,
    ("subscriptions", "create"): _UPDATE,
    ("subscriptions", "change"): _UPDATE,
    ("subscriptions", "remove"): _UPDATE,
}
"""(actor or part of the gateway, action) -> what it takes."""


def level_of(where: str, action: str) -> str:
    """Return the level that an action takes."""
    return NEEDS[where, action].level


@cache
def lowest_level(where: str) -> str:
    """Return the level without which nothing can be done there."""
    return min((need.level for (place, _), need in NEEDS.items() if place == where), key=LEVELS.index)


def includes(level: str, wanted: str) -> bool:
    """Tell whether a credential of a level opens what takes another one."""
    return LEVELS.index(level) >= LEVELS.index(wanted)
