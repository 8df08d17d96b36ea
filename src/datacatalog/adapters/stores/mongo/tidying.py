"""Keeping the log short: commits that were applied are forgotten, but for the newest, unless a copy of the ledger is being taken."""

from __future__ import annotations

from datetime import UTC, datetime

from datacatalog.adapters.stores.mongo.client import Server, told
from datacatalog.adapters.stores.mongo.schema import COMMITS, LEDGER, PIECES
from datacatalog.domain.errors import StoreDown

KEPT = 512
"""How many commits are remembered. Work that takes longer than so many has to run again."""

_EVERY = 64


def tidy(server: Server, number: int) -> None:
    """Forget old commits, every now and then; nobody waits for that, and where it fails, the next one does it."""
    if number % _EVERY:
        return
    try:
        if not being_copied(server):
            with told():
                server.unheard(COMMITS).delete_many({"_id": {"$lte": number - KEPT}})
    except StoreDown:
        return


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
