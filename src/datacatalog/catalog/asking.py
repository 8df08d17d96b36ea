"""What a catalog can be asked."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from datacatalog.catalog.entries import Entries, Entry
from datacatalog.catalog.lineage import Lineage
from datacatalog.catalog.names import (
    COLLECTIONS,
    KINDS,
    Names,
    Reference,
    directions_named,
    kind_named,
    kinds_named,
    positive,
    relations_named,
    text_of,
    texts_of,
)
from datacatalog.catalog.reading import entries_of
from datacatalog.catalog.records import Jobs, Records
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.linkage.graph import Graph
from datacatalog.domain.records import Change
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.finding import LOOKUP_ORDER, find_record, uuid_named
from datacatalog.services.lineage import (
    DEPTH,
    Direction,
    Step,
    graph_of,
    inputs_of,
    outputs_of,
    walk,
)
from datacatalog.services.linkage import linked
from datacatalog.services.records import changes_of
from datacatalog.services.verification import Sample, verify

_BATCH = 1000


class Asking:
    """Reads from an open catalog."""

    env: Env

    # ------------------------------------------------------------------------------------ by kind

    @property
    def jobs(self) -> Jobs:
        return Jobs(self.env)

    def __getattr__(self, name: str) -> Records:
        if name not in KINDS:
            raise AttributeError(f"a catalog has no '{name}'; it has {', '.join(COLLECTIONS)}")
        kind = KINDS[name]
        return Jobs(self.env) if kind is Kind.PIPELINEJOB else Records(kind, self.env)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *COLLECTIONS})

    # ------------------------------------------------------------------------------------- reading

    def find(self, reference: Reference, kinds: Names = None) -> Entry:
        """Return the record that a reference names, among these kinds.  Raises UnknownRecord."""
        wanted = kinds_named(kinds) or LOOKUP_ORDER

        def body(work: Work) -> Entry:
            return next(entries_of([find_record(text_of(reference), work, self.env, wanted)], work))

        return self.env.store.read(body)

    def lineage(
        self,
        reference: Reference,
        direction: str = Direction.ANCESTORS,
        *,
        depth: int = DEPTH,
        relations: Names = None,
        kinds: Names = None,
        hidden: bool = False,
    ) -> Lineage:
        """Return what a record came from, or what came of it, nearest first.

        Args:
            direction: `ancestors`, `descendants` or `both`.
            depth: at most so many steps.
            relations: walk along these links alone, such as `derived_from`.
            kinds: return records of these kinds alone; others are walked through.
            hidden: return those that were deleted softly as well.
        Raises:
            UnknownRecord, InvalidField.
        """
        ways = directions_named(direction)
        options: dict[str, Any] = {
            "relations": relations_named(relations),
            "depth": positive("depth", depth),
            "kinds": kinds_named(kinds),
            "hidden": hidden,
        }

        def steps(work: Work) -> list[Step]:
            start = self._uuid(reference, work)
            return [step for way in ways for step in walk(start, way, work, **options)]

        def draw(limit: int) -> Graph:
            positive("limit", limit)
            return self.env.store.read(
                lambda work: graph_of(self._uuid(reference, work), ways, work, limit=limit, **options)
            )

        return Lineage(self.env.store.read(steps), draw)

    def inputs(self, reference: Reference, *, depth: int = DEPTH) -> Entries:
        """Return every file and reference that a record came from, nearest first.  Raises UnknownRecord."""
        return self.env.store.read(
            lambda work: _known(inputs_of(self._uuid(reference, work), work, depth=depth), work)
        )

    def outputs(self, reference: Reference, *, depth: int = DEPTH) -> Entries:
        """Return every file and reference that came of a record, nearest first.  Raises UnknownRecord."""
        return self.env.store.read(
            lambda work: _known(outputs_of(self._uuid(reference, work), work, depth=depth), work)
        )

    def linked(self, references: Reference | Iterable[Reference] | None, to: str) -> Entries:
        """Return the records of a kind that belong to others, up or down the hierarchy, ordered by UUID.

        `linked("sample.tacc.20001", "measurements")` returns the measurements of a sample, `linked(experiment, "jobs")` the
        jobs that worked on an experiment or anything below it; see services.linkage.linked.

        Raises:
            UnknownRecord.
            MixedLinkage: a record, or `to`, is on no level of the hierarchy.
        """
        kind, texts = kind_named(to, "to"), texts_of(references)

        def body(work: Work) -> Entries:
            return _entries(linked([self._uuid(text, work) for text in texts], kind, work), work)

        return self.env.store.read(body)

    def log(self, reference: Reference) -> Entries:
        """Return the update log of a record, oldest first: who changed what, and when.

        Args:
            reference: by UUID, records that were deleted or removed have a log, too.
        Raises:
            UnknownRecord.
        """

        def body(work: Work) -> Entries:
            uuid, found, after = self._uuid(reference, work, gone=True), Entries(), 0
            while page := changes_of(uuid, work, after=after, limit=_BATCH):
                found += [_change(change) for _, change in page]
                after = page[-1][0]
            return found

        return self.env.store.read(body)

    def verify(
        self,
        target: Reference,
        *,
        sample: float = 1.0,
        seed: str | int = "",
        everything: bool = False,
    ) -> Entries:
        """Tell which files are no longer what the catalog says; nothing, where all are.

        Args:
            target: the UUID of a job or a file, an absolute path on the default system, or `agave://system/path`.
            sample: hash only this random share of the known files, 0 < sample <= 1.
            seed: the same seed takes the same files again.
            everything: return what is as it should be as well.
        Returns:
            Findings: `what` (missing, changed, unknown or unreadable; also ok, unchecked and skipped), `name`,
            `storage_system`, `uuid`, `recorded`, `found`, `reason`.
        Raises:
            UnknownRecord, NoSuchPath, InvalidField, StorageDown.
        """
        findings = verify(text_of(target), self.env, Sample(share=sample, seed=str(seed)))
        return Entries(Entry(f.document(), kind="finding") for f in findings if f.fault or everything)

    def export(self, reference: Reference, format: str = "prov-json", *, depth: int | None = None) -> bytes:
        """Return how a record came about, in a standard format.

        Args:
            format: prov-json, prov-n, ro-crate or openlineage.
        Raises:
            UnknownRecord; InvalidField: there is no such format; MissingExtra: a library is not installed.
        """
        from datacatalog.exports import export

        return export(format, text_of(reference), self.env, depth=depth).content

    def _uuid(self, reference: Reference, work: Work, *, gone: bool = False) -> TypedUuid:
        """Return the UUID of what a reference names; with `gone`, a UUID is taken as it is."""
        if gone:
            return uuid_named(text_of(reference), work, self.env)
        return find_record(text_of(reference), work, self.env).uuid


def _known(steps: Iterable[Step], work: Work) -> Entries:
    return Entries(entries_of((step.record for step in steps if step.record is not None), work))


def _entries(uuids: Iterable[TypedUuid], work: Work) -> Entries:
    waiting, found = iter(uuids), Entries()
    while batch := list(islice(waiting, _BATCH)):
        records = work.records.find_many(batch)
        found += entries_of((records[uuid] for uuid in batch if uuid in records), work)
    return found


def _change(change: Change) -> Entry:
    return Entry({"uuid": change.uuid, **change.document()}, kind="change")
