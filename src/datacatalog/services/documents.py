"""Records as documents: with their links, with the history of jobs, with what is known of the content of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from datacatalog.domain.identifiers.typed import overlay
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Link, Record, public_document
from datacatalog.ports.stores import Work

_PAGE = 1000


def document_of(record: Record, work: Work) -> dict[str, Any]:
    """Return a record's public document, its links included."""
    return public_document(record, work.links.of(record.uuid))


def documents_of(records: Sequence[Record], work: Work) -> list[dict[str, Any]]:
    """Return the public documents of records, their links included, which are read for all of them at once."""
    links: dict[TypedUuid, list[Link]] = {record.uuid: [] for record in records}
    for link in work.links.step(links, up=True):
        links[link.source].append(link)
    return [public_document(record, links[record.uuid]) for record in records]


def history_of(job: TypedUuid, work: Work) -> Iterator[HistoryEntry]:
    """Yield the whole history of a job, oldest first."""
    after = 0
    while page := work.history.page(job, after=after, limit=_PAGE):
        yield from (entry for _, entry in page)
        after = page[-1][0]


def fixities_of(files: Iterable[TypedUuid], work: Work) -> Mapping[TypedUuid, Record]:
    """Return what is known of the content of files, by file; hidden fixities are left out."""
    named = {overlay(Kind.FIXITY, file): file for file in files}
    found = work.records.find_many(named)
    return {named[uuid]: record for uuid, record in found.items() if record.visible}
