"""What happened to jobs, in MongoDB: one document for each entry, so that none grows with a job's life.

{job, seq, uuid, name, date, data, state, implied, noted}
"""

from __future__ import annotations

from collections.abc import Sequence

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.mongo import documents, marking
from datacatalog.adapters.stores.mongo.documents import EXACT
from datacatalog.adapters.stores.mongo.layout import HISTORY
from datacatalog.adapters.stores.mongo.view import Document, View
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import TypedUuid


class MongoHistory:
    """Implements ports.stores.History."""

    __slots__ = ("_view",)

    def __init__(self, view: View) -> None:
        self._view = view

    def append(self, job: TypedUuid, entry: HistoryEntry) -> int:
        self._view.writing()
        rules.check_uuid(job)
        rules.check_uuid(entry.uuid)
        if entry.data is not None:
            codec.encode(entry.data, "history entry")
        seq = self.length(job) + 1
        key = documents.numbered(job, seq)
        self._view.put(HISTORY, key, document_of(job, seq, entry), touched=[marking.history(job)])
        return seq

    def page(self, job: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, HistoryEntry]]:
        if not rules.is_uuid(job):
            return []
        where = {"job": job, "seq": {"$gt": after}}
        seen = [marking.history(job)]
        found = self._view.find(HISTORY, where, sort=[("seq", 1)], limit=limit, seen=seen)
        return [(int(each["seq"]), entry_of(each)) for each in found]

    def length(self, job: TypedUuid) -> int:
        if not rules.is_uuid(job):
            return 0
        # Without gaps, the last number is the length.
        seen = [marking.history(job)]
        found = self._view.find(HISTORY, {"job": job}, sort=[("seq", -1)], limit=1, fields=["seq"], seen=seen)
        return int(found[0]["seq"]) if found else 0

    def forget(self, job: TypedUuid) -> None:
        """Remove all entries of a job."""
        touched = [marking.history(job)]
        for seq in range(1, self.length(job) + 1):
            self._view.drop(HISTORY, documents.numbered(job, seq), touched=touched)


def document_of(job: str, seq: int, entry: HistoryEntry) -> Document:
    """Return the document of an entry, its data checked."""
    data, exact = documents.held(entry.data)
    return {
        "job": str(job),
        "seq": seq,
        "uuid": str(entry.uuid),
        "name": entry.name.value,
        **documents.of_instant("date", entry.date),
        "data": data,
        "state": entry.state.value,
        "implied": entry.implied,
        "noted": entry.noted,
        **({} if exact is None else {EXACT: exact}),
    }


def entry_of(document: Document) -> HistoryEntry:
    """Return the entry that a document is."""
    return HistoryEntry(
        uuid=TypedUuid(document["uuid"]),
        name=Event(document["name"]),
        date=documents.instant_of("date", document),
        data=codec.decode(document[EXACT]) if EXACT in document else documents.plain(document["data"]),
        state=State(document["state"]),
        implied=bool(document["implied"]),
        noted=bool(document["noted"]),
    )
