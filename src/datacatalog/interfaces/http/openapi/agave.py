"""The routes of the platform, described."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.privileges import LEVELS
from datacatalog.interfaces.http.openapi import parts
from datacatalog.interfaces.http.openapi.parts import (
    TEXT,
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
APP = objects({"id": TEXT, "_links": LINKS})
SYSTEM = objects({"id": TEXT, "type": {"enum": ["STORAGE", "EXECUTION"]}, "default": {"type": "boolean"}})
PROFILE = objects({"username": TEXT, "tenant": TEXT, "level": {"enum": [*LEVELS]}})
NOTIFICATION = objects({"id": TEXT, "associatedUuid": TEXT, "event": TEXT, "url": TEXT})
FILE = objects(
    {
        "name": TEXT,
        "path": TEXT,
        "type": {"enum": ["file", "dir"]},
        "length": {"type": "integer", "minimum": 0},
        "lastModified": TEXT,
        "system": TEXT,
    }
)
DEFINITION = {"type": "object", "description": "as Agave has it"}
APP_DEFINITION = {"type": "object", "description": "as Agave has it, or as a file in the folder of apps"}


def paths() -> dict[str, Any]:
    """Describe all of them."""
    return {
        **_with_slash("/jobs/v2", _jobs()),
        **_job(),
        **_outputs(),
        **_with_slash("/apps/v2", _apps()),
        "/apps/v2/{app}": _app(),
        **_files(),
        **_with_slash("/systems/v2", {"get": _systems()}),
        "/systems/v2/{system}": {
            "get": _operation("A system.", {"200": answer("found", SYSTEM)}, in_path("system"), **_UNKNOWN)
        },
        "/profiles/v2/me": {"get": _operation("Who asks.", {"200": answer("found", PROFILE)})},
        **_with_slash("/notifications/v2", {"get": _notifications()}),
    }


def _apps() -> dict[str, Any]:
    flags = [in_query(name, {"type": "boolean"}) for name in ("publicOnly", "privateOnly")]
    return {
        "get": _operation("Apps.", {"200": answer("found", arrays(APP))}, *PAGING, *flags),
        "post": {
            **_operation(
                "Register an app.",
                {"201": answer("registered", APP)},
                status_403="apps are not registered here",
                status_409="the id is another's",
                **_BODY,
            ),
            "requestBody": _body(APP_DEFINITION),
        },
    }


def _app() -> dict[str, Any]:
    called = in_path("app", TEXT, "name-version")
    return {
        "get": _operation("An app.", {"200": answer("found", APP)}, called, **_UNKNOWN),
        "post": {
            **_operation(
                "Register an app anew.",
                {"200": answer("registered", APP)},
                called,
                status_403="apps are not registered here",
                status_409="it is another's",
                **_UNKNOWN,
                **_BODY,
            ),
            "requestBody": _body(APP_DEFINITION),
        },
    }


def _systems() -> dict[str, Any]:
    return _operation(
        "Storage systems, and the one where jobs run.",
        {"200": answer("found", arrays(SYSTEM))},
        *PAGING,
        in_query("type", TEXT, "STORAGE or EXECUTION"),
        in_query("default", {"type": "boolean"}),
        in_query("public", {"type": "boolean"}),
    )


def _notifications() -> dict[str, Any]:
    return _operation(
        "Who is told of one's jobs.",
        {"200": answer("found", arrays(NOTIFICATION))},
        *PAGING,
        in_query("associatedUuid", TEXT, "of this job alone"),
        status_404="unknown, or another's job",
    )


def _outputs() -> dict[str, Any]:
    base = "/jobs/v2/{job}/outputs"
    told = {"200": answer("found", arrays(FILE))}
    below = in_path("path", TEXT, "below the job's output directory")
    return {
        f"{base}/listings": {"get": _operation("What a job made.", told, ID, *PAGING, **_UNKNOWN)},
        f"{base}/listings/{{path}}": {
            "get": _operation("What a job made, below a directory.", told, ID, below, *PAGING, **_UNKNOWN)
        },
        f"{base}/media/{{path}}": {"get": _content("A file that a job made.", ID, below)},
    }


def _files() -> dict[str, Any]:
    system, path = in_path("system", TEXT, "a storage system"), in_path("path", TEXT, "below its root")
    described = {}
    for place, parameters in (
        ("/system/{system}", [system]),
        ("/system/{system}/{path}", [system, path]),
        ("", []),
        ("/{path}", [path]),
    ):
        where = "of a storage system" if system in parameters else "of the default system"
        described[f"/files/v2/listings{place}"] = {
            "get": _operation(
                f"What is in a directory {where}; first of all, itself.",
                {"200": answer("found", arrays(FILE))},
                *parameters,
                *PAGING,
                **_UNKNOWN,
            )
        }
        described[f"/files/v2/media{place}"] = _media(where, parameters)
    return described


def _media(where: str, parameters: list[Any]) -> dict[str, Any]:
    refused = {
        **_UNKNOWN,
        **_BODY,
        "status_403": "it is outside the places where things may be removed",
        "status_409": "something is there already",
    }
    upload = objects({"fileToUpload": {"type": "string", "contentMediaType": "application/octet-stream"}})
    order = objects({"action": {"enum": ["mkdir", "move", "rename", "copy"]}, "path": TEXT})
    fetch = objects({"urlToIngest": TEXT})
    return {
        "get": _content(f"A file {where}.", *parameters),
        "post": {
            **_operation(
                f"Put a file into a directory {where}.", {"201": answer("put", FILE)}, *parameters, **refused
            ),
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": {"schema": upload},
                    "application/json": {"schema": fetch},
                    "application/x-www-form-urlencoded": {"schema": fetch},
                },
            },
        },
        "put": {
            **_operation(
                f"Make a directory, move, rename or copy, {where}.",
                {"200": answer("done", FILE)},
                *parameters,
                **refused,
            ),
            "requestBody": _body(order),
        },
        "delete": _operation(
            f"Remove a file or a directory {where}.",
            {"200": answer("removed", objects({"path": TEXT, "files": {"type": "integer"}}))},
            *parameters,
            **_UNKNOWN,
            status_403="it is outside the places where things may be removed",
        ),
    }


def _content(summary: str, *parameters: Any) -> dict[str, Any]:
    content = {"*/*": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}}
    found = {
        "200": {"description": "all of it", "content": content},
        "206": {"description": "the bytes that were asked for", "content": content},
        "416": {"description": "it has no such bytes"},
    }
    return _operation(summary, found, *parameters, in_header("Range", TEXT, "bytes=first-last"), **_UNKNOWN)


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
    order = objects({"action": {"enum": ["stop", "kill", "cancel"]}})
    return {
        base: {
            "get": _operation("A job.", {"200": answer("found", JOB)}, ID, **_UNKNOWN),
            "post": {
                **_operation(
                    "Stop a job.", {"200": answer("it is being stopped", JOB)}, ID, **_UNKNOWN, **_BODY
                ),
                "requestBody": _body(order),
            },
        },
        f"{base}/status": {
            "get": _operation("A job's status.", {"200": answer("found", JOB)}, ID, **_UNKNOWN)
        },
        f"{base}/history": {
            "get": _operation(
                "What became of a job, oldest first.",
                {"200": answer("found", arrays(STEP))},
                ID,
                *PAGING,
                **_UNKNOWN,
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


def answer(description: str, result: dict[str, Any]) -> dict[str, Any]:
    """Describe an answer: in the envelope, or, where `naked` is asked for, without it."""
    told = parts.answer(description, result)
    content = told["content"]["application/json"]
    return {**told, "content": {"application/json": {"schema": {"anyOf": [content["schema"], result]}}}}


_UNKNOWN = {"status_404": "unknown, or out of reach"}
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
