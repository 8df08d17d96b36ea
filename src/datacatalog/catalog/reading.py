"""From records as they are kept to entries as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from datacatalog.catalog.entries import Entry
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Work
from datacatalog.services.documents import documents_of

BATCH = 1000


def entries_of(records: Iterable[Record], work: Work) -> Iterator[Entry]:
    """Yield the public documents of records, with their links; these are read for many records at once."""
    waiting = iter(records)
    while batch := list(islice(waiting, BATCH)):
        for record, document in zip(batch, documents_of(batch, work), strict=True):
            yield Entry(document, kind=record.kind.value, revision=record.revision)
