"""The ledger in MongoDB as plain rows, and plain rows as a ledger in MongoDB; see ports.stores.copying."""

from __future__ import annotations

import secrets
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import TypeVar

from pymongo import ReplaceOne, UpdateOne

from datacatalog.adapters.stores import rules
from datacatalog.adapters.stores.mongo import documents, rows, schema, updates
from datacatalog.adapters.stores.mongo.client import Server, told
from datacatalog.adapters.stores.mongo.layout import COLLECTION_OF, COLLECTIONS
from datacatalog.adapters.stores.mongo.log import Log
from datacatalog.adapters.stores.mongo.overlay import RANK_BITS
from datacatalog.adapters.stores.mongo.rows import COLLECTION_OF_TABLE
from datacatalog.adapters.stores.mongo.spool import RECORDS, Spool
from datacatalog.adapters.stores.mongo.view import Document
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import StoreDown
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.records import Record
from datacatalog.ports.stores.copying import Snapshot

T = TypeVar("T")

AT_ONCE = 1000

_LASTS = timedelta(minutes=10)
"""How long the log keeps everything for a copy that tells nothing more of itself."""

_TELLS_EVERY_S = 60.0


class MongoSnapshot:
    """Implements ports.stores.copying.Snapshot, on a spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def rows(self, table: str) -> Iterator[JsonObject]:
        match table:
            case "records":
                found = map(_record, self._spool.documents(RECORDS))
                yield from (rows.record_row(record) for record in found if record is not None)
            case "links":
                for document in self._spool.documents(RECORDS):
                    yield from rows.link_rows(document)
            case "history":
                yield from map(rows.history_row, self._of(table))
            case "changes":
                yield from self._changes()
            case "messages":
                yield from self._messages()
            case _:
                yield from (rows.plain_row(table, document) for document in self._of(table))

    def _of(self, table: str) -> Iterator[Document]:
        return self._spool.documents(COLLECTION_OF_TABLE[table])

    def _changes(self) -> Iterator[JsonObject]:
        for uuid, lines in groupby(self._of("changes"), key=lambda line: str(line["uuid"])):
            last: Document | None = None
            for line in lines:
                if last is not None:
                    yield rows.change_row(int(last["seq"]), updates.change_of(last))
                last = line
            if last is None:
                continue
            change = updates.change_of(last)
            stored = self._spool.record(uuid)
            if not rows.told_by_its_record(None if stored is None else _record(stored), change):
                yield rows.change_row(int(last["seq"]), change)

    def _messages(self) -> Iterator[JsonObject]:
        places = self._spool.places()
        for document in self._of("messages"):
            row = rows.plain_row("messages", document)
            yield {**row, "order": bisect_left(places, document["order"]) + 1}


def _record(document: Document) -> Record | None:
    kind = rules.kind_of(document["uuid"])
    return None if kind is None else documents.record_of(kind, document)


# --------------------------------------------------------------------------------------------- copying


def snapshot(server: Server, log: Log, body: Callable[[Snapshot], T]) -> T:
    """Run `body` on a copy of the collections as the newest commit at its end made them.  Raises StoreDown."""
    spool = Spool()
    try:
        with _announced(server) as tell:
            first = log.current()
            for collection in COLLECTIONS:
                for found in _pages(server, collection):
                    spool.put(collection, found)
                    tell()
            last = log.current()
            for number in range(first + 1, last + 1):
                spool.lay_over(number, log.contents(number))
                tell()
        spool.prepared()
        return body(MongoSnapshot(spool))
    finally:
        spool.close()


@contextmanager
def _announced(server: Server) -> Iterator[Callable[[], None]]:
    """Have the log keep everything meanwhile, for whoever calls what is yielded from time to time.  Raises StoreDown."""
    key = f"copy:{secrets.token_hex(8)}"
    ledger = server.collection(schema.LEDGER)
    next_time = 0.0

    def tell() -> None:
        nonlocal next_time
        if time.monotonic() >= next_time:
            next_time = time.monotonic() + _TELLS_EVERY_S
            with told():
                ledger.replace_one(
                    {"_id": key}, {"_id": key, "until": datetime.now(UTC) + _LASTS}, upsert=True
                )

    tell()
    try:
        yield tell
    finally:
        with told():
            ledger.delete_one({"_id": key})


def _pages(server: Server, collection: str) -> Iterator[list[Document]]:
    """Yield all documents of a collection by key, so that none that stays where it is can be missed."""
    key = COLLECTIONS[collection].key
    where: Document = {key: {"$type": "string"}}
    while True:
        with told():
            found = list(server.collection(collection).find(where).sort(key, 1).limit(AT_ONCE))
        if not found:
            return
        yield found
        where = {key: {"$gt": found[-1][key]}}


# --------------------------------------------------------------------------------------------- loading


def is_empty(server: Server) -> bool:
    with told():
        return not any(
            server.collection(name).find_one({schema.GONE: None}, {"_id": 1}) for name in COLLECTIONS
        )


def load(server: Server, log: Log, table: str, source: Iterable[JsonObject], *, carried: bool) -> int:
    """Put rows in, some thousand at once; they are of no commit, so every commit goes over them.  Raises StoreDown."""
    count, highest = 0, 0
    rest = iter(source)
    while some := list(islice(rest, AT_ONCE)):
        with told():
            _load(server, table, some, carried=carried)
        count += len(some)
        if table == "messages":
            highest = max(highest, *(int(row["order"]) for row in some))
    # The ranks of commits to come are to be above all that are there.
    log.skip_to(highest >> RANK_BITS)
    return count


def _load(server: Server, table: str, some: list[JsonObject], *, carried: bool) -> None:
    steps: dict[str, list[ReplaceOne[Document] | UpdateOne]] = {}
    if table == "links":
        for source, links in groupby(some, key=lambda row: str(row["source"])):
            kind = rules.kind_of(TypedUuid(source))
            if kind is None:
                raise StoreDown(f"{source} is no UUID of a record")
            steps.setdefault(COLLECTION_OF[kind], []).append(_link_step(source, list(links)))
    for row in some if table != "links" else ():
        if table == "records":
            collection, (key, document) = rows.document_of_record(row)
        else:
            collection = COLLECTION_OF_TABLE[table]
            key, document = rows.document_of(table, row, carried=carried)
        field = COLLECTIONS[collection].key
        whole = {**document, field: key, schema.NUMBER: 0}
        steps.setdefault(collection, []).append(ReplaceOne({field: key}, whole, upsert=True))
    for collection, each in steps.items():
        server.collection(collection).bulk_write(each, ordered=False)


def _link_step(source: str, links: list[JsonObject]) -> UpdateOne:
    said: dict[str, list[str]] = {}
    for row in links:
        said.setdefault(row["relation"], []).append(row["target"])
    more = {relation: {"$each": targets} for relation, targets in said.items()}
    return UpdateOne({"uuid": source}, {"$addToSet": more, "$setOnInsert": {schema.NUMBER: 0}}, upsert=True)
