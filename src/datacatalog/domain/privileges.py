"""Who may do what: one table, which every way in asks, and which the reference and the tests are made from.

Whoever asks shows a credential (bearer token or nonce) of at least the action's level. What changes one document takes a
document token besides: that document's update token, or an administrative token, which is good for every document.
Some things only administrators may do, and some nobody who comes from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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
    ("pipelines-manager", "create"): _EXECUTE,
    ("pipelines-manager", "update"): _TOKEN,
    ("pipelines-manager", "delete"): _TOKEN,
    ("pipelines-manager", "undelete"): _TOKEN,
    ("pipelines-manager", "retire"): _TOKEN,
    ("pipelines-manager", "purge"): _ADMIN,
    ("jobs-manager", "create"): _NOBODY,
    ("jobs-manager", "run"): _TOKEN,
    ("jobs-manager", "update"): _TOKEN,
    ("jobs-manager", "resource"): _TOKEN,
    ("jobs-manager", "finish"): _TOKEN,
    ("jobs-manager", "fail"): _TOKEN,
    ("jobs-manager", "index"): _TOKEN,
    ("jobs-manager", "indexed"): _TOKEN,
    ("jobs-manager", "validate"): _TOKEN,
    ("jobs-manager", "validated"): _TOKEN,
    ("jobs-manager", "finalize"): _TOKEN,
    ("jobs-manager", "reject"): _TOKEN,
    ("jobs-manager", "retire"): _TOKEN,
    ("jobs-manager", "reset"): _ADMIN,
    ("jobs-manager", "ready"): _ADMIN,
    ("jobs-manager", "callback"): _TOKEN,
    ("jobs-manager", "delete"): _ADMIN,
    ("jobs-manager", "purge"): _ADMIN,
    ("jobs-indexer", "index"): _TOKEN,
    ("jobs-indexer", "indexed"): _TOKEN,
    ("agave-proxy", "launch"): _EXECUTE,
    ("agave-proxy", "launch-again"): _TOKEN,
    # What the gateway shows and changes besides.
    ("actors", "read"): _READ,
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


def lowest_level(where: str) -> str:
    """Return the level without which nothing can be done there."""
    return min((need.level for (place, _), need in NEEDS.items() if place == where), key=LEVELS.index)


def includes(level: str, wanted: str) -> bool:
    """Tell whether a credential of a level opens what takes another one."""
    return LEVELS.index(level) >= LEVELS.index(wanted)
