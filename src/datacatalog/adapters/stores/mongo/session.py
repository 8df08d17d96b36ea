"""One piece of work's view of the collections: the server's answers under what was written but not yet committed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import NoReturn

from datacatalog.adapters.stores.mongo import overlay, schema
from datacatalog.adapters.stores.mongo.client import Server, told
from datacatalog.adapters.stores.mongo.matching import fits, in_order
from datacatalog.adapters.stores.mongo.overlay import DROP, Change, Layer, Rank, Ranks
from datacatalog.adapters.stores.mongo.view import Document, Filter
from datacatalog.domain.errors import DatacatalogError, InvalidRecord

AT_ONCE = 1000
"""How many keys one question names."""

LARGEST_BYTES = 15_000_000
"""What a document may have: a server takes 16 MiB, in the log too, where it stands within another one."""

SMALL_BYTES = 1_000_000
"""What is set in a document without asking how large it is: with so much besides, the largest one still fits."""

_THERE: Filter = {schema.GONE: None}


class Session:
    """Implements view.View.

    Attributes:
        layer: what this work has written.
        ranks: where its ranks are from.
        seen: the marks of what it looked at.
        touched: the marks of what it wrote.
    """

    def __init__(self, server: Server, below: Layer, ranks: Ranks, *, may_write: bool) -> None:
        self.layer = Layer(below)
        self.seen: set[str] = set()
        self.touched: set[str] = set()
        self._server = server
        self.ranks = ranks
        self._may_write = may_write
        self._over = False

    def close(self) -> None:
        """Make the view useless, for whoever keeps it beyond its work."""
        self._over = True

    def writing(self) -> None:
        self._check_running()
        if not self._may_write:
            raise RuntimeError("this work may only read; use Store.transact")

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        self.writing()
        kept = self.layer.copy_of_changes()
        try:
            yield
        except DatacatalogError:
            self.layer.changes = kept
            raise

    def note(self, seen: Iterable[str]) -> None:
        self._look(seen)

    # ------------------------------------------------------------------------------------ reading

    def get(self, collection: str, key: str, *, seen: str) -> Document | None:
        self._look([seen])
        known = self.layer.get(collection, key)
        if known is not None and known.kind != "set":
            return _now(None, known)
        where = {schema.key_field(collection): key, **_THERE}
        with told():
            found = self._server.collection(collection).find_one(where, _projection(collection))
        return _now(found, known)

    def many(self, collection: str, keys: Iterable[str], *, seen: Iterable[str]) -> dict[str, Document]:
        self._look(seen)
        wanted = list(dict.fromkeys(keys))
        changes = self.layer.of(collection)
        asked = [key for key in wanted if key not in changes or changes[key].kind == "set"]
        stored = self._stored(collection, asked)
        found: dict[str, Document] = {}
        for key in wanted:
            document = _now(stored.get(key), changes.get(key))
            if document is not None:
                found[key] = document
        return found

    def find(
        self,
        collection: str,
        where: Filter,
        *,
        sort: Sequence[tuple[str, int]],
        limit: int | None = None,
        fields: Collection[str] | None = None,
        seen: Iterable[str],
    ) -> list[Document]:
        self._look(seen)
        if limit is not None and limit <= 0:
            return []
        changes = self.layer.of(collection)
        key = schema.key_field(collection)
        wanted = None if fields is None else {*fields, *(field for field, _ in sort), key}
        # As many more as may turn out to be changed; those are looked at one by one.
        asked = 0 if limit is None else limit + len(changes)
        with told():
            cursor = self._server.collection(collection).find(
                {**where, **_THERE}, _projection(collection, wanted)
            )
            cursor = cursor.sort(list(sort)) if sort else cursor
            found = list(cursor.limit(asked))
        if not changes:
            return found
        kept = [document for document in found if document[key] not in changes]
        kept += [document for document in self._changed(collection, changes) if fits(document, where)]
        return in_order(kept, sort)[:limit]

    def count(self, collection: str, where: Filter, *, seen: Iterable[str]) -> int:
        self._look(seen)
        changes = self.layer.of(collection)
        there = {**where, **_THERE}
        documents = self._server.collection(collection)
        with told():
            number = documents.count_documents(there)
            for keys in _in_parts(changes):
                named = {"$and": [there, {schema.key_field(collection): {"$in": keys}}]}
                number -= documents.count_documents(named)
        return number + sum(fits(document, where) for document in self._changed(collection, changes))

    def _changed(self, collection: str, changes: Mapping[str, Change]) -> Iterator[Document]:
        """Yield what the changed documents are now."""
        partly = [key for key, each in changes.items() if each.kind == "set"]
        stored = self._stored(collection, partly)
        for key, each in changes.items():
            document = _now(stored.get(key), each)
            if document is not None:
                yield document

    def _stored(self, collection: str, keys: Iterable[str]) -> dict[str, Document]:
        """Return what the server has under these keys."""
        key = schema.key_field(collection)
        documents = self._server.collection(collection)
        found: dict[str, Document] = {}
        with told():
            for part in _in_parts(keys):
                asked = {key: {"$in": part}, **_THERE}
                found.update((each[key], each) for each in documents.find(asked, _projection(collection)))
        return found

    # ------------------------------------------------------------------------------------ writing

    def put(self, collection: str, key: str, document: Document, *, touched: Iterable[str]) -> None:
        self._touch(touched)
        own = {name: value for name, value in document.items() if name not in (schema.NUMBER, "_id")}
        own = {schema.key_field(collection): key, **own}
        change = overlay.change("put", own)
        _check_size(collection, change)
        self.layer.put(collection, key, change)

    def set(self, collection: str, key: str, fields: Document, *, touched: Iterable[str]) -> None:
        self._touch(touched)
        if len(overlay.change("set", fields).raw) > SMALL_BYTES:
            known, stored = self.layer.get(collection, key), self._stored(collection, [key])
            _check_size(collection, overlay.change("put", {**(_now(stored.get(key), known) or {}), **fields}))
        self.layer.set(collection, key, fields)

    def drop(self, collection: str, key: str, *, touched: Iterable[str]) -> None:
        self._touch(touched)
        self.layer.put(collection, key, DROP)

    def rank(self) -> Rank:
        self.writing()
        return self.ranks.next()

    # ------------------------------------------------------------------------------------- checks

    def _look(self, seen: Iterable[str]) -> None:
        self._check_running()
        self.seen.update(seen)

    def _touch(self, touched: Iterable[str]) -> None:
        self.writing()
        self.touched.update(touched)

    def _check_running(self) -> None:
        if self._over:
            _refuse()


def _refuse() -> NoReturn:
    raise RuntimeError("this work is over")


def _check_size(collection: str, change: Change) -> None:
    """Make sure that the server takes a document: a commit that cannot be applied would be the last one.  Raises InvalidRecord."""
    if len(change.raw) > LARGEST_BYTES:
        raise InvalidRecord(collection, [("", f"{len(change.raw)} bytes are more than a document may have")])


def _projection(collection: str, fields: Collection[str] | None = None) -> dict[str, int]:
    hidden = {"_id": 0} if schema.key_field(collection) != "_id" else {}
    if fields is None:
        return {**hidden, schema.NUMBER: 0}
    return {**hidden, **dict.fromkeys(sorted(fields), 1)}


def _now(stored: Document | None, change: Change | None) -> Document | None:
    """Return what a document is once it has changed."""
    if change is None:
        return stored
    if change.kind == "drop":
        return None
    if change.kind == "put":
        return change.document()
    return None if stored is None else {**stored, **change.document()}


def _in_parts(keys: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(keys)
    while part := list(islice(rest, AT_ONCE)):
        yield part
