"""From records as they are kept to entries as they are shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from datacatalog.catalog.entries import Entry
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.records import Link, Record, public_document
from datacatalog.ports.stores import Work

BATCH = 1000


def entries_of(records: Iterable[Record], work: Work) -> Iterator[Entry]:
    """Yield the public documents of records, with their links; these are read for many records at once."""
    waiting = iter(records)
    while batch := list(islice(waiting, BATCH)):
        links: dict[TypedUuid, list[Link]] = defaultdict(list)
        for link in work.links.step([record.uuid for record in batch], up=True):
            links[link.source].append(link)
        for record in batch:
            yield entry_of(record, links.get(record.uuid, ()))


def entry_of(record: Record, links: Sequence[Link]) -> Entry:
    return Entry(public_document(record, links), kind=record.kind.value, revision=record.revision)
