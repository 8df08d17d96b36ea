"""Writing what a commit says to the collections: whole documents, and only over what older commits wrote.

It may be done twice, by several at the same time, or late: what a commit with a higher number wrote stays. A document is removed by
leaving a marker with the number in its place; `Store.prune` takes markers away that nobody can come too late for any more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from datacatalog.adapters.stores.mongo import schema
from datacatalog.adapters.stores.mongo.client import Server, down, told
from datacatalog.adapters.stores.mongo.overlay import Change
from datacatalog.adapters.stores.mongo.view import Document

Write = tuple[str, str, Change]
"""A collection, a key, and what becomes of the document."""

_DUPLICATE = 11000
_CONFLICT = 112
TRIES = 8
AGAIN_S = 0.05
"""How long whoever met others at a document waits at most, the first time."""


def encoded(write: Write) -> RawBSONDocument:
    """Return a write as the log keeps it."""
    collection, key, change = write
    document: Document = {"c": collection, "k": key, "o": change.kind}
    if change.raw:
        document["d"] = RawBSONDocument(change.raw)
    if change.ranks:
        document["r"] = dict(change.ranks)
    return RawBSONDocument(bson.encode(document))


def decoded(kept: Mapping[str, Any]) -> Write:
    """Return what `encoded` wrote."""
    raw = bson.encode(kept["d"]) if "d" in kept else b""
    return kept["c"], kept["k"], Change(kept["o"], raw, kept.get("r", {}))


def apply(server: Server, number: int, writes: Iterable[Write]) -> None:
    """Write what commit `number` says to the collections.  Raises StoreDown: a part of it may be written."""
    steps: dict[str, list[ReplaceOne[Document] | UpdateOne]] = {}
    # All who apply go the same way through the documents, so that none waits for one that waits for it.
    for collection, key, change in sorted(writes, key=lambda write: write[:2]):
        steps.setdefault(collection, []).append(_step(schema.key_field(collection), key, change, number))
    server.side_by_side([partial(_write, server, collection, each) for collection, each in steps.items()])


def _step(field: str, key: str, change: Change, number: int) -> ReplaceOne[Document] | UpdateOne:
    # As `not at least`, this also meets documents without a number, which other programs wrote.
    older = {field: key, schema.NUMBER: {"$not": {"$gte": number}}}
    if change.kind == "drop":
        # Where it was never there, nothing older can come either: all commits before were applied.
        gone = {field: key, schema.NUMBER: number, schema.GONE: datetime.now(UTC)}
        return ReplaceOne(older, gone, upsert=False)
    document = {**change.numbered(number), schema.NUMBER: number}
    if change.kind == "set":
        there = {**older, schema.GONE: None}
        return UpdateOne(there, {"$set": document}, upsert=False)
    return ReplaceOne(older, document, upsert=True)


def _write(server: Server, collection: str, steps: Sequence[ReplaceOne[Document] | UpdateOne]) -> None:
    with told():
        _write_all(server, collection, steps)


def _write_all(server: Server, collection: str, steps: Sequence[ReplaceOne[Document] | UpdateOne]) -> None:
    for tries in range(1, TRIES + 1):
        try:
            server.collection(collection).bulk_write(list(steps), ordered=False)
            return
        except BulkWriteError as error:
            details = error.details or {}
            codes = {each.get("code") for each in details.get("writeErrors", ())}
            # Where a newer commit wrote the document, an upsert does not find an older one and trips over the key.
            if details.get("writeConcernErrors") or codes - {_DUPLICATE, _CONFLICT}:
                raise down(error) from error
            if _CONFLICT not in codes:
                return
            if tries == TRIES:
                raise down(error) from error
        # Somebody else was at the same documents. What is applied once more changes nothing.
        time.sleep(random.uniform(0, AGAIN_S * tries))  # noqa: S311
