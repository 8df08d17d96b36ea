"""The routes of the platform, described."""

from __future__ import annotations

from typing import Any

from datacatalog.interfaces.http.openapi.parts import (
    TEXT,
    answer,
    arrays,
    in_header,
    in_path,
    in_query,
    objects,
    refusals,
)
from datacatalog.interfaces.http.reading import LIMIT_MAX

FLAG = {"type": "boolean", "default": False}
LOOKS = [in_query("pretty", FLAG, "indented"), in_query("naked", FLAG, "the result without its envelope")]
PAGING = [
    in_query("limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 100}),
    in_query("offset", {"type": "integer", "minimum": 0, "default": 0}),
]
ID = in_path("job", TEXT, "its id")
LINKS = {"type": "object"}
JOB = objects({"id": TEXT, "status": TEXT, "_links": LINKS})
STEP = objects({"status": TEXT, "created": TEXT, "description": TEXT})
DEFINITION = {"type": "object", "description": "as Agave has it, or ours"}


def paths() -> dict[str, Any]:
    """Describe all of them."""
    return {**_with_slash("/jobs/v2", _jobs()), **_job()}


def _jobs() -> dict[str, Any]:
    filters = [in_query(name, TEXT) for name in ("id", "appId", "name", "owner", "status")]
    return {
        "get": _operation(
            "Jobs of one's tenant, newest first.", {"200": answer("found", arrays(JOB))}, *PAGING, *filters
        ),
        "post": {
            **_operation(
                "Submit a job.",
                {"201": answer("submitted", JOB)},
                in_header("Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": 200}),
                status_404="unknown app",
                status_409="the request's id was used for another job",
                **_BODY,
            ),
            "requestBody": _body(DEFINITION),
        },
    }


def _job() -> dict[str, Any]:
    base = "/jobs/v2/{job}"
    unknown = {"status_404": "unknown, or another tenant's"}
    order = objects({"action": {"enum": ["stop", "kill", "cancel"]}})
    return {
        base: {
            "get": _operation("A job.", {"200": answer("found", JOB)}, ID, **unknown),
            "post": {
                **_operation(
                    "Stop a job.", {"200": answer("it is being stopped", JOB)}, ID, **unknown, **_BODY
                ),
                "requestBody": _body(order),
            },
        },
        f"{base}/status": {
            "get": _operation("A job's status.", {"200": answer("found", JOB)}, ID, **unknown)
        },
        f"{base}/history": {
            "get": _operation(
                "What became of a job, oldest first.",
                {"200": answer("found", arrays(STEP))},
                ID,
                *PAGING,
                **unknown,
            )
        },
        "/jobs/v2/{attribute}/{value}": {
            "get": _operation(
                "Jobs with one value, newest first.",
                {"200": answer("found", arrays(JOB))},
                in_path("attribute", {"enum": ["id", "appId", "name", "owner", "status"]}),
                in_path("value"),
                *PAGING,
            )
        },
    }


_BODY = {"status_413": "the body is over the limit", "status_415": "the body is called otherwise"}


def _operation(summary: str, responses: dict[str, Any], *parameters: Any, **refused: str) -> dict[str, Any]:
    why = {"status_400": "something in the request cannot be used; errors name it", **refused}
    return {
        "tags": ["platform"],
        "summary": summary,
        "parameters": [*parameters, *LOOKS],
        "responses": {**responses, **refusals(**why)},
    }


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    file = objects({"fileToUpload": {"type": "string", "contentMediaType": "application/json"}})
    return {
        "required": True,
        "content": {
            "application/json": {"schema": schema},
            "application/x-www-form-urlencoded": {"schema": schema},
            "multipart/form-data": {"schema": file},
        },
    }


def _with_slash(path: str, described: dict[str, Any]) -> dict[str, Any]:
    return {path: described, f"{path}/": described}
