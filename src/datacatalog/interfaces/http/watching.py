"""Every request, watched from outside: where to, how it ended, how long it took. No address is told, only its template."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from starlette.routing import Route

from datacatalog.interfaces.http.admission import actor_in
from datacatalog.ports.telemetry import Activity, Telemetry, about, trace_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""Methods, and addresses, that there are none of."""
REQUEST_ID_MAX = 200
MESSAGES = "/actors/v2/{actor}/messages"

log = logging.getLogger("datacatalog.gateway")


class Watched:
    """An ASGI application around another one."""

    def __init__(self, app: Asgi, *, telemetry: Telemetry, routes: Iterable[Route]) -> None:
        self._app, self._telemetry = app, telemetry
        self._templates: dict[Any, str] = {}
        for route in routes:
            self._templates.setdefault(route.endpoint, route.path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 0, time.perf_counter()
        method = scope["method"] if scope["method"] in METHODS else OTHER

        async def sent(event: MutableMapping[str, Any]) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
            await send(event)

        with (
            about(**_known_in(scope["headers"])),
            self._telemetry.watch(Activity.REQUEST, "", method) as watched,
        ):
            try:
                await self._app(scope, receive, sent)
            finally:
                watched.which, watched.outcome = self._route(scope), str(status or 500)
                if log.isEnabledFor(logging.DEBUG):
                    took_ms = (time.perf_counter() - began) * 1000
                    log.debug(
                        "%s %s: %s in %.1f ms", method, self._route(scope), status or "cut off", took_ms
                    )

    def _route(self, scope: Scope) -> str:
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return MESSAGES if scope["method"] == "POST" and actor_in(scope["path"]) else OTHER
        return self._templates.get(endpoint, OTHER)


def _known_in(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Return what a request says of itself: its trace, and its id as proxies give it."""
    known: dict[str, str] = {}
    for name, value in headers:
        if name == b"traceparent":
            known |= trace_of(value.decode("latin-1"))
        elif name == b"x-request-id":
            known["request_id"] = value.decode("latin-1")[:REQUEST_ID_MAX]
    return known
