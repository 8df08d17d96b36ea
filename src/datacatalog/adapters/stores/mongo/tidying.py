"""Keeping the log short: of commits that were applied only their numbers stay, but for the newest, unless a copy of the ledger is being taken.

Even the numbers go in the end. They stay for so long that nobody can take a number which somebody else had: whoever wants to
commit as n+1 has seen lately that there is no n+1 (see `Log.insert`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from datacatalog.adapters.stores.mongo.client import Server, told
from datacatalog.adapters.stores.mongo.schema import COMMITS, LEDGER, PIECES
from datacatalog.domain.errors import StoreDown

KEPT = 512
"""How many commits are remembered. Work that takes longer than so many has to run again."""

NUMBERED = 65_536
"""How many numbers are kept. So many commits take a minute at the very least."""

EVERY = 64
ALL_EVERY = 4096
"""How often not only those are looked at that have just become old: others may have been left over."""


def tidy(server: Server, number: int) -> None:
    """Forget old commits, every now and then; nobody waits for that, and where it fails, the next one does it."""
    if number % EVERY:
        return
    try:
        if not being_copied(server):
            _forget(server, number)
    except StoreDown:
        return


def _forget(server: Server, number: int) -> None:
    last = number - KEPT
    first = 0 if number % ALL_EVERY == 0 else last - 2 * EVERY
    old = {"_id": {"$gt": first, "$lte": last}, "forgotten": {"$ne": True}}
    forgotten = {"$set": {"forgotten": True, "touched": None}, "$unset": {"writes": "", "pieces": ""}}
    with told():
        server.unheard(COMMITS).update_many(old, forgotten)
        server.unheard(COMMITS).delete_many({"_id": {"$lte": number - NUMBERED}})


def drop_pieces(server: Server, token: str) -> None:
    """Forget the pieces of a commit that was applied.  Raises StoreDown."""
    if not being_copied(server):
        with told():
            server.unheard(PIECES).delete_many({"_id": {"$gte": f"{token}/", "$lt": f"{token}0"}})


def being_copied(server: Server) -> bool:
    """Tell whether somebody takes a copy of the ledger just now.  Raises StoreDown."""
    copying = {"_id": {"$gte": "copy:", "$lt": "copy;"}, "until": {"$gt": datetime.now(UTC)}}
    with told():
        return server.collection(LEDGER).find_one(copying, {"_id": 1}) is not None
