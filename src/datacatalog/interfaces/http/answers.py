"""The answer envelope that Abaco clients read, and how errors fill it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response

from datacatalog import __version__
from datacatalog.domain.errors import DatacatalogError, Overloaded, Throttled, Unauthenticated

RETRY_AFTER_S = 5


def envelope(
    result: Any, *, message: str = "The request was successful", status: str = "success"
) -> dict[str, Any]:
    return {"message": message, "result": result, "status": status, "version": __version__}


def success(
    result: Any,
    *,
    http: int = 200,
    message: str = "The request was successful",
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    return JSONResponse(envelope(result, message=message), http, headers=headers)


def not_modified(headers: Mapping[str, str]) -> Response:
    """Return the answer to who knows already what would be answered."""
    return Response(status_code=304, headers=headers)


def not_allowed(allowed: Sequence[str], message: str) -> JSONResponse:
    """Return the answer where another method, or another address, is meant."""
    body = envelope({"code": "method-not-allowed", "errors": []}, message=message, status="error")
    return JSONResponse(body, 405, headers={"Allow": ", ".join(allowed)})


def failure(error: DatacatalogError) -> JSONResponse:
    """Return the answer for an error: its code for programs, its places, its text for people."""
    result = {"code": error.code, "errors": error.complaints}
    body = envelope(result, message=str(error), status="error")
    return JSONResponse(body, error.http, headers=_headers(error))


def unexpected() -> JSONResponse:
    """Return the answer for an error of our own; what it was stands in the log, not here."""
    body = envelope({"code": "internal", "errors": []}, message="internal error", status="error")
    return JSONResponse(body, 500)


def _headers(error: DatacatalogError) -> Mapping[str, str]:
    if isinstance(error, Throttled | Overloaded):
        return {"Retry-After": str(math.ceil(error.wait.total_seconds()))}
    if error.http == 503:
        return {"Retry-After": str(RETRY_AFTER_S)}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="datacatalog"'}
    return {}
