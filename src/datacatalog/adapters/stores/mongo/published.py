"""Opening a catalog that the published system wrote: its documents are converted where they lie.

First everything is read; what cannot be understood is refused, all of it at once, before anything was written. Then document by document is
replaced by what it is here, and gets the field `_n`: what has one was converted before. So it can be stopped at any time and be
begun again, and nothing is converted twice. Nobody may use the catalog meanwhile; the database has no schema version before all is done.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any

from bson.objectid import ObjectId
from pymongo import DeleteOne, ReplaceOne

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.mongo import documents, published_documents
from datacatalog.adapters.stores.mongo.client import Documents, Server, told
from datacatalog.adapters.stores.mongo.layout import COLLECTION_OF, HISTORY, TENANTS, UPDATES, UUID
from datacatalog.adapters.stores.mongo.published_documents import Converted, NotUnderstood
from datacatalog.adapters.stores.mongo.view import Document
from datacatalog.domain.errors import InvalidRecord
from datacatalog.domain.kinds import SPECS, Kind

TOLD = 100
"""How many of the places that are not understood are told."""

_NUMBER = "_n"
_FROM = "_from"
"""Of a line of the update log: the `_id` that it had; while it is there, the line of that `_id` may still be there too."""

_OLD: Mapping[str, Any] = {_NUMBER: {"$exists": False}}
_AT_ONCE = 200
_EVENTS_AT_ONCE = 1000


def is_published(server: Server) -> bool:
    """Tell whether a database has documents that the published system wrote.  Raises StoreDown."""
    with told():
        there = set(server.database.list_collection_names()).intersection((*COLLECTION_OF.values(), UPDATES))
        return any(server.collection(name).find_one(_OLD, {"_id": 1}) is not None for name in there)


def convert(server: Server) -> Mapping[str, int]:
    """Make a ledger of a published catalog; where there is none, or all was done before, nothing happens.

    Returns:
        How many documents of each collection were converted now.
    Raises:
        InvalidRecord: what is not understood, each with collection, `_id` and place; nothing was written.
        StoreDown: a part may be converted; to be called again.
    """
    if not is_published(server):
        return {}
    with told():
        there = set(server.database.list_collection_names())
        kinds = [kind for kind, name in COLLECTION_OF.items() if name in there]
        _check(server, kinds, lines=UPDATES in there)
        for name in there.intersection((*COLLECTION_OF.values(), UPDATES)):
            _drop_unique_indexes(server.collection(name))
        counts = {COLLECTION_OF[kind]: _convert_kind(server, kind) for kind in kinds}
        if UPDATES in there:
            counts[UPDATES] = _convert_updates(server)
    return {name: count for name, count in counts.items() if count}


# ---------------------------------------------------------------------------------------- understanding


def _check(server: Server, kinds: Sequence[Kind], *, lines: bool) -> None:
    """Raises InvalidRecord: something is not understood."""
    found: list[tuple[str, str]] = []
    for kind in kinds:
        collection = server.collection(COLLECTION_OF[kind])
        read = partial(published_documents.converted, kind, salt="")
        found += islice(_complaints(collection, read), TOLD - len(found))
        for field in (UUID, *SPECS[kind].identifiers):
            found += islice(_twice(collection, field), TOLD - len(found))
    if lines:
        found += islice(_complaints(server.collection(UPDATES), partial(_line, seq=1)), TOLD - len(found))
    if found:
        raise InvalidRecord("the ledger", found)


def _complaints(collection: Documents, read: Callable[[Document], object]) -> Iterator[tuple[str, str]]:
    """Yield the places that cannot be read, and why."""
    for found in collection.find(_OLD):
        try:
            read(found)
        except NotUnderstood as error:
            yield f"/{collection.name}/{found['_id']}{error.place}", error.reason


def _twice(collection: Documents, field: str) -> Iterator[tuple[str, str]]:
    """Yield the values that identify more than one document."""
    pipeline: list[Mapping[str, Any]] = [
        {"$match": {field: {"$gte": ""}}},
        {"$group": {"_id": f"${field}", "count": {"$sum": 1}}},
        {"$match": {"count": {"$gt": 1}}},
    ]
    for each in collection.aggregate(pipeline, allowDiskUse=True):
        yield f"/{collection.name}", f"{field} {each['_id']!r} stands in {each['count']} documents"


# ------------------------------------------------------------------------------------------- records


def _convert_kind(server: Server, kind: Kind) -> int:
    collection = server.collection(COLLECTION_OF[kind])
    cursor, count = collection.find(_OLD), 0
    while some := list(islice(cursor, _AT_ONCE)):
        read = [(found["_id"], published_documents.converted(kind, found, _new_salt())) for found in some]
        _write_beside(server, [each for _, each in read])
        steps = [ReplaceOne({"_id": key, **_OLD}, {**each.document, _NUMBER: 0}) for key, each in read]
        count += collection.bulk_write(steps, ordered=False).modified_count
    return count


def _write_beside(server: Server, read: Sequence[Converted]) -> None:
    """Write histories and tenants, before the documents that they are taken from lose them."""
    events = chain.from_iterable(each.history for each in read)
    while some := list(islice(events, _EVENTS_AT_ONCE)):
        steps = [
            ReplaceOne(
                {"_id": documents.numbered(event["job"], event["seq"])}, {**event, _NUMBER: 0}, upsert=True
            )
            for event in some
        ]
        server.collection(HISTORY).bulk_write(steps, ordered=False)
    for tenant in {each.tenant for each in read}:
        document = {"tenant": tenant, _NUMBER: 0}
        server.collection(TENANTS).replace_one({"_id": documents.key(tenant)}, document, upsert=True)


def _new_salt() -> str:
    return secrets.token_hex(16)


# ------------------------------------------------------------------------------------- the update log


def _convert_updates(server: Server) -> int:
    """Number the lines of each record, oldest first; their keys change, so each is written anew and then removed."""
    updates = server.collection(UPDATES)
    updates.create_index([("uuid", 1), ("seq", 1)])
    cursor = updates.find(_OLD, allow_disk_use=True).sort([("uuid", 1), ("date", 1), ("_id", 1)])
    count = 0
    while some := list(islice(cursor, _AT_ONCE)):
        done = {
            each[_FROM] for each in updates.find({_FROM: {"$in": [line["_id"] for line in some]}}, {_FROM: 1})
        }
        new = [line for line in some if line["_id"] not in done]
        last = _last_numbers(updates, {_uuid_of(line) for line in new})
        steps: list[ReplaceOne[dict[str, Any]]] = []
        for line in new:
            uuid = _uuid_of(line)
            last[uuid] = last.get(uuid, 0) + 1
            document = _line(line, last[uuid])
            steps.append(ReplaceOne({"_id": documents.numbered(uuid, last[uuid])}, document, upsert=True))
        if steps:
            updates.bulk_write(steps)
        updates.bulk_write([DeleteOne({"_id": line["_id"]}) for line in some])
        count += len(some)
    updates.update_many({_FROM: {"$exists": True}}, {"$unset": {_FROM: ""}})
    return count


def _last_numbers(updates: Documents, uuids: set[str]) -> dict[str, int]:
    pipeline: list[Mapping[str, Any]] = [
        {"$match": {"uuid": {"$in": sorted(uuids)}, "seq": {"$exists": True}}},
        {"$group": {"_id": "$uuid", "last": {"$max": "$seq"}}},
    ]
    return {each["_id"]: int(each["last"]) for each in updates.aggregate(pipeline)}


def _line(found: Document, seq: int) -> Document:
    admin = published_documents.json_of(found.get("_admin") or {}, "/_admin")
    date = found.get("date") or _made(found)
    return {
        "uuid": _uuid_of(found),
        "seq": seq,
        **documents.of_instant("date", published_documents.instant_of(date, "/date")),
        "action": str(found.get("action", "update")),
        "revision": seq - 1,
        "diff": codec.text_of(_diff(found.get("diff")), "change"),
        "_admin": admin,
        _FROM: found["_id"],
        _NUMBER: 0,
    }


def _uuid_of(line: Document) -> str:
    return published_documents.uuid_of(line.get("uuid"), "/uuid")


def _made(found: Document) -> Any:
    key = found["_id"]
    return key.generation_time if isinstance(key, ObjectId) else None


def _diff(said: Any) -> Mapping[str, Any]:
    """Return a difference as the published system wrote it: its words begin with "$". What cannot be decoded stays a text."""
    if not isinstance(said, str):
        return {} if said is None else {"$diff": published_documents.json_of(said, "/diff")}
    try:
        value = json.loads(base64.urlsafe_b64decode(said))
    except (binascii.Error, ValueError):
        return {"$base64": said}
    return value if isinstance(value, dict) else {"$diff": value}


def _drop_unique_indexes(collection: Documents) -> None:
    """Drop what would refuse a commit whose documents come in any order; see `schema`."""
    for name, index in collection.index_information().items():
        if name != "_id_" and (index.get("unique") or index.get("sparse")):
            collection.drop_index(name)
