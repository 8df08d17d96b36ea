"""A document of the published system, read as what it is here: a record, its links, and what happened to a job.

Nothing is left out silently: what cannot be understood is refused, with its place. What the published system did not write down is made up
from the rest, so that the same document gives the same record each time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from datacatalog.adapters.stores import rules
from datacatalog.adapters.stores.mongo import documents
from datacatalog.adapters.stores.mongo.history import document_of
from datacatalog.adapters.stores.mongo.view import Document
from datacatalog.domain.documents import instant, published
from datacatalog.domain.errors import DatacatalogError, InvalidField
from datacatalog.domain.identifiers.typed import Identity, canonical
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import MOVES, Event, State, read_event
from datacatalog.domain.kinds import LINKAGE_FIELDS, SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.pipelines.pipeline import fingerprint_of
from datacatalog.domain.records import Record, implied_links

_UUID_SUBTYPES = (3, 4)

_READ = frozenset({"_id", "_salt", "_admin", "_properties", "_visible"})

_FLOAT_DIGITS = 15
"""A decimal number of no more digits is the same as a float."""


class NotUnderstood(Exception):
    """A part of a document that this version cannot read.

    Attributes:
        place: path of fields, as "/history/3/name".
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place, self.reason = place, reason


@dataclass(frozen=True, slots=True)
class Converted:
    """What a published document becomes.

    Attributes:
        document: of the record, without `_id`.
        history: documents of what happened to it.
        tenant: whose it is.
    """

    document: Document
    history: tuple[Document, ...]
    tenant: str


def converted(kind: Kind, found: Document, salt: str) -> Converted:
    """Read a document of a record.

    Args:
        salt: for a record that has none.
    Raises:
        NotUnderstood.
    """
    uuid = _typed(found.get("uuid"), kind)
    targets, odd = _links(kind, uuid, found)
    fields = {name: value for name, value in found.items() if _is_body(name)}
    history = fields.pop("history", None) if kind is Kind.PIPELINEJOB else None
    body = {name: json_of(value, f"/{name}") for name, value in {**fields, **odd}.items()}
    made, changed, revision = _properties(found)
    entries: list[HistoryEntry] = []
    if kind is Kind.PIPELINEJOB:
        entries = _history(uuid, history, body)
        body = _job(body, entries, changed)
    elif kind is Kind.PIPELINE:
        body = _pipeline(body)
    record = Record(
        kind=kind,
        uuid=uuid,
        body=body,
        salt=_text(found.get("_salt", salt), "/_salt"),
        admin=_admin(found.get("_admin")),
        revision=revision,
        visible=_visible(found.get("_visible", True)),
        created=made,
        modified=changed,
    )
    try:
        document = documents.of_record(record, targets, known=_private(found))
        events = [document_of(uuid, seq, entry) for seq, entry in enumerate(entries, start=1)]
    except DatacatalogError as error:
        raise NotUnderstood("/", str(error)) from error
    return Converted(document, tuple(events), str(record.admin.get("tenant", "")))


def _is_body(name: str) -> bool:
    return not name.startswith("_") and name != "uuid" and name not in LINKAGE_FIELDS


def _private(found: Document) -> Document:
    """Return what stays of a document as it is: its source, and the private fields that nobody here reads."""
    others = {name: value for name, value in found.items() if name.startswith("_") and name not in _READ}
    properties = found.get("_properties") or {}
    return {"_properties": properties, **({documents.OTHERS: others} if others else {})}


# ---------------------------------------------------------------------------------------------- values


def json_of(value: Any, place: str) -> Any:
    """Return a value of BSON as JSON has it: dates and UUIDs become texts.  Raises NotUnderstood."""
    match value:
        case None | bool() | str():
            return value
        case Int64():
            return int(value)
        case int():
            return value
        case float() if math.isfinite(value):
            return value
        case datetime():
            return date_text(value)
        case ObjectId():
            return str(value)
        case Mapping():
            return {name: json_of(each, f"{place}/{name}") for name, each in value.items()}
        case list():
            return [json_of(each, f"{place}/{number}") for number, each in enumerate(value)]
        case Decimal128():
            return _number(value, place)
        case UUID():
            return str(value)
        case Binary() if value.subtype in _UUID_SUBTYPES:
            return str(UUID(bytes=bytes(value)))
    raise NotUnderstood(place, f"a value of type {type(value).__name__} is nothing that JSON knows")


def date_text(at: datetime) -> str:
    """Return an instant as records print it, with its milliseconds."""
    known = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return published(known).replace(".000+", f".{known.microsecond // 1000:03d}+")


def _number(value: Decimal128, place: str) -> int | float:
    number = value.to_decimal()
    if number.is_finite() and len(number.as_tuple().digits) <= _FLOAT_DIGITS:
        return int(number) if number == number.to_integral_value() else float(number)
    raise NotUnderstood(place, f"{number} has more digits than a number of JSON can be trusted with")


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise NotUnderstood(place, f"is no text, but {type(value).__name__}")
    return value


def _visible(value: Any) -> bool:
    if not isinstance(value, bool):
        raise NotUnderstood("/_visible", "is neither true nor false")
    return value


def _admin(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise NotUnderstood("/_admin", "is no object")
    return {name: _text(each, f"/_admin/{name}") for name, each in value.items() if each is not None}


def uuid_of(value: Any, place: str) -> str:
    """Return a UUID as this catalog writes it.  Raises NotUnderstood."""
    text = json_of(value, place)
    try:
        return canonical(_text(text, place))
    except InvalidField as error:
        raise NotUnderstood(place, error.reason) from error


def _typed(value: Any, kind: Kind) -> TypedUuid:
    uuid = uuid_of(value, "/uuid")
    if rules.kind_of(uuid) is not kind:
        raise NotUnderstood("/uuid", f"{uuid} is no UUID of a {kind}")
    return TypedUuid(uuid)


def instant_of(value: Any, place: str) -> datetime:
    """Return an instant, of a date or a text.  Raises NotUnderstood."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    text = _text(value, place)
    for read in (instant, datetime.fromisoformat):
        try:
            at = read(text)
        except ValueError:
            continue
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    raise NotUnderstood(place, f"{text[:40]!r} is no date")


def _properties(found: Document) -> tuple[datetime, datetime, int]:
    """Return when a record was made, when it was changed last, and how often."""
    said = found.get("_properties") or {}
    if not isinstance(said, Mapping):
        raise NotUnderstood("/_properties", "is no object")
    key = found.get("_id")
    first = key.generation_time if isinstance(key, ObjectId) else datetime(1970, 1, 1, tzinfo=UTC)
    made = instant_of(said.get("created_date") or first, "/_properties/created_date")
    changed = instant_of(said.get("modified_date") or made, "/_properties/modified_date")
    revision = said.get("revision", 0)
    if isinstance(revision, bool) or not isinstance(revision, int) or revision < 0:
        raise NotUnderstood("/_properties/revision", "is no count")
    return made, changed, int(revision)


# ----------------------------------------------------------------------------------------------- links


def _links(kind: Kind, uuid: TypedUuid, found: Document) -> tuple[dict[Relation, set[str]], Document]:
    """Return what a document says of others; and the fields of links that its kind does not carry any more."""
    implied = {(link.relation, link.target) for link in implied_links(uuid)}
    targets: dict[Relation, set[str]] = {}
    odd: Document = {}
    for relation in Relation:
        said = found.get(relation.value)
        listed = said if isinstance(said, list) else [] if said is None else [said]
        if relation not in SPECS[kind].relations:
            odd |= {relation.value: listed} if listed else {}
            continue
        for number, each in enumerate(listed):
            target = TypedUuid(uuid_of(each, f"/{relation}/{number}"))
            if target == uuid:
                raise NotUnderstood(f"/{relation}/{number}", "a record cannot point at itself")
            if (relation, target) not in implied:
                targets.setdefault(relation, set()).add(target)
    return targets, odd


# ---------------------------------------------------------------------------------- jobs and pipelines


def _history(job: TypedUuid, said: Any, body: Mapping[str, Any]) -> list[HistoryEntry]:
    """Return the entries of a job's history. They tell no states; those follow from the events, the last from the job."""
    if said is None:
        return []
    if not isinstance(said, list):
        raise NotUnderstood("/history", "is no list")
    entries: list[HistoryEntry] = []
    state = State.CREATED
    for number, each in enumerate(said):
        place = f"/history/{number}"
        if not isinstance(each, Mapping):
            raise NotUnderstood(place, "is no object")
        event = _event(each.get("name"), f"{place}/name")
        state = MOVES[event][1] or state
        if number == len(said) - 1 and "state" in body:
            state = _state(body["state"])
        entries.append(_entry(job, number, each, event, state))
    return entries


def _entry(job: TypedUuid, number: int, said: Mapping[str, Any], event: Event, state: State) -> HistoryEntry:
    place = f"/history/{number}"
    data = json_of(said.get("data"), f"{place}/data")
    if not (data is None or isinstance(data, dict)):
        raise NotUnderstood(f"{place}/data", "is no object")
    if said.get("uuid") is None:
        uuid = Identity().uuid(Kind.PIPELINEJOB_EVENT, f"{job}:{number}")
    else:
        uuid = TypedUuid(uuid_of(said["uuid"], f"{place}/uuid"))
    date = instant_of(said.get("date"), f"{place}/date")
    return HistoryEntry(uuid=uuid, name=event, date=date, data=data, state=state)


def _event(value: Any, place: str) -> Event:
    try:
        return read_event(_text(value, place))
    except InvalidField as error:
        raise NotUnderstood(place, error.reason) from error


def _state(value: Any) -> State:
    try:
        return State(value)
    except ValueError:
        raise NotUnderstood("/state", f"{str(value)[:40]!r} is no state") from None


def _job(body: dict[str, Any], entries: list[HistoryEntry], changed: datetime) -> dict[str, Any]:
    """Return the body of a job with what every job has here."""
    last = entries[-1] if entries else None
    told = {
        "state": State.CREATED.value if last is None else last.state.value,
        "last_event": Event.CREATE.value if last is None else last.name.value,
        "updated": date_text(changed if last is None else last.date),
    }
    whole = {**body, **{name: value for name, value in told.items() if body.get(name) is None}}
    _state(whole["state"])
    if "pipeline_uuid" in whole:
        whole["pipeline_uuid"] = uuid_of(whole["pipeline_uuid"], "/pipeline_uuid")
    resets = sum(entry.name is Event.RESET for entry in entries)
    return {**whole, "_run": resets + 1} if resets else whole


def _pipeline(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a pipeline with the mark by which equal ones are found, where it has components."""
    try:
        return {**body, "_fingerprint": fingerprint_of(body)}
    except DatacatalogError:
        return body
