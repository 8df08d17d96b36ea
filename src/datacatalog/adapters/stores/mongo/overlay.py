"""What was written but not yet committed, by one piece of work or by those before it in the same commit.

A change is kept as BSON, so that it is what the server will say later, whatever becomes of the objects that were handed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import bson

from datacatalog.adapters.stores.mongo.view import Document

RANK_BITS = 20
"""A commit may hold 2**20 ranks: the n-th commit's are n * 2**20, n * 2**20 + 1, ..."""

_PROVISIONAL = 1 << 62

AWARE: bson.CodecOptions[Document] = bson.CodecOptions(tz_aware=True)
"""Instants are read as the client reads them."""


class Rank(int):
    """A rank until its commit has a number: an integer above all that are there."""

    @property
    def index(self) -> int:
        return self - _PROVISIONAL


class Ranks:
    """Gives out the ranks of one piece of work.

    Attributes:
        following: the index of the next one.
    """

    def __init__(self, first: int = 0) -> None:
        self.following = first

    def next(self) -> Rank:
        self.following += 1
        return Rank(_PROVISIONAL + self.following - 1)


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one document.

    Attributes:
        kind: put: it is `raw`; set: the fields in `raw` are these, the others as they are; drop: it is removed.
        raw: BSON; ranks in it are provisional.
        ranks: which top-level fields hold ranks -> their index among the commit's.
    """

    kind: Literal["put", "set", "drop"]
    raw: bytes = b""
    ranks: Mapping[str, int] = field(default_factory=dict)

    def document(self) -> Document:
        """Return a document of one's own: what `raw` says, its ranks as they were given."""
        document: Document = bson.decode(self.raw, AWARE)
        for name, index in self.ranks.items():
            document[name] = Rank(_PROVISIONAL + index)
        return document

    def later(self, by: int) -> Change:
        """Return this with ranks that were given out so many later."""
        if not self.ranks:
            return self
        return Change(self.kind, self.raw, {name: index + by for name, index in self.ranks.items()})

    def numbered(self, number: int) -> Document:
        """Return what `raw` says once its commit has this number."""
        document: Document = bson.decode(self.raw, AWARE)
        for name, index in self.ranks.items():
            document[name] = (number << RANK_BITS) + index
        return document


DROP = Change("drop")


def change(kind: Literal["put", "set"], document: Mapping[str, Any]) -> Change:
    """Return a change that says this.  Raises what `bson.encode` raises of values that cannot be kept."""
    ranks = {name: value.index for name, value in document.items() if type(value) is Rank}
    plain = {**document, **{name: int(document[name]) for name in ranks}} if ranks else document
    return Change(kind, bson.encode(plain), ranks)


class Layer:
    """Changes by collection and key, over those of another layer."""

    def __init__(self, below: Layer | None = None) -> None:
        self.changes: dict[str, dict[str, Change]] = {}
        self._below = below

    def of(self, collection: str) -> Mapping[str, Change]:
        """Return all changes of a collection, by key."""
        mine = self.changes.get(collection, {})
        below = self._below.of(collection) if self._below is not None else {}
        return {**below, **mine} if below and mine else mine or below

    def get(self, collection: str, key: str) -> Change | None:
        mine = self.changes.get(collection)
        found = mine.get(key) if mine is not None else None
        if found is None and self._below is not None:
            return self._below.get(collection, key)
        return found

    def put(self, collection: str, key: str, change: Change) -> None:
        self.changes.setdefault(collection, {})[key] = change

    def set(self, collection: str, key: str, fields: Document) -> None:
        """Change fields of a document that is there; where it was dropped, nothing happens."""
        known = self.get(collection, key)
        if known is None:
            self.put(collection, key, change("set", fields))
        elif known.kind != "drop":
            self.put(collection, key, change(known.kind, {**known.document(), **fields}))

    def take(self, other: Layer, *, later: int = 0) -> None:
        """Take over the changes of another layer, which lay over this one, or over nothing and was not in its way.

        Args:
            later: what is added to the indexes of its ranks.
        """
        for collection, changes in other.changes.items():
            mine = self.changes.setdefault(collection, {})
            mine.update(changes if not later else {key: each.later(later) for key, each in changes.items()})

    def in_the_way(self, other: Layer) -> bool:
        """Tell whether another layer, which does not lie over this one, changes fields of what is changed here."""
        return any(
            each.kind == "set" and self.get(collection, key) is not None for collection, key, each in other
        )

    def copy_of_changes(self) -> dict[str, dict[str, Change]]:
        return {collection: dict(changes) for collection, changes in self.changes.items()}

    def __iter__(self) -> Iterator[tuple[str, str, Change]]:
        for collection, changes in self.changes.items():
            for key, each in changes.items():
                yield collection, key, each
