"""Records, what they say of each other, and what happened to jobs: the lasting part of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Change, Link, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of records, ordered by UUID.

    Attributes:
        next: pass as `after` to read on; None on the last page.
    """

    records: Sequence[Record]
    next: str | None


class Glance(NamedTuple):
    """What can be told of a record without reading its document.

    Attributes:
        values: the texts of the fields that were asked for, in that order; None where the record has none.
    """

    uuid: TypedUuid
    revision: int
    visible: bool
    values: tuple[str | None, ...]


class Records(Protocol):
    """The documents of all kinds."""

    def get(self, uuid: TypedUuid) -> Record:
        """Return a record, hidden ones included.  Raises UnknownRecord."""
        ...

    def find(self, uuid: TypedUuid) -> Record | None:
        """Return a record or None, hidden ones included."""
        ...

    def find_many(self, uuids: Iterable[TypedUuid]) -> Mapping[TypedUuid, Record]:
        """Return the records of these UUIDs, hidden ones included; those that are not there are left out."""
        ...

    def visible(self, uuids: Iterable[TypedUuid]) -> Set[TypedUuid]:
        """Return those of these UUIDs whose records are there and not hidden, without reading the documents."""
        ...

    def identified(self, kind: Kind, field: str, value: str) -> Record | None:
        """Return the one record of a kind with this identifier, hidden ones included."""
        ...

    def page(
        self,
        kind: Kind,
        where: Mapping[str, str] | None = None,
        *,
        after: str | None = None,
        limit: int = 100,
        hidden: bool = False,
    ) -> Page:
        """Return visible records of a kind whose declared fields equal `where`, ordered by UUID.

        Args:
            hidden: return those that were deleted softly as well.
        Raises:
            InvalidField: a field of `where` is not declared searchable for this kind, or `after` is no UUID.
        """
        ...

    def between(
        self, kind: Kind, field: str, low: str, high: str, *, limit: int = 1000, hidden: bool = False
    ) -> Sequence[Record]:
        """Return visible records of a kind with `low` <= value of `field` < `high`, ordered by that value, then by UUID.

        Texts are compared code point by code point. To read on, begin at the last value that was returned.

        Args:
            hidden: return those that were deleted softly as well.
        Raises:
            InvalidField: the field is not declared searchable for this kind.
        """
        ...

    def glance(
        self, kind: Kind, fields: Sequence[str], low: str, high: str, *, limit: int = 1000
    ) -> Sequence[Glance]:
        """Do as `between` by `name`, for hidden records too, and return only some fields of each, without its document.

        Args:
            fields: what `values` holds; each declared for this kind as searchable or as one of its columns.
        Raises:
            InvalidField: a field is not declared so, or `name` is not searchable for this kind.
        """
        ...

    def count(self, kind: Kind, where: Mapping[str, str] | None = None) -> int:
        """Count visible records.  Raises InvalidField as `page` does."""
        ...

    def put(
        self,
        record: Record,
        *,
        at: datetime,
        beside: JsonObject | None = None,
        by: str | None = None,
        action: str | None = None,
    ) -> Record:
        """Insert (`revision` None) or replace the very revision that was read.

        The document is checked against its schema first. A body, visibility, salt and owner equal to what is
        stored change nothing. A change of a logged kind goes to the update log, private fields and lifecycle
        fields of jobs (their history is their log) excepted; a new salt or owner alone leaves a line without difference.

        Args:
            beside: what changes together with the record and is kept beside its body, as {"child_of": [old, new]}: not
                empty, it is a change, which counts the revision up and stands in the log with the differences of the body.
            by: who writes; stands in the log.
            action: what the log calls a change that neither creates, hides nor brings back; None: `update`.
        Returns:
            The record as stored: revision counted up, `created` and `modified` set.
        Raises:
            InvalidRecord: it does not fit its schema, its UUID is of another kind, or it holds what not every
                store can keep (NaN, infinity, half a surrogate pair, an integer beyond 64 bits).
            StaleWrite: the stored revision is another, or (insert) the UUID is taken.
            Duplicate: an identifier is taken by another record.
        """
        ...

    def put_many(self, records: Iterable[Record], *, at: datetime) -> None:
        """Do as `put` for each record, new ones first, and faster; no two of them are the same record.

        Raises:
            As `put` does, of any of them: none of them was written then.
        """
        ...

    def purge(self, uuid: TypedUuid, *, at: datetime, by: str | None = None) -> None:
        """Remove a record, its links from and to others, and its history for good.

        The update log goes on telling when something was done, and that the record was removed, but not what.

        Raises UnknownRecord.
        """
        ...

    def tenants(self) -> Set[str]:
        """Return the tenants that records are, or once were, of; without reading the records."""
        ...

    def changes(self, uuid: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, Change]]:
        """Return the update log of a record, oldest first, as (sequence number, change)."""
        ...


class Links(Protocol):
    """Who says what of whom, readable from both ends."""

    def add(self, links: Iterable[Link]) -> int:
        """Add links that are not there yet; return how many were new.  Raises InvalidLink."""
        ...

    def remove(self, links: Iterable[Link]) -> int:
        """Remove links; return how many there were."""
        ...

    def of(self, source: TypedUuid, relation: Relation | None = None) -> Sequence[Link]:
        """Return what `source` says, ordered by relation and target."""
        ...

    def to(
        self,
        target: TypedUuid,
        relation: Relation | None = None,
        *,
        kind: Kind | None = None,
        after: str | None = None,
        limit: int = 1000,
    ) -> Sequence[Link]:
        """Return what is said of `target`, ordered by source.

        A page ends between two sources, so it may hold a few links more than `limit`.

        Args:
            kind: only links whose source is of this kind.
            after: the last source of the page before.
        Raises:
            InvalidField: `after` is no UUID.
        """
        ...

    def step(
        self, uuids: Iterable[TypedUuid], *, up: bool, relations: Collection[Relation] | None = None
    ) -> Sequence[Link]:
        """Return all links that lead from any of `uuids` one step on, ordered by source, relation and target.

        Args:
            up: the links that these records say (to what they come from); else those that are said of them.
            relations: only these; None: all.
        """
        ...


class History(Protocol):
    """What happened to jobs: append-only and unbounded."""

    def append(self, job: TypedUuid, entry: HistoryEntry) -> int:
        """Append one entry; return its sequence number (1, 2, ... per job, without gaps).

        Raises:
            InvalidRecord: its data cannot be kept.
            InvalidField: `job` or the entry's UUID is no UUID.
        """
        ...

    def page(self, job: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, HistoryEntry]]:
        """Return entries with sequence numbers above `after`, oldest first."""
        ...

    def length(self, job: TypedUuid) -> int: ...
