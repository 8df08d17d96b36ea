"""A message as it arrived: its bytes, its URL parameters, and the fields in both."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.errors import ConflictingFields, InvalidField, InvalidMessage
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.messages import Message
from datacatalog.domain.strict_json import parse_json
from datacatalog.ports.schemas import Schemas


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One message as it arrived.

    Attributes:
        context: URL parameters, without x-nonce; each at most once.
    """

    actor: str
    body: bytes = b""
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """What tells one message from another."""
        context = minified(dict(self.context)).encode()
        return hashlib.sha256(context + b"\0" + self.body).hexdigest()


Reader = Callable[["Request", Schemas], Message]


def read_document(body: bytes) -> JsonObject | None:
    """Return the object in a body, or None where it is blank.

    A body `{"message": {...}}`, the form in which Abaco clients wrap messages, is unwrapped; so is one whose message is
    an object written as text. Lines may be broken with a backslash, as in the published curl commands, whose shell
    leaves it in the body; no JSON has one there.
    """
    if not body.strip():
        return None
    value = parse_json(body.replace(b"\\\n", b"\n"))
    if isinstance(value, dict) and value.keys() == {"message"}:
        inner = value["message"]
        if isinstance(inner, str) and inner.lstrip().startswith("{"):
            inner = parse_json(inner)
        if isinstance(inner, dict):
            return inner
    if not isinstance(value, dict):
        raise InvalidMessage({"message": [("/", "must be a JSON object")]})
    return value


def the_schema(document: JsonObject, accepts: Sequence[str], schemas: Schemas) -> str | None:
    """Return the name of the one schema among `accepts` that a document fits, or None.

    The schemas of one actor exclude each other (a test holds them to that), so the first that fits is the one.
    """
    return next((name for name in accepts if schemas.valid(name, document)), None)


def refusal(document: JsonObject, accepts: Sequence[str], schemas: Schemas) -> InvalidMessage:
    """Return the error that tells, per schema, why a document does not fit."""
    return InvalidMessage({name: schemas.complaints(name, document) for name in accepts})


def one_of(field: str, *values: Any) -> Any:
    """Return the one value that is given for a field, or None.

    Raises:
        ConflictingFields: two are given, and differ.
    """
    found = None
    for value in values:
        if value is None or value == "":
            continue
        if found is not None and value != found:
            raise ConflictingFields(field)
        found = value
    return found


def job_uuid(value: Any) -> TypedUuid:
    if not isinstance(value, str) or not value:
        raise InvalidField("uuid", "a job UUID is required")
    return read_typed(value, Kind.PIPELINEJOB)


def pipeline_uuid(value: str) -> TypedUuid:
    return read_typed(value, Kind.PIPELINE)


def event_names(url: Mapping[str, str]) -> list[str]:
    """Return what URL parameters call an event; either name of the parameter does."""
    return [url[key] for key in ("event", "name") if url.get(key)]
