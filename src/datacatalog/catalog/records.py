"""The records of one kind: found, counted, gone through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from datacatalog.catalog.entries import Entries, Entry
from datacatalog.catalog.names import Reference, positive, text_of
from datacatalog.catalog.reading import BATCH, entries_of
from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.domain.jobs.lifecycle import read_state
from datacatalog.domain.kinds import SPECS, Kind, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Page, Work
from datacatalog.services.documents import fixities_of, history_of
from datacatalog.services.env import Env
from datacatalog.services.finding import files_of, find_record
from datacatalog.services.paging import pages


class Records:
    """The records of one kind, as they are in the catalog at the moment of asking.

    `for record in records` goes through all of them, page by page; `len(records)` counts them; `reference in records`
    tells whether one is there, and `records[reference]` gets it.
    """

    def __init__(self, kind: Kind, env: Env) -> None:
        self._kind = kind
        self._env = env

    def find(self, *, limit: int | None = None, hidden: bool = False, **where: Any) -> Entries:
        """Return the records whose fields have these values, ordered by UUID.

        Args:
            limit: at most so many.
            hidden: those that were deleted softly as well.
            where: searchable fields, such as `strain="UWBF_6390"`; one that is None counts for nothing.
        Raises:
            InvalidField: a field cannot be searched, or the limit is less than 1.
        """
        if limit is not None:
            positive("limit", limit)
        return Entries(islice(self.each(hidden=hidden, **where), limit))

    def each(self, *, hidden: bool = False, **where: Any) -> Iterator[Entry]:
        """Go through the records that `find` returns, page by page, so that there may be any number of them.

        Each page is one state of the catalog; what changes meanwhile may be in it or not.
        """
        return self._each(self._wanted(where), hidden)

    def first(self, **where: Any) -> Entry | None:
        """Return one of the records that `find` returns, or None."""
        return next(self.each(**where), None)

    def count(self, **where: Any) -> int:
        """Count the records that `find` returns.  Raises InvalidField."""
        wanted = self._wanted(where)
        return self._env.store.read(lambda work: work.records.count(self._kind, wanted))

    def get(self, reference: Reference) -> Entry:
        """Return the record that a UUID, an identifier, a path or an `agave://` URI names.  Raises UnknownRecord."""

        def body(work: Work) -> Entry:
            return next(entries_of([self._record(reference, work)], work))

        return self._env.store.read(body)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that can be searched."""
        return SPECS[self._kind].published_search

    def __iter__(self) -> Iterator[Entry]:
        return self.each()

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, reference: Reference) -> Entry:
        return self.get(reference)

    def __contains__(self, reference: object) -> bool:
        try:
            self.get(reference if isinstance(reference, Mapping) else str(reference))
        except UnknownRecord:
            return False
        return True

    def __repr__(self) -> str:
        return f"<records of kind {self._kind.value}; fields to search: {', '.join(self.fields) or 'none'}>"

    def _record(self, reference: Reference, work: Work) -> Record:
        return find_record(text_of(reference), work, self._env, (self._kind,))

    def _wanted(self, where: dict[str, Any]) -> dict[str, str]:
        wanted = {}
        for name, value in where.items():
            if name not in self.fields:
                told = f"the fields of a {self._kind.value} that can be searched are {', '.join(self.fields)}"
                raise InvalidField(
                    name, told if self.fields else f"a {self._kind.value} has no fields to search"
                )
            if value is not None:
                wanted[name] = str(value)
        return wanted

    def _each(self, where: dict[str, str], hidden: bool) -> Iterator[Entry]:
        def read(after: str | None, work: Work) -> tuple[list[Entry], str | None]:
            page = work.records.page(self._kind, where, after=after, limit=BATCH, hidden=hidden)
            return list(entries_of(page.records, work)), page.next

        return chain.from_iterable(pages(read, self._env.store))


class Jobs(Records):
    """The jobs, with what happened to them and what they made."""

    def __init__(self, env: Env) -> None:
        super().__init__(Kind.PIPELINEJOB, env)

    def find(
        self,
        *,
        state: str | None = None,
        pipeline: Reference | None = None,
        limit: int | None = None,
        hidden: bool = False,
        **where: Any,
    ) -> Entries:
        """Return jobs, ordered by UUID.

        Args:
            state: such as `FINISHED`, in any case.
            pipeline: its id or UUID.
            limit, hidden, where: see `Records.find`.
        Raises:
            InvalidField: there is no such state, or a field cannot be searched.
            UnknownRecord: there is no such pipeline.
        """
        return super().find(limit=limit, hidden=hidden, state=state, pipeline=pipeline, **where)

    def files(self, job: Reference) -> Entries:
        """Return the files that a job made, ordered by UUID, each with its `size` and `checksum`.  Raises UnknownRecord."""
        return Entries(self.each_file(job))

    def each_file(self, job: Reference) -> Iterator[Entry]:
        """Go through the files that `files` returns, page by page."""
        uuid = self._env.store.read(lambda work: self._record(job, work)).uuid
        return self._each_file(uuid)

    def history(self, job: Reference) -> Entries:
        """Return what happened to a job, oldest first: events, when they came, and what their senders said.

        Raises:
            UnknownRecord.
        """

        def body(work: Work) -> Entries:
            entries = history_of(self._record(job, work).uuid, work)
            return Entries(Entry(entry.document(), kind="event") for entry in entries)

        return self._env.store.read(body)

    def _wanted(self, where: dict[str, Any]) -> dict[str, str]:
        pipeline, state = where.pop("pipeline", None), where.get("state")
        if state is not None:
            where["state"] = read_state(str(state))
        wanted = super()._wanted(where)
        if pipeline is not None:
            wanted["pipeline_uuid"] = self._env.store.read(
                lambda work: find_record(text_of(pipeline), work, self._env, (Kind.PIPELINE,))
            ).uuid
        return wanted

    def _each_file(self, job: TypedUuid) -> Iterator[Entry]:
        def read(after: str | None, work: Work) -> tuple[list[Entry], str | None]:
            return _files(files_of(job, work, after=after, limit=BATCH), work)

        return chain.from_iterable(pages(read, self._env.store))


def _files(page: Page, work: Work) -> tuple[list[Entry], str | None]:
    """Return a page of files with what their fixities say of them."""
    fixities = fixities_of((file.uuid for file in page.records), work)
    entries = []
    for file, entry in zip(page.records, entries_of(page.records, work), strict=True):
        known = fixities[file.uuid].body if file.uuid in fixities else {}
        told = {"size": known.get("size"), "checksum": known.get("checksum")}
        entries.append(Entry({**entry, **told}, kind=entry.kind, revision=entry.revision))
    return entries, page.next
