"""The update log in MongoDB: the collection `updates`, one document for each line.

    {uuid, seq, date, action, revision, diff, _admin}

`diff` is JSON text, {"field": [old, new]}, since names and values may be any. That a record was created is not written down as long as nothing
else happened to it, since the record itself tells. Its line is written with the first line that follows.
"""

from __future__ import annotations

from collections.abc import Sequence

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.mongo import documents, marking
from datacatalog.adapters.stores.mongo.layout import UPDATES
from datacatalog.adapters.stores.mongo.view import Document, View
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.records import Change, Record

_NOTHING = "{}"


class MongoUpdates:
    """Writes and reads the lines of one piece of work."""

    __slots__ = ("_view",)

    def __init__(self, view: View) -> None:
        self._view = view

    def created(self, change: Change | None) -> None:
        """Note that a record was created, where the record alone does not tell everything."""
        if change is not None:
            self._write(change, self._last(change.uuid)[0] + 1)

    def changed(self, old: Record, change: Change) -> None:
        """Note what became of `old`."""
        seq, action = self._last(old.uuid)
        seq += 1
        if _is_told_by_its_record(action):
            self._write(rules.created_line(old), seq)
            seq += 1
        self._write(change, seq)

    def purged(self, old: Record, change: Change) -> None:
        """Note that `old` is gone; of what stood in the log before, no content stays."""
        if rules.is_logged(old.kind):
            self.changed(old, change)
        else:
            self._write(change, self._last(old.uuid)[0] + 1)
        lines = self._view.find(
            UPDATES,
            {"uuid": old.uuid, "diff": {"$ne": _NOTHING}},
            sort=[("seq", 1)],
            fields=["seq"],
            seen=[marking.record(old.uuid)],
        )
        for line in lines:
            key = documents.numbered(old.uuid, line["seq"])
            self._view.set(UPDATES, key, {"diff": _NOTHING}, touched=[marking.record(old.uuid)])

    def page(
        self, uuid: TypedUuid, record: Record | None, *, after: int, limit: int
    ) -> Sequence[tuple[int, Change]]:
        """Return lines with numbers above `after`, oldest first.

        Args:
            record: the one that has this UUID now.
        """
        if not rules.is_uuid(uuid):
            return []
        seen = [marking.record(uuid)]
        where = {"uuid": uuid, "seq": {"$gt": after}}
        found = self._view.find(UPDATES, where, sort=[("seq", 1)], limit=limit, seen=seen)
        lines = [(int(line["seq"]), change_of(line)) for line in found]
        if record is not None and len(lines) < limit and rules.is_logged(record.kind):
            seq, action = self._last(uuid)
            if _is_told_by_its_record(action) and seq + 1 > after:
                lines.append((seq + 1, rules.created_line(record)))
        return lines

    def _last(self, uuid: TypedUuid) -> tuple[int, str]:
        """Return number and action of the last line that is written; 0 and "" where there is none."""
        found = self._view.find(
            UPDATES,
            {"uuid": uuid},
            sort=[("seq", -1)],
            limit=1,
            fields=["seq", "action"],
            seen=[marking.record(uuid)],
        )
        return (int(found[0]["seq"]), found[0]["action"]) if found else (0, "")

    def _write(self, change: Change, seq: int) -> None:
        key = documents.numbered(change.uuid, seq)
        self._view.put(UPDATES, key, document_of(change, seq), touched=[marking.record(change.uuid)])


def document_of(change: Change, seq: int) -> Document:
    """Return the document of a line."""
    admin, exact = documents.held(dict(change.admin))
    return {
        "uuid": str(change.uuid),
        "seq": seq,
        **documents.of_instant("date", change.date),
        "action": change.action,
        "revision": change.revision,
        "diff": codec.text_of(change.diff, "change"),
        "_admin": admin,
        **({} if exact is None else {"_exact": exact}),
    }


def _is_told_by_its_record(action: str) -> bool:
    """Tell whether, after a last line with this action, only a record that is there tells that it was created."""
    return action in ("", "purge")


def change_of(line: Document) -> Change:
    """Return the line that a document is."""
    return Change(
        uuid=TypedUuid(line["uuid"]),
        date=documents.instant_of("date", line),
        action=line["action"],
        revision=int(line["revision"]),
        diff=codec.decode(line["diff"]),
        admin=codec.decode(line["_exact"]) if "_exact" in line else documents.plain(line["_admin"]),
    )
