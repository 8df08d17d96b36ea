"""Records as answers: documents with their links, their ETags, and the headers that go with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.errors import UnknownRecord
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.domain.redaction import without_secrets
from datacatalog.interfaces.http.catalog.addresses import path_of
from datacatalog.ports.stores import Work
from datacatalog.services.documents import document_of, documents_of
from datacatalog.services.jobs import HISTORY_PAGE

_DIGEST_LENGTH = 16
_SAID = ("data", "diff")
"""Of a job, of an entry of its history, and of its update log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A record as it is answered.

    Attributes:
        document: its fields and links, of a job the first entries of its history; `hidden` where it is.
        etag: strong, quotes included: another one for whatever changes in the document or the history.
    """

    record: Record
    document: Mapping[str, Any]
    etag: str

    def headers(self) -> dict[str, str]:
        """Return what lets a client keep the answer and ask later whether it still holds.

        There is no Last-Modified: what happens within one second, or to links alone, would not show in it.
        """
        return {"ETag": self.etag, "Cache-Control": "private, no-cache"}

    def located(self) -> dict[str, str]:
        """Return the headers where the document is the whole answer, which names its address then."""
        return {**self.headers(), "Content-Location": path_of(self.record.kind, self.record.uuid)}


def shown(record: Record, work: Work) -> Shown:
    """Return a record with its links, of a job with the first entries of its history."""
    document = _told(record, document_of(record, work))
    length = 0
    if record.kind is Kind.PIPELINEJOB:
        length = work.history.length(record.uuid)
        entries = work.history.page(record.uuid, limit=HISTORY_PAGE)
        document["history"] = [told_without_secrets(entry.document()) for _, entry in entries]
    # The revision alone would not do: links and events may be added to a record that stays as it is.
    digest = hashlib.sha256(f"{length} {minified(document)}".encode()).hexdigest()
    etag = f'"{record.revision}-{digest[:_DIGEST_LENGTH]}"'
    return Shown(record=record, document=document, etag=etag)


def documents(records: Sequence[Record], work: Work) -> list[dict[str, Any]]:
    """Return records with their links, without history."""
    return [_told(*each) for each in zip(records, documents_of(records, work), strict=True)]


def _told(record: Record, document: dict[str, Any]) -> dict[str, Any]:
    if record.kind is Kind.PIPELINEJOB:
        document = told_without_secrets(document)
    return document if record.visible else {**document, "hidden": True}


def told_without_secrets(document: JsonObject) -> dict[str, Any]:
    """Return what was said of a job, in which definitions and callback URLs may stand: who may read it may not do more with it."""
    return {name: without_secrets(value) if name in _SAID else value for name, value in document.items()}


def record_of(kind: Kind, uuid: TypedUuid, work: Work, *, hidden: bool = False) -> Record:
    """Return a record of a kind.  Raises UnknownRecord, also where it is hidden and `hidden` is false."""
    record = work.records.find(uuid)
    if record is None or record.kind is not kind or not (record.visible or hidden):
        raise UnknownRecord(uuid, kind)
    return record
