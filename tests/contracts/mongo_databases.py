"""Databases on the MongoDB server of $DATACATALOG_TEST_MONGODB: a few that are emptied and used again, since making one takes seconds."""

from __future__ import annotations

import atexit
import os
from pathlib import Path

import pymongo
import pytest

from datacatalog.adapters.stores.mongo.schema import LEDGER

SERVER = os.environ.get("DATACATALOG_TEST_MONGODB", "")
"""URL without a database; empty: there is none."""

needs_mongodb = pytest.mark.skipif(
    not SERVER, reason="DATACATALOG_TEST_MONGODB, the URL of a server, is not set"
)

_of_paths: dict[Path, str] = {}
_made: list[str] = []
_clients: list[pymongo.MongoClient[dict[str, object]]] = []


def client() -> pymongo.MongoClient[dict[str, object]]:
    """Return a client of the server, for the databases themselves."""
    if not _clients:
        _clients.append(pymongo.MongoClient(SERVER))
        atexit.register(_drop_all)
    return _clients[0]


def url_of(path: Path) -> str:
    """Return the URL of the database that stands for a file: the same for the same path, as long as its folder is there."""
    name = _of_paths.get(path)
    if name is None:
        for gone in [each for each in _of_paths if not each.parent.exists()]:
            del _of_paths[gone]
        free = [each for each in _made if each not in _of_paths.values()]
        name = free[0] if free else _new()
        empty(name)
        _of_paths[path] = name
    base, question, options = SERVER.partition("?")
    return f"{base.rstrip('/')}/{name}{question}{options}"


def give_back() -> None:
    """Let the databases of all paths be used for others."""
    _of_paths.clear()


def empty(name: str) -> None:
    """Remove all documents; collections, indexes and the schema version stay."""
    database = client()[name]
    for collection in database.list_collection_names():
        database[collection].delete_many({"_id": {"$ne": "schema"}} if collection == LEDGER else {})


def _new() -> str:
    client()
    _made.append(f"datacatalog_test_{os.getpid()}_{len(_made)}")
    return _made[-1]


def _drop_all() -> None:
    for name in _made:
        client().drop_database(name)
    client().close()
