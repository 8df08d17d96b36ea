"""The whole document: who can be asked, how, and what for."""

from __future__ import annotations

from typing import Any

from datacatalog import __version__
from datacatalog.bootstrap import App
from datacatalog.interfaces.http.openapi import about, actors, agave, catalog, subscriptions
from datacatalog.interfaces.http.openapi.parts import ANSWER, REFUSAL, SCHEMAS, refusal, refusals


def document(app: App) -> dict[str, Any]:
    """Return the OpenAPI document of the gateway."""
    schemas = {name: _componentized(app.env.schemas.get(name)) for name in app.env.schemas.names()}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "http://json-schema.org/draft-07/schema#",
        "info": {"title": "datacatalog", "version": __version__},
        "servers": [{"url": app.settings.api_url}],
        "security": [{"bearer": []}, {"nonce": []}],
        "tags": [
            {"name": "actors", "description": "Messages, executions and nonces, as Abaco has them."},
            {"name": "catalog", "description": "Records, their links, logs, lineage and exports."},
            {"name": "platform", "description": "Apps, jobs and files, as Agave has them."},
        ],
        "paths": {
            **_SERVICE,
            **actors.paths(app),
            **catalog.paths(),
            **subscriptions.paths(),
            **agave.paths(),
        },
        "components": {
            "schemas": {**schemas, "answer": ANSWER, "refusal": REFUSAL, **about.SCHEMAS_OF_ANSWERS},
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
                kept["$ref"] = f"{SCHEMAS}/{name}"
            return kept
        case list():
            return [_componentized(item) for item in schema]
    return schema


def _open(summary: str, **responses: Any) -> dict[str, Any]:
    """Describe an operation that nobody needs credentials for."""
    return {
        "get": {"summary": summary, "security": [], "responses": {"200": {"description": "ok"}, **responses}}
    }


_SERVICE = {
    "/": _open("Name and version."),
    "/healthz": _open("The process answers."),
    "/readyz": _open("The store answers.", **{"503": refusal("it does not")}),
    "/metrics": {
        "get": {
            "summary": "What this gateway counted, and how it stands with the ledger, for Prometheus.",
            "operationId": "metrics",
            "responses": {
                "200": {
                    "description": "the metrics",
                    "content": {"text/plain": {"schema": {"type": "string"}}},
                },
                **refusals(status_404="this gateway publishes none"),
            },
        }
    },
    "/openapi.json": _open("This document."),
}
