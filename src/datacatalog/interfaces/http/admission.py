"""Who comes in: a line that is longer than can be served in time helps nobody, so whoever would have to stand there is told at once.

A refusal is 503 with `Retry-After`, given before the body is read; nothing of the request was begun. Three things are bounded:

- how many requests are inside, and so what they and their answers take of memory and threads;
- how long one would wait: what waits, times what one took lately;
- how many bytes of bodies are held; one that goes beyond that is cut off in its middle.

Who sends slowly stands outside meanwhile, so that no place is lost to them.

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

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

FREE = frozenset({"/", "/healthz", "/readyz", "/metrics"})
RESERVED = 4
"""One place of so many is for callbacks alone."""
BODIES = 128
"""So many bodies of the greatest length may be held at a time."""
TOLD_EVERY_S = 10.0
RETRY_MAX_S = 5
"""What is let in is done within a few seconds; only where the store is away would anybody wait for longer, and nobody knows how long."""
_TO_DISK = "/files/v2"
"""What is sent there is not held."""

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

    def enter(self, wait_s: float, *, reserved: bool) -> None:
        """Let a request in; `leave` ends it.

        Args:
            wait_s: how long it would wait.
            reserved: it may have the places that are kept.
        Raises:
            Overloaded.
        """
        places = self._places if reserved else self._places - self._places // RESERVED
        wait_max_s = self._wait_s * (2 if reserved else 1)
        if self._inside >= places or wait_s > wait_max_s:
            raise self._refusal(wait_s)
        self._inside += 1

    def leave(self, held: int) -> None:
        """Note that a request is over, of whose body so many bytes were held."""
        self._inside -= 1
        self._bytes -= held

    def step_out(self) -> None:
        """Free a place for as long as its request waits for its sender."""
        self._inside -= 1

    def step_in(self) -> None:
        """Take a place again, be there one or not: what was begun is not refused any more."""
        self._inside += 1

    def hold(self, size: int) -> None:
        """Hold so many bytes more.  Raises Overloaded."""
        # One body may always be held, however little all may have.
        if self._bytes and self._bytes + size > self._bytes_max:
            raise self._refusal(0)
        self._bytes += size

    def _refusal(self, wait_s: float) -> Overloaded:
        """Return the error; say so in the log, now and then: it is written to when there is least time for it."""
        self.refused += 1
        now = time.monotonic()
        if now - self._told_at >= TOLD_EVERY_S:
            self._told_at = now
            log.warning(
                "more is asked for than can be done in time: %d requests are inside, %d were refused so far",
                self._inside,
                self.refused,
            )
        return Overloaded(timedelta(seconds=min(max(1.0, wait_s), RETRY_MAX_S)))


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
    ) -> None:
        """
        Args:
            wait_s, message_wait_s: tell how long a request, and a message, would wait.
        """
        self._app, self._messages = app, messages
        self._admission = admission
        self._wait_s, self._message_wait_s = wait_s, message_wait_s
        self._callbacks = [f"x-nonce={nonce}".encode() for nonce in callback_nonces]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (path := scope["path"]) in FREE:
            await self._app(scope, receive, send)
            return
        actor = actor_in(path) if scope["method"] == "POST" else None
        wait_s = self._wait_s() if actor is None else self._message_wait_s()
        try:
            self._admission.enter(wait_s, reserved=self._calls_back(scope))
        except Overloaded as error:
            await failure(error)(scope, receive, send)
            return
        body = _Body(receive, self._admission, held=not path.startswith(_TO_DISK))
        try:
            if actor is None:
                await self._app(scope, body.receive, send)
            else:
                scope["path_params"] = {"actor": actor}
                await self._messages(scope, body.receive, send)
        finally:
            self._admission.leave(body.size)

    def _calls_back(self, scope: Scope) -> bool:
        query = scope["query_string"]
        for nonce in self._callbacks:  # noqa: SIM110  every request comes by here, and a generator is slow
            if nonce in query:
                return True
        return False


class _Body:
    """What comes from a request's sender, counted.

    Attributes:
        size: how many bytes of it are held.
    """

    __slots__ = ("_admission", "_held", "_receive", "size")

    def __init__(self, receive: Receive, admission: Admission, *, held: bool) -> None:
        self.size = 0
        self._receive, self._admission, self._held = receive, admission, held

    async def receive(self) -> MutableMapping[str, Any]:
        self._admission.step_out()
        try:
            event = await self._receive()
        finally:
            self._admission.step_in()
        if self._held and (chunk := event.get("body")):
            self._admission.hold(len(chunk))
            self.size += len(chunk)
        return event


def actor_in(path: str) -> str | None:
    """Return the actor of the address that its messages are posted to; None: it is another address."""
    parts = path.split("/")
    if len(parts) == 5 and parts[1] == "actors" and parts[2] == "v2" and parts[3] and parts[4] == "messages":
        return parts[3]
    return None
