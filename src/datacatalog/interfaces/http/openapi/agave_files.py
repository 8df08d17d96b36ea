"""Files of storage systems, and outputs of jobs, described."""

from __future__ import annotations

from typing import Any

from datacatalog.interfaces.http.openapi.agave_parts import (
    BODY,
    FILE,
    ID,
    PAGING,
    UNKNOWN,
    answer,
    body,
    operation,
)
from datacatalog.interfaces.http.openapi.parts import TEXT, arrays, in_header, in_path, objects


def outputs() -> dict[str, Any]:
    """Describe what jobs made."""
    base = "/jobs/v2/{job}/outputs"
    told = {"200": answer("found", arrays(FILE))}
    below = in_path("path", TEXT, "below the job's output directory")
    return {
        f"{base}/listings": {"get": operation("What a job made.", told, ID, *PAGING, **UNKNOWN)},
        f"{base}/listings/{{path}}": {
            "get": operation("What a job made, below a directory.", told, ID, below, *PAGING, **UNKNOWN)
        },
        f"{base}/media/{{path}}": {"get": content_of("A file that a job made.", ID, below)},
    }


def files() -> dict[str, Any]:
    """Describe listings of storage systems, and what is done with files."""
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
            "get": operation(
                f"What is in a directory {where}; first of all, itself.",
                {"200": answer("found", arrays(FILE))},
                *parameters,
                *PAGING,
                **UNKNOWN,
            )
        }
        described[f"/files/v2/media{place}"] = _media(where, parameters)
    return described


def _media(where: str, parameters: list[Any]) -> dict[str, Any]:
    refused = {
        **UNKNOWN,
        **BODY,
        "status_403": "it is outside the places where things may be removed",
        "status_409": "something is there already",
    }
    upload = objects({"fileToUpload": {"type": "string", "contentMediaType": "application/octet-stream"}})
    order = objects({"action": {"enum": ["mkdir", "move", "rename", "copy"]}, "path": TEXT})
    fetch = objects({"urlToIngest": TEXT})
    return {
        "get": content_of(f"A file {where}.", *parameters),
        "post": {
            **operation(
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
            **operation(
                f"Make a directory, move, rename or copy, {where}.",
                {"200": answer("done", FILE)},
                *parameters,
                **refused,
            ),
            "requestBody": body(order),
        },
        "delete": operation(
            f"Remove a file or a directory {where}.",
            {"200": answer("removed", objects({"path": TEXT, "files": {"type": "integer"}}))},
            *parameters,
            **UNKNOWN,
            status_403="it is outside the places where things may be removed",
        ),
    }


def content_of(summary: str, *parameters: Any) -> dict[str, Any]:
    content = {"*/*": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}}
    found = {
        "200": {"description": "all of it", "content": content},
        "206": {"description": "the bytes that were asked for", "content": content},
        "416": {"description": "it has no such bytes"},
    }
    return operation(summary, found, *parameters, in_header("Range", TEXT, "bytes=first-last"), **UNKNOWN)
