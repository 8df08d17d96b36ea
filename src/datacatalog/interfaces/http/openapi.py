"""The OpenAPI 3.1 document, made of schemas/: the wire contract stands in one place."""

from __future__ import annotations

from typing import Any

from datacatalog import __version__
from datacatalog.bootstrap import App
from datacatalog.services.dispatch import ACTORS

_ID = "components/schemas"


def document(app: App) -> dict[str, Any]:
    """Return the OpenAPI document of the gateway."""
    schemas = {name: _componentized(app.env.schemas.get(name)) for name in app.env.schemas.names()}
    schemas["answer"] = _ANSWER
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "http://json-schema.org/draft-07/schema#",
        "info": {"title": "datacatalog", "version": __version__},
        "servers": [{"url": app.settings.api_url}],
        "security": [{"bearer": []}, {"nonce": []}],
        "paths": _paths(app),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "nonce": {"type": "apiKey", "in": "query", "name": "x-nonce"},
            },
        },
    }


def _componentized(schema: Any) -> Any:
    """Return a schema whose references point at its siblings in this document."""
    match schema:
        case dict():
            kept = {k: _componentized(v) for k, v in schema.items() if k not in ("$id", "$schema")}
            reference = kept.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                name = reference.rpartition("/")[2].removesuffix(".json")
                kept["$ref"] = f"#/{_ID}/{name}"
            return kept
        case list():
            return [_componentized(item) for item in schema]
    return schema


def _paths(app: App) -> dict[str, Any]:
    paths: dict[str, Any] = {
        "/healthz": {"get": _plain("The process answers.")},
        "/readyz": {"get": _plain("The store answers.", unavailable=True)},
        "/actors/v2": {"get": _reading("The actors.")},
    }
    for name in ACTORS:
        base = f"/actors/v2/{app.env.rules.actor_ids[name]}"
        paths[base] = {"get": _reading(f"{name}: what it is.")}
        paths[f"{base}/messages"] = {"post": _message(name)}
        paths[f"{base}/executions"] = {"get": _reading(f"{name}: its executions, newest first.")}
        item = {"name": "execution", "in": "path", "required": True, "schema": {"type": "string"}}
        for tail in ("", "/logs"):
            operation = _reading(f"{name}: one execution{tail.replace('/', ': its ')}.")
            paths[f"{base}/executions/{{execution}}{tail}"] = {"get": operation | {"parameters": [item]}}
    return paths


def _plain(summary: str, *, unavailable: bool = False) -> dict[str, Any]:
    responses = {"200": {"description": "ok"}}
    if unavailable:
        responses["503"] = _error("it does not")
    return {"summary": summary, "security": [], "responses": responses}


def _reading(summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {
            "200": _answer("found"),
            "401": _error("missing or wrong credentials"),
            "404": _error("unknown"),
        },
    }


def _message(name: str) -> dict[str, Any]:
    accepts = ACTORS[name].accepts
    return {
        "summary": f"Send a message to the {name}.",
        "parameters": [
            {"name": n, "in": "query", "required": False, "schema": s} for n, s in _URL_FIELDS[name].items()
        ]
        + [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": _KEY}],
        "requestBody": {
            "required": False,
            "content": {
                "application/json": {"schema": {"anyOf": [{"$ref": f"#/{_ID}/{n}"} for n in accepts]}}
            },
        },
        "responses": {
            "200": _answer("handled; the outcome is on disk"),
            "201": _answer("created"),
            "202": _answer("taken, on disk, and being worked on"),
            **{str(code): _error(text) for code, text in _REFUSALS.items()},
        },
    }


_REFUSALS = {
    400: "the message cannot be read; errors name path and schema",
    401: "missing or wrong credentials",
    403: "the token does not authorize this",
    404: "unknown actor, job, pipeline or identifier",
    409: "the present state does not allow it",
    413: "the body is over the limit",
    429: "too many wrong guesses",
    503: "not taken; try again later",
}
_KEY = {"type": "string", "minLength": 1, "maxLength": 200}
_JOB = {"uuid": {"$ref": f"#/{_ID}/pipelinejob_uuid"}, "token": {"$ref": f"#/{_ID}/update_token"}}
_EVENT = {"$ref": f"#/{_ID}/pipelinejob_eventname"}
_TEXT = {"type": "string"}
_URL_FIELDS: dict[str, dict[str, Any]] = {
    "jobs-manager": {**_JOB, "event": _EVENT, "name": _EVENT, "status": _TEXT, "note": _TEXT},
    "jobs-indexer": {
        **_JOB,
        "name": {"enum": ["index", "indexed"]},
        "level": {"$ref": f"#/{_ID}/processing_level"},
    },
    "pipelines-manager": {
        "uuid": {"$ref": f"#/{_ID}/pipeline_uuid"},
        "token": {"$ref": f"#/{_ID}/update_token"},
        "action": {
            "enum": ["create", "update", "replace", "delete", "undelete", "retire", "disable", "enable"]
        },
    },
    "agave-proxy": {},
}
_ANSWER = {
    "type": "object",
    "required": ["message", "result", "status", "version"],
    "properties": {
        "message": {"type": "string"},
        "result": {},
        "status": {"enum": ["success", "error"]},
        "version": {"type": "string"},
    },
}


def _answer(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/{_ID}/answer"}}},
    }


_error = _answer
