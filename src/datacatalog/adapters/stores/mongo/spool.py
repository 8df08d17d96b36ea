"""A copy of the collections on a disk of one's own, made while others write.

The documents are copied as they are met; then every commit that was made meanwhile is laid over them, by its number, as it was
over the collections. What is there at the end is the state after the last of these commits.
"""

from __future__ import annotations

import sqlite3
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bson

from datacatalog.adapters.stores.mongo import schema
from datacatalog.adapters.stores.mongo.applying import Write
from datacatalog.adapters.stores.mongo.layout import COLLECTIONS, UUID
from datacatalog.adapters.stores.mongo.overlay import AWARE
from datacatalog.adapters.stores.mongo.view import Document

RECORDS = "records"
"""Under this name the records of all kinds lie together, since their UUIDs tell them apart."""

_ORDER: dict[str, tuple[str, str]] = {
    "history": ("job", "seq"),
    "updates": ("uuid", "seq"),
    "messages": ("queue", "id"),
    "executions": ("actor", "id"),
    "answers": ("scope", "key"),
}
"""The fields of a document by which its rows are ordered, where that is not its key as it stands."""

_TABLE = """
CREATE TABLE documents (
  name TEXT NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, first, second, place INTEGER, raw BLOB,
  PRIMARY KEY (name, key)
) WITHOUT ROWID
"""

_PUT = """
INSERT INTO documents (name, key, number, first, second, place, raw) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name, key) DO UPDATE SET number = excluded.number, first = excluded.first, second = excluded.second,
  place = excluded.place, raw = excluded.raw
WHERE excluded.number > number
"""


class Spool:
    """Documents in a temporary file, by collection and key, each with the number of the commit that it is of."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="datacatalog-")
        self._file = sqlite3.connect(Path(self._folder.name) / "copy.db", isolation_level=None)
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.execute(_TABLE)

    def close(self) -> None:
        self._file.close()
        self._folder.cleanup()

    def put(self, collection: str, found: Iterable[Document]) -> None:
        """Take documents as they were met, numbers and markers of removed ones included."""
        key = COLLECTIONS[collection].key
        rows = (
            _row(collection, each[key], int(each.get(schema.NUMBER, 0)), _cleaned(each, key))
            for each in found
        )
        self._file.execute("BEGIN")
        self._file.executemany(_PUT, rows)
        self._file.execute("COMMIT")

    def lay_over(self, number: int, writes: Iterable[Write]) -> None:
        """Take what a commit has changed; nothing where what was met is of a later one."""
        self._file.execute("BEGIN")
        for collection, key, change in writes:
            document: Document | None = None
            if change.kind == "put":
                document = {COLLECTIONS[collection].key: key, **change.numbered(number)}
            elif change.kind == "set":
                known = self._known(collection, key, number)
                if known is None:
                    continue
                document = {**known, **change.numbered(number)}
            self._file.execute(_PUT, _row(collection, key, number, document))
        self._file.execute("COMMIT")

    def prepared(self) -> None:
        """Make it ready to be read in order."""
        self._file.execute("CREATE INDEX ordered ON documents (name, first, second) WHERE raw IS NOT NULL")

    def documents(self, name: str) -> Iterator[Document]:
        """Yield the documents of a collection, or of all records, in the order of their rows."""
        cursor = self._file.cursor()
        sql = "SELECT raw FROM documents WHERE name = ? AND raw IS NOT NULL ORDER BY first, second"
        for [raw] in cursor.execute(sql, (name,)):
            yield bson.decode(raw, AWARE)

    def record(self, uuid: str) -> Document | None:
        sql = "SELECT raw FROM documents WHERE name = ? AND key = ? AND raw IS NOT NULL"
        found = self._file.execute(sql, (RECORDS, uuid)).fetchone()
        return None if found is None else bson.decode(found[0], AWARE)

    def places(self) -> array[int]:
        """Return the ranks of all messages, in order."""
        sql = "SELECT place FROM documents WHERE name = 'messages' AND raw IS NOT NULL ORDER BY place"
        return array("q", (place for [place] in self._file.execute(sql)))

    def _known(self, collection: str, key: str, number: int) -> Document | None:
        sql = "SELECT raw FROM documents WHERE name = ? AND key = ? AND raw IS NOT NULL AND number < ?"
        found = self._file.execute(sql, (_name(collection), key, number)).fetchone()
        return None if found is None else bson.decode(found[0], AWARE)


def _name(collection: str) -> str:
    return RECORDS if COLLECTIONS[collection].key == UUID else collection


def _row(collection: str, key: str, number: int, document: Document | None) -> tuple[Any, ...]:
    if document is None:
        return _name(collection), key, number, None, None, None, None
    first, second = _ORDER.get(collection, (COLLECTIONS[collection].key, None))
    return (
        _name(collection),
        key,
        number,
        _plain(document[first]),
        None if second is None else _plain(document[second]),
        int(document["order"]) if collection == "messages" else None,
        bson.encode(document),
    )


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, int) else value


def _cleaned(document: Document, key: str) -> Document | None:
    if document.get(schema.GONE) is not None:
        return None
    dropped = {schema.NUMBER} if key == "_id" else {schema.NUMBER, "_id"}
    return {name: value for name, value in document.items() if name not in dropped}
