"""Answers as Agave gives them: the same envelope as elsewhere, or the bare result, and indented where that is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from datacatalog.domain.documents import JsonObject
from datacatalog.interfaces.http.answers import envelope
from datacatalog.interfaces.http.reading import flag, parameters

LOOKS = ("pretty", "naked")
"""Parameters that change how an answer looks; all routes here know them."""


def asked(request: HttpRequest, *known: str) -> dict[str, str]:
    """Return the URL parameters but those of looks, each once, and none but these.

    Raises:
        ConflictingFields, InvalidField.
    """
    found = parameters(request, *known, *LOOKS)
    for name in LOOKS:
        flag(name, found.pop(name, None))
    return found


def links_here(document: JsonObject, api_url: str) -> JsonObject:
    """Return the links of what a platform shows, but those that lead to another site: no credential of ours opens it."""
    found = document.get("_links", {})
    links = found.items() if isinstance(found, dict) else ()
    return {
        name: link
        for name, link in links
        if isinstance(link, dict) and str(link.get("href", "")).startswith(f"{api_url}/")
    }


def success(
    request: HttpRequest,
    result: Any,
    *,
    http: int = 200,
    message: str = "The request was successful",
    headers: Mapping[str, str] | None = None,
) -> Response:
    query = request.query_params
    shown = result if query.get("naked") == "true" else envelope(result, message=message)
    text = json.dumps(shown, ensure_ascii=False, indent=2 if query.get("pretty") == "true" else None)
    return Response(text.encode(), http, headers=headers, media_type="application/json")
