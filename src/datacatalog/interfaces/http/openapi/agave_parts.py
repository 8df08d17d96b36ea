"""What the operations of the platform have in common."""

from __future__ import annotations

from typing import Any

from datacatalog.interfaces.http.openapi import parts
from datacatalog.interfaces.http.openapi.parts import TEXT, in_path, in_query, objects, refusals
from datacatalog.interfaces.http.reading import LIMIT_MAX

FLAG = {"type": "boolean", "default": False}
LOOKS = [in_query("pretty", FLAG, "indented"), in_query("naked", FLAG, "the result without its envelope")]
PAGING = [
    in_query("limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 100}),
    in_query("offset", {"type": "integer", "minimum": 0, "default": 0}),
]
ID = in_path("job", TEXT, "its id")
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


def answer(description: str, result: dict[str, Any]) -> dict[str, Any]:
    """Describe an answer: in the envelope, or, where `naked` is asked for, without it."""
    told = parts.answer(description, result)
    content = told["content"]["application/json"]
    return {**told, "content": {"application/json": {"schema": {"anyOf": [content["schema"], result]}}}}


UNKNOWN = {"status_404": "unknown, or out of reach"}
BODY = {"status_413": "the body is over the limit", "status_415": "the body is called otherwise"}


def operation(summary: str, responses: dict[str, Any], *parameters: Any, **refused: str) -> dict[str, Any]:
    """Describe one operation; `refused` tells why, by `status_404="why"`."""
    why = {"status_400": "something in the request cannot be used; errors name it", **refused}
    return {
        "tags": ["platform"],
        "summary": summary,
        "parameters": [*parameters, *LOOKS],
        "responses": {**responses, **refusals(**why)},
    }


def body(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe an object that is sent: as JSON, as a form, or as a JSON file in one."""
    file = objects({"fileToUpload": {"type": "string", "contentMediaType": "application/json"}})
    return {
        "required": True,
        "content": {
            "application/json": {"schema": schema},
            "application/x-www-form-urlencoded": {"schema": schema},
            "multipart/form-data": {"schema": file},
        },
    }


def with_slash(path: str, described: dict[str, Any]) -> dict[str, Any]:
    """Describe a collection, whose address may end with a slash."""
    return {path: described, f"{path}/": described}
