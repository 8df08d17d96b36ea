"""The routes of subscriptions, described."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.interfaces.http.catalog.subscriptions import COLLECTION, ONE, OVERLAP_MAX_S
from datacatalog.interfaces.http.openapi.common import LIMIT, operation
from datacatalog.interfaces.http.openapi.parts import TEXT, answer, arrays, in_path, in_query, objects, schema
from datacatalog.services.subscriptions import OVERLAP, URL_MAX


def paths() -> dict[str, Any]:
    """Describe subscriptions."""
    return {
        COLLECTION: {"get": _list(), "post": _create()},
        ONE: {"get": _show(), "patch": _change(), "delete": _remove()},
        f"{ONE}/rotate": {"post": _rotate()},
    }


_EVENTS = arrays({"enum": [event.value for event in Event]})
_SECRET = {"type": "string", "description": "base64 of 24 to 64 bytes, with or without `whsec_` before it"}
_TIME = schema("timestamp")
_TROUBLE = {
    "anyOf": [
        {"type": "null"},
        objects({"since": _TIME, "failures": {"type": "integer"}, "next": _TIME, "reason": TEXT}),
    ]
}
_FIELDS = {
    "id": TEXT,
    "subject": schema("typed_uuid"),
    "events": _EVENTS,
    "url": {"type": "string", "description": "what stands behind its `?` is not shown"},
    "owner": TEXT,
    "tenant": TEXT,
    "created": _TIME,
    "paused": {"type": "boolean"},
    "trouble": _TROUBLE,
}
_SUBSCRIPTION = objects(_FIELDS)
_WITH_SECRET = objects({**_FIELDS, "secret": {"type": "string", "description": "shown this once"}})
_ID = in_path("id", TEXT, "of a subscription")


def _list() -> dict[str, Any]:
    found = objects({"subscriptions": arrays(_SUBSCRIPTION), "next": {"type": ["string", "null"]}})
    return operation(
        "The subscriptions of one's tenant.",
        "subscriptions",
        {"200": answer("found", found)},
        LIMIT,
        in_query("after", TEXT, "`next` of the page before"),
    )


def _create() -> dict[str, Any]:
    wish = {
        "subject": {"anyOf": [schema("pipeline_uuid"), schema("pipelinejob_uuid")]},
        "url": {"type": "string", "maxLength": URL_MAX, "description": "one that may be reached from here"},
        "events": {**_EVENTS, "default": [], "description": "none: all"},
        "secret": _SECRET,
    }
    made = answer("made; its secret is shown this once", _WITH_SECRET, Location="its address")
    told = operation(
        "Subscribe to a pipeline or a job.",
        "subscribe",
        {"201": made},
        status_404="unknown pipeline or job",
        status_413="the body is over the limit",
    )
    return _with_body(told, wish, required=["subject", "url"])


def _show() -> dict[str, Any]:
    found = answer("found", _SUBSCRIPTION)
    return operation("One subscription.", "subscription", {"200": found}, _ID, status_404="unknown")


def _change() -> dict[str, Any]:
    told = operation(
        "Pause a subscription, or take it up again.",
        "changeSubscription",
        {"200": answer("changed", _SUBSCRIPTION)},
        _ID,
        status_404="unknown",
        status_413="the body is over the limit",
    )
    return _with_body(told, {"paused": {"type": "boolean"}}, required=["paused"])


def _remove() -> dict[str, Any]:
    gone = answer("removed", objects({"id": TEXT, "action": {"const": "removed"}}))
    return operation("Remove a subscription.", "unsubscribe", {"200": gone}, _ID, status_404="unknown")


def _rotate() -> dict[str, Any]:
    wish = {
        "secret": _SECRET,
        "overlap_s": {
            "type": "integer",
            "minimum": 0,
            "maximum": OVERLAP_MAX_S,
            "default": int(OVERLAP.total_seconds()),
            "description": "how long deliveries carry the signature of the one before, too",
        },
    }
    told = operation(
        "Sign with another secret from now on.",
        "rotateSubscription",
        {"200": answer("rotated; the secret is shown this once", _WITH_SECRET)},
        _ID,
        status_404="unknown",
        status_413="the body is over the limit",
    )
    return _with_body(told, wish, required=[])


def _with_body(told: dict[str, Any], fields: dict[str, Any], *, required: list[str]) -> dict[str, Any]:
    body = {"type": "object", "properties": fields, "required": required, "additionalProperties": False}
    return {
        **told,
        "requestBody": {"required": bool(required), "content": {"application/json": {"schema": body}}},
    }
