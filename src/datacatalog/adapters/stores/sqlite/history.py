"""What happened to jobs, in SQLite: clustered by job, appended in O(log n)."""

from __future__ import annotations

from collections.abc import Sequence

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.sqlite import keys
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import TypedUuid


class SqliteHistory:
    """Implements ports.stores.History."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def append(self, job: TypedUuid, entry: HistoryEntry) -> int:
        data = None if entry.data is None else codec.encode(entry.data, "history entry")
        key = keys.packed(job)
        # Without gaps, the last number is the length.
        added = self._session.write(
            "INSERT INTO history (job, seq, uuid, name, date, state, implied, noted, data)"
            " VALUES (?, (SELECT 1 + coalesce(max(seq), 0) FROM history WHERE job = ?), ?, ?, ?, ?, ?, ?, ?)"
            " RETURNING seq",
            (
                key,
                key,
                keys.packed(entry.uuid),
                entry.name.value,
                codec.micros(entry.date),
                entry.state.value,
                entry.implied,
                entry.noted,
                data,
            ),
        )
        [[seq]] = added.fetchall()
        return int(seq)

    def page(self, job: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, HistoryEntry]]:
        if not rules.is_uuid(job):
            return []
        rows = self._session.read(
            "SELECT seq, uuid, name, date, state, implied, noted, data FROM history"
            " WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?",
            (keys.packed(job), after, limit),
        ).fetchall()
        return [
            (
                seq,
                HistoryEntry(
                    uuid=keys.text(key),
                    name=Event(name),
                    date=codec.instant(date),
                    data=None if data is None else codec.decode(data),
                    state=State(state),
                    implied=implied == 1,
                    noted=noted == 1,
                ),
            )
            for seq, key, name, date, state, implied, noted, data in rows
        ]

    def length(self, job: TypedUuid) -> int:
        if not rules.is_uuid(job):
            return 0
        # Without gaps, the last number is the length.
        last = self._session.read(
            "SELECT seq FROM history WHERE job = ? ORDER BY seq DESC LIMIT 1", (keys.packed(job),)
        ).fetchone()
        return 0 if last is None else int(last[0])
