"""What operations are described with: references, parameters, answers."""

from __future__ import annotations

from typing import Any

SCHEMAS = "#/components/schemas"
TEXT: dict[str, Any] = {"type": "string"}

ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["message", "result", "status", "version"],
    "properties": {
        "message": {"type": "string"},
        "result": {},
        "status": {"enum": ["success", "error"]},
        "version": {"type": "string"},
    },
}
"""The envelope of every answer in JSON."""

REFUSAL: dict[str, Any] = {
    "allOf": [
        {"$ref": f"{SCHEMAS}/answer"},
        {
            "type": "object",
            "properties": {
                "status": {"const": "error"},
                "result": {
                    "type": "object",
                    "required": ["code", "errors"],
                    "properties": {
                        "code": {"type": "string"},
                        "errors": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["path", "message"],
                                "properties": {"path": TEXT, "message": TEXT, "schema": TEXT},
                            },
                        },
                    },
                },
            },
        },
    ]
}
"""The envelope of a refusal: its code for programs, its places."""


def schema(name: str) -> dict[str, Any]:
    """Refer to a schema of this document."""
    return {"$ref": f"{SCHEMAS}/{name}"}


def objects(required: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the schema of objects with these fields; `more` are keywords besides."""
    return {"type": "object", "required": [*required], "properties": required, **more}


def arrays(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def in_path(name: str, of: Any = TEXT, description: str = "") -> dict[str, Any]:
    """Describe a parameter of the path."""
    said = {"description": description} if description else {}
    return {"name": name, "in": "path", "required": True, "schema": of, **said}


def in_query(name: str, of: Any = TEXT, description: str = "", *, required: bool = False) -> dict[str, Any]:
    """Describe a parameter of the URL."""
    said = {"description": description} if description else {}
    return {"name": name, "in": "query", "required": required, "schema": of, **said}


def in_header(name: str, of: Any = TEXT, description: str = "") -> dict[str, Any]:
    """Describe a parameter of the headers."""
    said = {"description": description} if description else {}
    return {"name": name, "in": "header", "required": False, "schema": of, **said}


def answer(description: str, result: Any = None, **headers: str) -> dict[str, Any]:
    """Describe an answer in the envelope.

    Args:
        result: schema of what stands under `result`; None: anything.
        headers: name, with `_` for `-`, -> what it tells.
    """
    content = schema("answer")
    if result is not None:
        content = {"allOf": [content, {"type": "object", "properties": {"result": result}}]}
    told = {"headers": _headers(headers)} if headers else {}
    return {"description": description, **told, "content": {"application/json": {"schema": content}}}


def bare(description: str, **headers: str) -> dict[str, Any]:
    """Describe an answer without a body."""
    return {"description": description, **({"headers": _headers(headers)} if headers else {})}


def refusal(description: str) -> dict[str, Any]:
    """Describe an answer that tells what is wrong."""
    return {"description": description, "content": {"application/json": {"schema": schema("refusal")}}}


def refusals(**more: str) -> dict[str, Any]:
    """Describe what any request with credentials may be answered, and more, by `status_400="why"`."""
    return {
        "401": refusal("missing or wrong credentials"),
        "403": refusal("the credential does not open this"),
        "429": refusal("too many wrong credentials"),
        "503": refusal("not now; nothing was acknowledged"),
        **{name.removeprefix("status_"): refusal(text) for name, text in more.items()},
    }


def _headers(headers: dict[str, str]) -> dict[str, Any]:
    return {n.replace("_", "-"): {"description": text, "schema": TEXT} for n, text in headers.items()}
