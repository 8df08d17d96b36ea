"""A job that comes as a document from another catalog: read back into what it was, and held to the lifecycle.

Jobs move by events alone, so a document is believed only where its history leads to its state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from datacatalog.domain.archive import check_directory
from datacatalog.domain.documents import JsonObject, instant
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event, State, read_event, successor
from datacatalog.domain.kinds import Kind, Relation, TypedUuid

_BESIDE = frozenset({"uuid", "history", *Relation})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedJob:
    """What a job document says.

    Attributes:
        body: as records of jobs hold it.
        history: oldest first; at least one entry.
    """

    uuid: TypedUuid
    pipeline_uuid: TypedUuid
    body: JsonObject
    history: Sequence[HistoryEntry]


def read_job(document: JsonObject) -> ImportedJob:
    """Return the job that a whole document describes, as catalogs publish it.

    Raises:
        InvalidField: something that every job has is missing or is no such thing; its history breaks the lifecycle, or does
            not lead to its state.
        UnsafePath: its archive path.
    """
    uuid = read_typed(_text("uuid", document), Kind.PIPELINEJOB)
    pipeline = read_typed(_text("pipeline_uuid", document), Kind.PIPELINE, field="pipeline_uuid")
    for field in ("archive_system", "updated"):
        _text(field, document)
    check_directory(_text("archive_path", document))
    if not isinstance(document.get("data"), Mapping):
        raise InvalidField("data", "is missing, or no object")
    history = _history_of(document)
    _check_end(document, history)
    body = {k: v for k, v in document.items() if k not in _BESIDE and not k.startswith("_")}
    resets = sum(entry.name is Event.RESET and not entry.noted for entry in history)
    if resets:
        body["_run"] = resets + 1
    return ImportedJob(uuid=uuid, pipeline_uuid=pipeline, body=body, history=history)


def _history_of(document: JsonObject) -> list[HistoryEntry]:
    said = document.get("history")
    if not isinstance(said, Sequence) or isinstance(said, str) or not said:
        raise InvalidField("history", "is missing: a job begins with its entry 'create'")
    history: list[HistoryEntry] = []
    for number, each in enumerate(said):
        place = f"history/{number}"
        if not isinstance(each, Mapping):
            raise InvalidField(place, "is no object")
        entry = _entry(each, place)
        _check_step(history[-1].state if history else None, entry, place)
        history.append(entry)
    if len({entry.uuid for entry in history}) < len(history):
        raise InvalidField("history", "has two entries of one UUID")
    return history


def _entry(said: JsonObject, place: str) -> HistoryEntry:
    data = said.get("data")
    if not (data is None or isinstance(data, Mapping)):
        raise InvalidField(f"{place}/data", "is no object")
    return HistoryEntry(
        uuid=read_typed(_text("uuid", said, place), Kind.PIPELINEJOB_EVENT, field=f"{place}/uuid"),
        name=read_event(_text("name", said, place)),
        date=_date(_text("date", said, place), f"{place}/date"),
        data=data,
        state=_state(_text("state", said, place), f"{place}/state"),
        implied=said.get("implied") is True,
        noted=said.get("noted") is True,
    )


def _check_step(before: State | None, entry: HistoryEntry, place: str) -> None:
    """Raises InvalidField: the lifecycle does not lead there."""
    if before is None:
        if entry.name is not Event.CREATE or entry.noted or entry.state is not State.CREATED:
            raise InvalidField(place, "is not the 'create' that every job begins with")
        return
    state = before if entry.noted else successor(before, entry.name)
    if state is None:
        raise InvalidField(place, f"a job that is {before} cannot '{entry.name}'")
    if state is not entry.state:
        raise InvalidField(place, f"says {entry.state}, but '{entry.name}' leads from {before} to {state}")


def _check_end(document: JsonObject, history: Sequence[HistoryEntry]) -> None:
    """Raises InvalidField: the job is not where its history ends."""
    moved = [entry for entry in history if not entry.noted]
    for field, found in (("state", history[-1].state.value), ("last_event", moved[-1].name.value)):
        if _text(field, document) != found:
            raise InvalidField(field, f"is {document[field][:40]}, but the history ends with {found}")


def _text(field: str, document: JsonObject, place: str = "") -> str:
    value = document.get(field)
    if not isinstance(value, str) or not value:
        raise InvalidField(f"{place}/{field}" if place else field, "is missing, or no text")
    return value


def _date(text: str, place: str) -> datetime:
    try:
        return instant(text)
    except (ValueError, OverflowError):
        raise InvalidField(place, f"{text[:40]!a} is no date such as 2018-12-08T00:08:32.000+0000") from None


def _state(text: str, place: str) -> State:
    try:
        return State(text)
    except ValueError:
        raise InvalidField(place, f"{text[:40]!a} is no state") from None
