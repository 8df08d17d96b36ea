"""Loading records from files: batch by batch, each all or nothing, and the same again without a change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import (
    AlreadyExists,
    DatacatalogError,
    InvalidField,
    Unavailable,
    UnknownRecord,
)
from datacatalog.domain.identifiers.records import minted_file_id, normal_body, record_uuid
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.kinds import LINKAGE_FIELDS, SPECS, Kind, TypedUuid, kept_as
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.finding import find_record
from datacatalog.services.importing import import_job, import_pipeline, is_hidden
from datacatalog.services.records import put_record
from datacatalog.services.sources import Entry, Unreadable, read_entries

ACTIONS = ("created", "updated", "unchanged")

BATCH = 1000
"""Records per transaction."""

BATCH_MAX_BYTES = 16 * 2**20
"""A batch ends early with the record that makes it longer than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file to load.

    Attributes:
        open: opens it; more than once where nothing is to be written in the end.
        format: see services.sources.read_entries.
    """

    name: str
    open: Callable[[], AbstractContextManager[BinaryIO]]
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that cannot be loaded: the file, the place in it, and why."""

    name: str
    place: str
    error: DatacatalogError


@dataclass(slots=True)
class Loaded:
    """What came of loading.

    Attributes:
        counts: file -> action -> how many records; those of a file that is named twice are added up.
        refusals: what kept batches from being written; empty where all went well.
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """How files are loaded.

    Attributes:
        kind: what all the records are; None: each tells.
        strategy: what becomes of records that are there, see services.records.put_record.
        by: who loads; stands in the update log.
        errors_max: where so many records were refused, loading ends.
        batch: records per transaction, at most.
        told: is called with the number of records that were read since the last call.
    """

    env: Env
    kind: Kind | None = None
    strategy: str = "merge"
    by: str | None = None
    errors_max: int = 1
    batch: int = BATCH
    told: Callable[[int], None] = lambda count: None

    def load(self, sources: Sequence[Source]) -> Loaded:
        """Load files one after another; a batch with a record that is refused leaves nothing behind.

        Raises:
            Unavailable: the batch at hand was not written; those before it were.
        """
        done = Loaded()
        for source in sources:
            counts = done.counts.setdefault(source.name, Counter())
            for batch in self._batches(source):
                room = self.errors_max - len(done.refusals)
                counts += self._committed(batch, source.name, room, done.refusals)
                self.told(len(batch))
                if len(done.refusals) >= self.errors_max:
                    return done
        return done

    def rehearse(self, sources: Sequence[Source]) -> Loaded:
        """Do everything that `load` does, and undo it; others who write wait meanwhile."""

        def body(work: Work) -> None:
            done = Loaded()
            for source in sources:
                counts = done.counts.setdefault(source.name, Counter())
                for batch in self._batches(source):
                    room = self.errors_max - len(done.refusals)
                    found, refused = self._tried(batch, source.name, room, work)
                    counts += found
                    done.refusals += refused
                    self.told(len(batch))
                    if len(done.refusals) >= self.errors_max:
                        raise _Undone(done)
            raise _Undone(done)

        try:
            self.env.store.transact(body)
        except _Undone as undone:
            return undone.done
        raise AssertionError("a rehearsal is undone")

    def _batches(self, source: Source) -> Iterator[list[Entry | Unreadable]]:
        with source.open() as stream:
            entries = read_entries(stream, self.env.schemas, format=source.format, kind=self.kind)
            batch, size = list[Entry | Unreadable](), 0
            for entry in entries:
                batch.append(entry)
                size += entry.size_bytes if isinstance(entry, Entry) else 0
                if len(batch) == self.batch or size > BATCH_MAX_BYTES:
                    yield batch
                    batch, size = [], 0
            if batch:
                yield batch

    def _committed(
        self, batch: Sequence[Entry | Unreadable], name: str, room: int, refusals: list[Refusal]
    ) -> Counter[str]:
        """Write a batch, or nothing of it where a record is refused."""

        def body(work: Work) -> Counter[str]:
            counts, refused = self._tried(batch, name, room, work)
            if refused:
                raise _Undone(Loaded(refusals=refused))
            return counts

        try:
            return self.env.store.transact(body)
        except _Undone as undone:
            refusals += undone.done.refusals
            return Counter()

    def _tried(
        self, batch: Iterable[Entry | Unreadable], name: str, room: int, work: Work
    ) -> tuple[Counter[str], list[Refusal]]:
        counts, refused = Counter[str](), list[Refusal]()
        for entry in batch:
            try:
                if isinstance(entry, Unreadable):
                    raise entry.error
                done = load_record(
                    entry.kind, entry.document, work, self.env, strategy=self.strategy, by=self.by
                )
                counts[done] += 1
            except Unavailable:
                raise
            except DatacatalogError as e:
                refused.append(Refusal(name, entry.place, e))
                if len(refused) >= room:
                    break
        return counts, refused


class _Undone(Exception):
    """Takes what came of a piece of work out of the transaction that it undoes."""

    def __init__(self, done: Loaded) -> None:
        self.done = done


def load_record(
    kind: Kind,
    document: JsonObject,
    work: Work,
    env: Env,
    *,
    strategy: str = "merge",
    by: str | None = None,
) -> str:
    """Write one record of any kind, jobs and pipelines included; `_visible` false hides it.

    Args:
        document: as published; what it links to may be named by identifiers and paths as well as by UUIDs.
        strategy, by: see services.records.put_record; jobs and pipelines have none.
    Returns:
        `created`, `updated` or `unchanged`.
    Raises:
        InvalidField: a link names nothing that is there; and as the services of the kind raise.
        AlreadyExists: the file is known under another `file_id`; or as services.importing raises.
    """
    linked = _with_uuids(document, work, env)
    if kind is Kind.PIPELINEJOB:
        return import_job(linked, work, env, by=by)
    if kind is Kind.PIPELINE:
        return import_pipeline(linked, work, env, by=by)
    if kept_as(kind) is Kind.FILE and strategy == "merge":
        _check_file_id(linked, work, env)
    visible = not is_hidden(linked)
    return put_record(kind, linked, work, env, strategy=strategy, by=by, visible=visible).action


def _with_uuids(document: JsonObject, work: Work, env: Env) -> JsonObject:
    """Return a document whose links are UUIDs.  Raises InvalidField: one names nothing."""
    changed: dict[str, Any] = {}
    for name in LINKAGE_FIELDS.intersection(document):
        said = document[name]
        targets = [said] if isinstance(said, str) else said
        if isinstance(targets, list | tuple):
            changed[name] = [_uuid_named(target, name, work, env) for target in targets]
    return {**document, **changed} if changed else document


def _uuid_named(target: Any, relation: str, work: Work, env: Env) -> TypedUuid:
    try:
        return read_typed(target, field=relation)
    except InvalidField:
        if not isinstance(target, str):
            raise
    try:
        return find_record(target, work, env, tuple(SPECS)).uuid
    except UnknownRecord:
        raise InvalidField(relation, f"nothing here is called {target[:200]!a}") from None


def _check_file_id(document: JsonObject, work: Work, env: Env) -> None:
    """Raises AlreadyExists: a file's document gives it another `file_id` than its provider gave before."""
    theirs = document.get("file_id")
    if not theirs:
        return
    system = env.rules.default_system
    body = normal_body(Kind.FILE, document, system, env.identity)
    known = work.records.find(record_uuid(Kind.FILE, body, env.identity, system))
    mine = None if known is None else known.body.get("file_id")
    if mine in (None, theirs, minted_file_id(body["name"], body["storage_system"], env.identity)):
        return
    raise AlreadyExists(
        f"file {body['name']} is {mine} here, and {theirs} in this document; strategy 'replace' renames it"
    )
