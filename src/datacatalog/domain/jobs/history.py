"""What happened to a job, one entry per event; append-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datacatalog.domain.documents import JsonObject, published
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import TypedUuid


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One event in a job's life.

    Attributes:
        uuid: typed UUID, prefix 108, random.
        date: when the catalog handled it; order comes from sequence numbers, never from here.
        data: what came with it, or None.
        state: the job's state once it had happened.
        implied: the catalog concluded it from a later event (FINISHED without RUNNING).
        noted: a fact that came too late to move the job; it is kept, and changed nothing.
    """

    uuid: TypedUuid
    name: Event
    date: datetime
    data: JsonObject | None
    state: State
    implied: bool = False
    noted: bool = False

    def document(self) -> dict[str, Any]:
        """Return the entry as published; `implied` and `noted` stand there only where they are true."""
        shown: dict[str, Any] = {
            "uuid": self.uuid,
            "name": self.name.value,
            "date": published(self.date),
            "data": self.data,
            "state": self.state.value,
        }
        if self.implied:
            shown["implied"] = True
        if self.noted:
            shown["noted"] = True
        return shown
