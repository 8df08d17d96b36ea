"""Who comes in: a line that is longer than can be served in time helps nobody, so whoever would have to stand there is told at once.

A refusal is 503 with `Retry-After`, given before the body is read; nothing of the request was begun. Three things are bounded:

- how many requests are inside, and so what they and their answers take of memory and threads;
- how long one would wait: what waits, times what one took lately;
- how many bytes of bodies are held.

The last quarter of the places, and twice the wait, are for callbacks: a platform that is turned away may never call again. Whoever
asks whether the service lives is always let in.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from datetime import timedelta
from typing import Any

from datacatalog.domain.errors import Overloaded
from datacatalog.interfaces.http.answers import failure
from datacatalog.interfaces.http.reading import number

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

FREE = frozenset({"/", "/healthz", "/readyz", "/metrics"})
RESERVED = 4
"""One place of so many is for callbacks alone."""
BODIES = 64
"""So many bodies of the greatest length may be held at a time."""
TOLD_EVERY_S = 10.0
RETRY_MAX_S = 60

log = logging.getLogger("datacatalog.gateway")


class Admission:
    """Counts who is inside.

    Attributes:
        refused: how many were turned away.
    """

    def __init__(self, *, places: int, wait_s: float, bytes_max: int) -> None:
        self.refused = 0
        self._places, self._wait_s, self._bytes_max = places, wait_s, bytes_max
        self._inside = 0
        self._bytes = 0
        self._told_at = -math.inf

    def enter(self, wait_s: float, size: int, *, reserved: bool) -> None:
        """Let a request in; `leave` ends it.

        Args:
            wait_s: how long it would wait.
            size: of its body, at most.
            reserved: it may have the places that are kept.
        Raises:
            Overloaded.
        """
        places = self._places if reserved else self._places - self._places // RESERVED
        wait_max_s = self._wait_s * (2 if reserved else 1)
        # One body may always be held, however little all may have.
        too_much = self._bytes and self._bytes + size > self._bytes_max
        if self._inside >= places or wait_s > wait_max_s or too_much:
            self._tell()
            raise Overloaded(timedelta(seconds=min(max(1.0, wait_s), RETRY_MAX_S)))
        self._inside += 1
        self._bytes += size

    def leave(self, size: int) -> None:
        self._inside -= 1
        self._bytes -= size

    def _tell(self) -> None:
        """Say so in the log, now and then: it is written to when there is least time for it."""
        self.refused += 1
        now = time.monotonic()
        if now - self._told_at >= TOLD_EVERY_S:
            self._told_at = now
            log.warning(
                "more is asked for than can be done in time: %d requests are inside, %d were refused so far",
                self._inside,
                self.refused,
            )


class Front:
    """An ASGI application before another one: lets requests in, and takes messages past what finds the way for all others."""

    def __init__(
        self,
        app: Asgi,
        *,
        messages: Asgi,
        admission: Admission,
        wait_s: Callable[[], float],
        message_wait_s: Callable[[], float],
        callback_nonces: Collection[str],
        body_max: int,
    ) -> None:
        """
        Args:
            wait_s, message_wait_s: tell how long a request, and a message, would wait.
        """
        self._app, self._messages = app, messages
        self._admission = admission
        self._wait_s, self._message_wait_s = wait_s, message_wait_s
        self._callbacks = [f"x-nonce={nonce}".encode() for nonce in callback_nonces]
        self._body_max = body_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (path := scope["path"]) in FREE:
            await self._app(scope, receive, send)
            return
        actor = actor_in(path) if scope["method"] == "POST" else None
        wait_s = self._wait_s() if actor is None else self._message_wait_s()
        size = self._size(scope)
        try:
            self._admission.enter(wait_s, size, reserved=self._calls_back(scope))
        except Overloaded as error:
            await failure(error)(scope, receive, send)
            return
        try:
            if actor is None:
                await self._app(scope, receive, send)
            else:
                scope["path_params"] = {"actor": actor}
                await self._messages(scope, receive, send)
        finally:
            self._admission.leave(size)

    def _calls_back(self, scope: Scope) -> bool:
        query = scope["query_string"]
        for nonce in self._callbacks:  # noqa: SIM110  every request comes by here, and a generator is slow
            if nonce in query:
                return True
        return False

    def _size(self, scope: Scope) -> int:
        """Return how long a body may become; what is longer than that is refused, or goes to disk as it comes."""
        for name, value in scope["headers"]:
            if name == b"content-length":
                return min(max(0, number(value.decode("latin-1"))), self._body_max)
            if name == b"transfer-encoding":
                return self._body_max
        return 0


def actor_in(path: str) -> str | None:
    """Return the actor of the address that its messages are posted to; None: it is another address."""
    parts = path.split("/")
    if len(parts) == 5 and parts[1] == "actors" and parts[2] == "v2" and parts[3] and parts[4] == "messages":
        return parts[3]
    return None
