"""Forgetting what is old: beside the log, since nothing that is still at work looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.mongo.client import Server, told
from datacatalog.adapters.stores.mongo.layout import (
    ANSWERS,
    COLLECTIONS,
    CREDENTIALS,
    EXECUTIONS,
    MESSAGES,
    PROGRESS,
)
from datacatalog.adapters.stores.mongo.log import Log
from datacatalog.adapters.stores.mongo.schema import GONE, PIECES
from datacatalog.adapters.stores.mongo.tidying import being_copied
from datacatalog.adapters.stores.mongo.view import Filter

LATEST = timedelta(hours=1)
"""How long after its commit a process that was stopped in the middle may still write what the commit says."""


def prune(server: Server, log: Log, *, before: datetime) -> Mapping[str, int]:
    """Return how many documents of each kind went.  Raises StoreDown."""
    # A process may have died with its commit, hours ago: then only its pieces tell what it has written.
    log.current()
    old = codec.micros(before)
    filters: Mapping[str, Filter] = {
        ANSWERS: {"at": {"$lt": old}},
        MESSAGES: {"handled": {"$lt": old}},
        EXECUTIONS: {"ended": {"$lt": old}},
        PROGRESS: {"at": {"$lt": old}},
        CREDENTIALS: {"$or": [{"expires": {"$lt": old}}, {"uses_left": 0, "created": {"$lt": old}}]},
    }
    with told():
        gone = {name: server.collection(name).delete_many(where) for name, where in filters.items()}
    _remove_markers(server)
    return {name: each.deleted_count for name, each in gone.items()}


def _remove_markers(server: Server) -> None:
    """Remove what is left of removed documents, and parts of commits that were never made."""
    late = datetime.now(UTC) - LATEST
    with told():
        for name in COLLECTIONS:
            server.collection(name).delete_many({GONE: {"$lt": late}})
        if not being_copied(server):
            server.collection(PIECES).delete_many({"at": {"$lt": late}})
