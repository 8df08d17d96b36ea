"""What the jobs-manager takes: JSON events, delete actions, callbacks of platforms, events in URL parameters."""

from __future__ import annotations

from collections.abc import Mapping

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import BadMessage, InvalidField
from datacatalog.domain.jobs.lifecycle import read_event
from datacatalog.domain.messages import DeleteJob, JobEvent, Message, PlatformCallback
from datacatalog.ports.schemas import Schemas
from datacatalog.services.reading.requests import (
    Request,
    event_names,
    job_uuid,
    one_of,
    read_document,
    refusal,
    the_schema,
)

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
    name = one_of("name", document["name"].lower(), *(v.lower() for v in event_names(url)))
    return JobEvent(
        uuid=job_uuid(one_of("uuid", document["uuid"], url.get("uuid"))),
        name=read_event(name),
        token=one_of("token", document.get("token"), url.get("token")),
        data=document.get("data"),
    )


def _url_event(url: Mapping[str, str], document: JsonObject | None) -> Message:
    """Read an event that stands in the URL; a body that is no event of its own becomes its data."""
    name = one_of("event", *(v.lower() for v in event_names(url)))
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
    if event_names(url):
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
