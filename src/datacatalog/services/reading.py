"""From bytes and URL parameters to one typed message, or a refusal that tells where.

A request reaches an actor as a body and as a context (its URL parameters). Fields may stand in either; two different
values for one field are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.errors import (
    BadMessage,
    ConflictingFields,
    InvalidField,
    InvalidMessage,
)
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.jobs.lifecycle import read_event
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.linkage.levels import LINKAGE_PARAMETERS
from datacatalog.domain.messages import (
    CreatePipeline,
    DeleteJob,
    DeletePipeline,
    IndexJob,
    JobEvent,
    LaunchJob,
    MarkIndexed,
    Message,
    PlatformCallback,
    RestorePipeline,
    UpdatePipeline,
)
from datacatalog.domain.strict_json import parse_json
from datacatalog.ports.schemas import Schemas

EVENT = "pipelinejob_manager_event"
DELETE_JOB = "pipelinejob_manager_delete_action"
TAPIS_CALLBACK = "tapis_job_callback"
SPEAKS: Mapping[str, str] = {
    "agave_job_callback": "agave",
    "aloe_job_callback": "agave",
    TAPIS_CALLBACK: "tapis",
}
"""Schema of a callback's body -> the platform in whose words it is."""
CALLBACKS = tuple(SPEAKS)
INDEX = "pipelinejob_index"
INDEXED = "pipelinejob_indexed"
LAUNCH = "agave_pipelinejob"
CREATE, UPDATE, DELETE, UNDELETE, RETIRE = (
    f"pipeline_manager_{action}" for action in ("create", "update", "delete", "undelete", "retire")
)


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


# ------------------------------------------------------------------------------------ jobs-manager


def read_for_jobs_manager(request: Request, schemas: Schemas) -> Message:
    """Read a JSON event, a delete action, a platform callback, or an event in URL parameters.

    Raises:
        BadMessage: nothing actionable was received, or fields contradict each other.
    """
    document, url = read_document(request.body), request.context
    if document is None:
        return _url_event(url, None)
    name = the_schema(document, (EVENT, DELETE_JOB, *CALLBACKS), schemas)
    if name == EVENT:
        return _json_event(document, url)
    if name == DELETE_JOB:
        return DeleteJob(
            uuid=job_uuid(one_of("uuid", document.get("uuid"), url.get("uuid"))),
            token=one_of("token", document.get("token"), url.get("token")),
            force=bool(document.get("force", False)),
        )
    if name in CALLBACKS:
        return _callback(document, url, SPEAKS[name])
    if "uuid" in url and {"event", "name", "status", "state"} & url.keys():
        return _url_event(url, document)
    raise refusal(document, (EVENT, DELETE_JOB, *CALLBACKS), schemas)


def _json_event(document: JsonObject, url: Mapping[str, str]) -> JobEvent:
    name = one_of("name", document["name"].lower(), *(v.lower() for v in _url_names(url)))
    return JobEvent(
        uuid=job_uuid(one_of("uuid", document["uuid"], url.get("uuid"))),
        name=read_event(name),
        token=one_of("token", document.get("token"), url.get("token")),
        data=document.get("data"),
    )


def _url_names(url: Mapping[str, str]) -> list[str]:
    return [url[key] for key in ("event", "name") if url.get(key)]


def _url_event(url: Mapping[str, str], document: JsonObject | None) -> Message:
    """Read an event that stands in the URL; a body that is no event of its own becomes its data."""
    name = one_of("event", *(v.lower() for v in _url_names(url)))
    if name is None:
        if {"status", "state"} & url.keys():
            # Even an empty one makes it a callback: platforms send what they could not fill in.
            return _callback(document or {}, url)
        raise BadMessage("no actionable event was received: uuid, and event= or status=, are required")
    note = {"note": url["note"]} if url.get("note") else None
    return JobEvent(
        uuid=job_uuid(url.get("uuid")),
        name=read_event(name),
        token=url.get("token"),
        data=_without_token(document, url) if document is not None else note,
    )


def _without_token(document: JsonObject, url: Mapping[str, str]) -> JsonObject:
    """Return what becomes an event's data. The token that authorizes it is none of that: histories are for readers."""
    if "token" in document and document["token"] == url.get("token"):
        return {name: value for name, value in document.items() if name != "token"}
    return document


def _callback(document: JsonObject, url: Mapping[str, str], platform: str = "") -> Message:
    if _url_names(url):
        # The sender says itself which event it means; the callback's body then goes with it.
        return _url_event(url, document)
    status = one_of("status", url.get("status"), url.get("state"))
    return PlatformCallback(
        uuid=job_uuid(url.get("uuid")),
        token=url.get("token"),
        body=document,
        url_status=status.upper() if status else None,
        note=_filled(url.get("note")),
        run=_run(url.get("run")),
        platform=platform,
    )


def delivery_in(request: Request, schemas: Schemas) -> str | None:
    """Return what tells a repeat of a notification of Tapis, whose id stands in its body; None for any other message.

    What differs in anything else is no repeat.
    """
    if b'"event"' not in request.body:
        return None
    try:
        document = read_document(request.body)
    except BadMessage:
        return None  # Whoever reads the message says why.
    if document is None or not schemas.valid(TAPIS_CALLBACK, document):
        return None
    return f"tapis:{document['uuid']}:{request.mark}"


def _run(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidField("run", "is no number of a run")
    return int(text)


def _filled(text: str | None) -> str | None:
    """Return a URL parameter, or None where its macro was left unfilled by the platform."""
    return text if text and not text.startswith("${") else None


# ------------------------------------------------------------------------------------ jobs-indexer


def read_for_jobs_indexer(request: Request, schemas: Schemas) -> Message:
    """Read an index or indexed message; its fields may stand in the body or (filters excepted) in the URL."""
    document, url = dict(read_document(request.body) or {}), request.context
    names = [document["name"]] if isinstance(document.get("name"), str) else []
    for key, values in (
        ("name", [*names, *(v.lower() for v in _url_names(url))]),
        ("level", [document.get("level"), url.get("level")]),
    ):
        if (value := one_of(key, *values)) is not None:
            document[key] = value
    for key in ("uuid", "token"):
        if (value := one_of(key, document.get(key), url.get(key))) is not None:
            document[key] = value
    document.setdefault("name", "index")
    # The name tells which schema is meant; asking that one first spares the other's reasons.
    accepts = (INDEXED, INDEX) if document["name"] == "indexed" else (INDEX, INDEXED)
    name = the_schema(document, accepts, schemas)
    if name is None:
        raise refusal(document, accepts, schemas)
    uuid, token = job_uuid(document["uuid"]), document.get("token")
    if name == INDEXED:
        return MarkIndexed(uuid=uuid, token=token)
    return IndexJob(uuid=uuid, token=token, filters=document.get("filters"), level=document.get("level"))


# --------------------------------------------------------------------------------- pipelines-manager


def read_for_pipelines_manager(request: Request, schemas: Schemas) -> Message:
    """Read a pipeline document, an action message, or an action in URL parameters.

    A pipeline document with a token (in the URL) updates; without one it creates.
    """
    document, url = read_document(request.body), request.context
    action = url.get("action")
    if not document:
        if action is None:
            raise BadMessage("neither a pipeline document nor an action was received")
        return _pipeline_action(action, {}, url, schemas)
    accepts = (CREATE, UPDATE, DELETE, UNDELETE, RETIRE)
    name = the_schema(document, accepts, schemas)
    if name is None:
        raise refusal(document, accepts, schemas)
    if name != CREATE:
        one_of("action", document["action"], action)
        return _pipeline_action(document["action"], document, url, schemas)
    token, uuid = url.get("token"), one_of("uuid", document.get("uuid"), url.get("uuid"))
    if token is None and action in (None, "create"):
        return CreatePipeline(document=document)
    if action in (None, "update", "replace"):
        return UpdatePipeline(
            uuid=None if uuid is None else pipeline_uuid(uuid),
            token=token,
            body=document,
            strategy="replace",
        )
    raise InvalidField("action", f"'{action}' cannot be done with a pipeline document")


_WHOLE: JsonObject = {"name": "-", "components": [{"uri": "https://example.org"}]}


def _check_changes(body: JsonObject, uuid: TypedUuid, schemas: Schemas) -> None:
    """Hold the changes of an update to what a whole document may say.  Raises InvalidMessage, ConflictingFields."""
    if found := schemas.complaints(CREATE, {**_WHOLE, **body}):
        raise InvalidMessage({UPDATE: [(f"/body{path}", reason) for path, reason in found]})
    if "uuid" in body:
        one_of("uuid", uuid, pipeline_uuid(body["uuid"]))


def _pipeline_action(action: str, document: JsonObject, url: Mapping[str, str], schemas: Schemas) -> Message:
    value = one_of("uuid", document.get("uuid"), url.get("uuid"))
    if value is None:
        raise InvalidField("uuid", "a pipeline UUID is required")
    uuid, token = pipeline_uuid(value), one_of("token", document.get("token"), url.get("token"))
    match action:
        case "update":
            body = document.get("body", {})
            _check_changes(body, uuid, schemas)
            return UpdatePipeline(uuid=uuid, token=token, body=body)
        case "delete" | "disable" | "retire":
            return DeletePipeline(uuid=uuid, token=token, force=bool(document.get("force", False)))
        case "undelete" | "enable":
            return RestorePipeline(uuid=uuid, token=token)
    raise InvalidField(
        "action", f"'{action}' is no action; update, delete, undelete, retire, disable or enable"
    )


# --------------------------------------------------------------------------------------- agave-proxy


def read_for_agave_proxy(request: Request, schemas: Schemas) -> Message:
    """Read the description of a job to launch."""
    document = read_document(request.body) or {}
    if not schemas.valid(LAUNCH, document):
        raise _launch_refusal(document, schemas)
    return LaunchJob(
        token=request.context.get("token"),
        definition=document["job_definition"],
        linkage=document.get("parameters", {}),
        data=document.get("data", {}),
        instanced=document.get("instanced", True),
        index_patterns=document.get("index_patterns", ()),
        processing_level=document.get("processing_level", "1"),
        archive_path=document.get("archive_path"),
    )


def _launch_refusal(document: JsonObject, schemas: Schemas) -> InvalidMessage:
    """Return the error that tells why a launch does not fit, and what to write in place of the older form.

    That one named a level, under `collection`, and no record.
    """
    found = schemas.complaints(LAUNCH, document)
    if (level := document.get("collection")) is not None:
        wanted = f"{level}_id" if f"{level}_id" in LINKAGE_PARAMETERS else "sample_id"
        instead = f'is of an older form; name the record itself: "parameters": {{"{wanted}": "..."}}'
        found = [*found, ("/collection", instead)]
    return InvalidMessage({LAUNCH: found})
