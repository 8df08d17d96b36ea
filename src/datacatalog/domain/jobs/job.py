"""The job: a record of kind pipelinejob, read as what it is.

A job knows its state and what may happen next. It has no clock, no disk and no randomness: those are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from datacatalog.domain.documents import JsonObject, published
from datacatalog.domain.errors import IllegalTransition
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event, State, successor
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Record

LIFECYCLE_FIELDS = frozenset({"state", "last_event", "updated", "_run"})
"""Body fields that only events change."""


@dataclass(frozen=True, slots=True)
class Job:
    """One parameterised run of a pipeline, in the ledger."""

    record: Record

    @property
    def uuid(self) -> TypedUuid:
        return self.record.uuid

    @property
    def state(self) -> State:
        return State(self.record.body["state"])

    @property
    def last_event(self) -> str:
        return str(self.record.body["last_event"])

    @property
    def pipeline_uuid(self) -> TypedUuid:
        return TypedUuid(self.record.body["pipeline_uuid"])

    @property
    def data(self) -> JsonObject:
        return self.record.body["data"]  # type: ignore[no-any-return]

    @property
    def archive_system(self) -> str:
        return str(self.record.body["archive_system"])

    @property
    def archive_path(self) -> str:
        return str(self.record.body["archive_path"])

    @property
    def archive_uri(self) -> str:
        return f"agave://{self.archive_system}{self.archive_path}"

    @property
    def archive_patterns(self) -> Sequence[JsonObject]:
        return self.record.body.get("archive_patterns") or ()

    @property
    def product_patterns(self) -> Sequence[JsonObject]:
        return self.record.body.get("product_patterns") or ()

    @property
    def run(self) -> int:
        """Which run of the job this is: 1, and one more with every reset."""
        return int(self.record.body.get("_run", 1))

    def allows(self, event: Event) -> bool:
        return successor(self.state, event) is not None

    def after(
        self,
        event: Event,
        *,
        at: datetime,
        entry: TypedUuid,
        data: JsonObject | None = None,
        implied: bool = False,
    ) -> tuple[Job, HistoryEntry]:
        """Return the job as it stands once `event` has happened, and the entry for its history.

        Args:
            entry: UUID for the entry, prefix 108.
        Raises:
            IllegalTransition: the lifecycle does not allow `event` in this state.
        """
        state = successor(self.state, event)
        if state is None:
            raise IllegalTransition(self.uuid, self.state, event)
        moved = self._with(state=state.value, last_event=event.value, updated=published(at))
        if event is Event.RESET:
            moved = moved._with(_run=self.run + 1)
        return moved, HistoryEntry(uuid=entry, name=event, date=at, data=data, state=state, implied=implied)

    def noting(
        self, event: Event, *, at: datetime, entry: TypedUuid, data: JsonObject | None = None
    ) -> tuple[Job, HistoryEntry]:
        """Return the job with a fact noted that came too late to move it: only `updated` changes."""
        noted = self._with(updated=published(at))
        return noted, HistoryEntry(uuid=entry, name=event, date=at, data=data, state=self.state, noted=True)

    def _with(self, **fields: Any) -> Job:
        return Job(replace(self.record, body={**self.record.body, **fields}))


def new_job(
    *,
    uuid: TypedUuid,
    body: JsonObject,
    salt: str,
    admin: JsonObject,
    at: datetime,
    entry: TypedUuid,
) -> tuple[Job, HistoryEntry]:
    """Return a job that was just created, and its first history entry, whose data is the job's own data."""
    started = {
        **body,
        "state": State.CREATED.value,
        "last_event": Event.CREATE.value,
        "updated": published(at),
    }
    record = Record(kind=Kind.PIPELINEJOB, uuid=uuid, body=started, salt=salt, admin=dict(admin))
    first = HistoryEntry(uuid=entry, name=Event.CREATE, date=at, data=dict(body["data"]), state=State.CREATED)
    return Job(record), first
