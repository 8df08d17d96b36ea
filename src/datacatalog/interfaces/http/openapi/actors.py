"""Abaco's routes, described."""

from __future__ import annotations

from typing import Any

from datacatalog.bootstrap import App
from datacatalog.domain.privileges import LEVELS
from datacatalog.interfaces.http.openapi.parts import (
    TEXT,
    answer,
    arrays,
    in_header,
    in_path,
    in_query,
    objects,
    refusal,
    refusals,
    schema,
)
from datacatalog.interfaces.http.reading import LIMIT_MAX
from datacatalog.services.dispatch import ACTORS

_TAG = {"tags": ["actors"]}
_PAGING = [
    in_query("limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 100}),
    in_query("after", TEXT, "the last id of the page before"),
]


def paths(app: App) -> dict[str, Any]:
    """Describe the routes of every actor."""
    described: dict[str, Any] = {"/actors/v2": {"get": _reading("The actors.")}}
    for name in ACTORS:
        base = f"/actors/v2/{app.env.rules.actor_ids[name]}"
        described[base] = {"get": _reading(f"{name}: what it is.")}
        described[f"{base}/messages"] = {"post": _message(name)}
        described[f"{base}/executions"] = {
            "get": _reading(f"{name}: its executions, newest first.", *_PAGING, status_400="no such page")
        }
        described[f"{base}/executions/{{execution}}"] = {
            "get": _reading(f"{name}: one execution.", in_path("execution"))
        }
        described[f"{base}/executions/{{execution}}/logs"] = {
            "get": _reading(f"{name}: one execution: its logs.", in_path("execution"))
        }
        described[f"{base}/nonces"] = _nonces(name)
        described[f"{base}/nonces/{{nonce}}"] = _one_nonce(name)
    return described


def _reading(summary: str, *parameters: Any, **more: str) -> dict[str, Any]:
    return {
        **_TAG,
        "summary": summary,
        "parameters": [*parameters],
        "responses": {"200": answer("found"), **refusals(status_404="unknown", **more)},
    }


def _message(name: str) -> dict[str, Any]:
    accepts = ACTORS[name].accepts
    return {
        **_TAG,
        "summary": f"Send a message to the {name}.",
        "parameters": [
            *(in_query(n, s) for n, s in _URL_FIELDS[name].items()),
            in_header("Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": 200}),
        ],
        "requestBody": {
            "required": False,
            "content": {"application/json": {"schema": {"anyOf": [schema(n) for n in accepts]}}},
        },
        "responses": {
            "200": answer("handled; the outcome is on disk"),
            "201": answer("created"),
            "202": answer("taken, on disk, and being worked on"),
            **{str(code): refusal(text) for code, text in _REFUSALS.items()},
        },
    }


def _nonces(name: str) -> dict[str, Any]:
    wishes = {
        "level": {"enum": [*LEVELS], "default": "EXECUTE"},
        "maxUses": {"type": "integer", "minimum": -1, "default": -1, "description": "-1: no limit"},
        "lifetimeSeconds": {"type": ["number", "null"], "exclusiveMinimum": 0},
        "description": {"description": "passed over"},
    }
    body = {"type": "object", "properties": wishes, "additionalProperties": False}
    return {
        "get": {
            **_TAG,
            "summary": f"{name}: its nonces; what they open, not what they are.",
            "responses": {
                "200": answer("found", arrays(_NONCE)),
                **refusals(status_404="unknown actor"),
            },
        },
        "post": {
            **_TAG,
            "summary": f"{name}: make a nonce.",
            "requestBody": {"required": False, "content": {"application/json": {"schema": body}}},
            "responses": {
                "201": answer("made; its id is itself, which is shown this once", _NONCE),
                **refusals(
                    status_400="it cannot be made so",
                    status_404="unknown actor",
                    status_413="the body is over the limit",
                ),
            },
        },
    }


def _one_nonce(name: str) -> dict[str, Any]:
    called = [in_path("nonce", TEXT, "its id in the list, or itself")]
    return {
        "get": {
            **_TAG,
            "summary": f"{name}: one of its nonces.",
            "parameters": called,
            "responses": {"200": answer("found", _NONCE), **refusals(status_404="unknown")},
        },
        "delete": {
            **_TAG,
            "summary": f"{name}: revoke a nonce.",
            "parameters": called,
            "responses": {"200": answer("revoked"), **refusals(status_404="unknown")},
        },
    }


_REFUSALS = {
    400: "the message cannot be read; errors name path and schema",
    401: "missing or wrong credentials",
    403: "the credential or the token does not authorize this",
    404: "unknown actor, job, pipeline or identifier",
    409: "the present state does not allow it",
    413: "the body is over the limit",
    429: "too many wrong guesses",
    503: "not taken; try again later",
}
_NONCE = objects(
    {
        "id": TEXT,
        "actorId": TEXT,
        "apiServer": TEXT,
        "label": TEXT,
        "level": {"enum": [*LEVELS]},
        "owner": TEXT,
        "createTime": schema("timestamp"),
        "expireTime": {"anyOf": [schema("timestamp"), {"type": "null"}]},
        "lastUseTime": {"anyOf": [schema("timestamp"), {"type": "null"}]},
        "maxUses": {"type": "integer"},
        "remainingUses": {"type": "integer"},
        "_links": objects({"self": TEXT, "actor": TEXT}),
    }
)
_JOB = {"uuid": schema("pipelinejob_uuid"), "token": schema("update_token")}
_EVENT = schema("pipelinejob_eventname")
_URL_FIELDS: dict[str, dict[str, Any]] = {
    "jobs-manager": {**_JOB, "event": _EVENT, "name": _EVENT, "status": TEXT, "note": TEXT},
    "jobs-indexer": {
        **_JOB,
        "name": {"enum": ["index", "indexed"]},
        "level": schema("processing_level"),
    },
    "pipelines-manager": {
        "uuid": schema("pipeline_uuid"),
        "token": schema("update_token"),
        "action": {
            "enum": ["create", "update", "replace", "delete", "undelete", "retire", "disable", "enable"]
        },
    },
    "agave-proxy": {},
}
