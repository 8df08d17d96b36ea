"""The update log in SQLite.

That a record was created is not written down as long as nothing else happened to it, since the record itself tells: for
most records of a large ledger, their files, nothing ever does. Its line is written with the first line that follows.
"""

from __future__ import annotations

from collections.abc import Sequence

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.sqlite import keys
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.records import Change, Record


class SqliteChanges:
    """Writes and reads the lines of one piece of work."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def created(self, change: Change | None) -> None:
        """Note that a record was created, where the record alone does not tell everything."""
        if change is not None:
            self._write(change, self._last(change.uuid)[0] + 1)

    def changed(self, old: Record, change: Change) -> None:
        """Note what became of `old`."""
        seq = self._next(old)
        if seq is None:
            seq = self._last(old.uuid)[0] + 1
        else:
            self._write(rules.created_line(old), seq)
            seq += 1
        self._write(change, seq)

    def purged(self, old: Record, change: Change) -> None:
        """Note that `old` is gone; of what stood in the log before, no content stays."""
        self.changed(old, change)
        self._session.write("UPDATE changes SET diff = '{}' WHERE uuid = ?", (keys.packed(old.uuid),))

    def page(
        self, uuid: TypedUuid, record: Record | None, *, after: int, limit: int
    ) -> Sequence[tuple[int, Change]]:
        """Return lines with numbers above `after`, oldest first.

        Args:
            record: the one that has this UUID now.
        """
        if not rules.is_uuid(uuid):
            return []
        rows = self._session.read(
            "SELECT seq, date, action, revision, diff, admin FROM changes WHERE uuid = ? AND seq > ?"
            " ORDER BY seq LIMIT ?",
            (keys.packed(uuid), after, limit),
        ).fetchall()
        lines = [
            (
                seq,
                Change(
                    uuid=uuid,
                    date=codec.instant(date),
                    action=action,
                    revision=revision,
                    diff=codec.decode(diff),
                    admin=codec.decode(admin),
                ),
            )
            for seq, date, action, revision, diff, admin in rows
        ]
        if record is not None and len(lines) < limit:
            seq = self._next(record)
            if seq is not None and seq > after:
                lines.append((seq, rules.created_line(record)))
        return lines

    def _next(self, record: Record) -> int | None:
        """Return the number of the line that only the record tells; None where there is no such line."""
        if not rules.is_logged(record.kind):
            return None
        seq, action = self._last(record.uuid)
        return seq + 1 if action in ("", "purge") else None

    def _last(self, uuid: TypedUuid) -> tuple[int, str]:
        """Return number and action of the last line that is written; 0 and "" where there is none."""
        found = self._session.read(
            "SELECT seq, action FROM changes WHERE uuid = ? ORDER BY seq DESC LIMIT 1", (keys.packed(uuid),)
        ).fetchone()
        return (0, "") if found is None else found

    def _write(self, change: Change, seq: int) -> None:
        self._session.write(
            "INSERT INTO changes (uuid, seq, date, action, revision, diff, admin) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                keys.packed(change.uuid),
                seq,
                codec.micros(change.date),
                change.action,
                change.revision,
                codec.text_of(change.diff, "change"),
                codec.text_of(dict(change.admin), "change"),
            ),
        )
