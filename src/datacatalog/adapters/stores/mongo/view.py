"""What one piece of work sees of the collections, and what it wants written: the seam between the log and the parts.

The parts of a piece of work (records, links, history, ...) ask a view and write to it; they know documents, keys and marks. The view knows
the log: it lays what was written before (in this work, or by others in the same commit) over what the server says, and
notes what was looked at.

A *mark* is a short text that names what a piece of work looked at, or what a write touches: "r:103..." a record, "k:jobs" all jobs.
Work has to run again if another commit touched one of the marks that it has seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Document = dict[str, Any]
"""A document as it is kept: BSON values, instants to the millisecond. `_n`, the number of the commit that wrote it, and the
`_id` of collections that have another key are the log's own: no document from a view has them, and none that is put needs them."""

Filter = Mapping[str, Any]
"""Field -> value, or field -> {"$gt" | "$gte" | "$lt" | "$lte" | "$in" | "$ne": value}, all of them to hold; where a field holds a list, one
of its elements has to fit. "$or": a list of filters, one of which has to hold. Nothing else."""


class View(Protocol):
    """The collections, as one piece of work sees them. Keys are values of the collection's key field (see `layout`).

    What is returned belongs to the caller; what is put is taken as it is then. Once the work is over, everything raises RuntimeError.
    """

    def writing(self) -> None:
        """Make sure, before anything else is looked at, that this work may write.  Raises RuntimeError: it may only read."""
        ...

    def all_or_nothing(self) -> AbstractContextManager[None]:
        """Take back what is written inside, where a DatacatalogError leaves it."""
        ...

    def note(self, seen: Iterable[str]) -> None:
        """Stand under these marks too, as if from the beginning of the work on: what an answer turned out to hang on."""
        ...

    def get(self, collection: str, key: str, *, seen: str) -> Document | None:
        """Return a document of one's own, or None; `seen` is the mark that it stands under."""
        ...

    def many(self, collection: str, keys: Iterable[str], *, seen: Iterable[str]) -> dict[str, Document]:
        """Return the documents of these keys that are there, by key."""
        ...

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
        """Return documents that fit, in this order.

        Args:
            sort: (field, 1 or -1); whole, i.e. no two documents are equal in it.
            fields: only these top-level fields are needed (others may come along); None: all.
        """
        ...

    def count(self, collection: str, where: Filter, *, seen: Iterable[str]) -> int: ...

    def put(self, collection: str, key: str, document: Document, *, touched: Iterable[str]) -> None:
        """Insert or replace a document."""
        ...

    def set(self, collection: str, key: str, fields: Document, *, touched: Iterable[str]) -> None:
        """Change some top-level fields of a document that is there; the others stay as they are by then."""
        ...

    def drop(self, collection: str, key: str, *, touched: Iterable[str]) -> None:
        """Remove a document; where there is none, nothing happens."""
        ...

    def rank(self) -> Any:
        """Return a value for a field of a document that is written: once committed it is an integer above all before."""
        ...
