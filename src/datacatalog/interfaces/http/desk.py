"""What all routes share: who asks, what was sent, threads to work in, and errors that become answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import wraps
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from datacatalog.bootstrap import App
from datacatalog.domain.errors import (
    BadCredentials,
    BadMessage,
    DatacatalogError,
    Overloaded,
    TooLarge,
    UnknownActor,
)
from datacatalog.domain.privileges import level_of
from datacatalog.interfaces.http.answers import failure, unexpected
from datacatalog.interfaces.http.pace import Pace
from datacatalog.interfaces.http.reading import bearer, number, source
from datacatalog.ports.stores import Work
from datacatalog.ports.telemetry import in_context
from datacatalog.services import access
from datacatalog.services.env import Env, Principal
from datacatalog.services.throttle import Throttle

log = logging.getLogger("datacatalog.gateway")

R = TypeVar("R")
T = TypeVar("T")
Endpoint = Callable[[R, HttpRequest], Awaitable[Response]]


def answering(endpoint: Endpoint[R]) -> Endpoint[R]:
    """Turn errors raised on purpose into answers."""

    @wraps(endpoint)
    async def answered(routes: R, request: HttpRequest) -> Response:
        try:
            return await endpoint(routes, request)
        except Exception as error:
            return answer_to(error, request.method, request.url.path)

    return answered


def answer_to(error: Exception, method: str, path: str) -> Response:
    """Return the answer for an error; what is ours, or an operator's, to mend goes to the log."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)
    if not isinstance(error, DatacatalogError):
        log.error("%s %s", method, path, exc_info=error)
        return unexpected()
    if error.http >= 500 and not isinstance(error, Overloaded):
        log.error("%s %s: %s: %s", method, path, error.code, error)
    return failure(error)


class Desk:
    """Where requests are received: one for all routes of a gateway.

    Attributes:
        pace: tells how long a request would wait for a thread.
    """

    def __init__(self, app: App) -> None:
        gateway: dict[str, Any] = app.settings.config["gateway"]
        self.app = app
        self._body_max: int = gateway["max_body_bytes"]
        self._timeout: float = gateway["request_timeout_s"]
        self._threads = ThreadPoolExecutor(gateway["threads"], thread_name_prefix="gateway")
        self.pace = Pace(gateway["threads"])
        self._throttle = Throttle(gateway["processes"])

    async def run(self, work: Callable[[], T]) -> T:
        """Do something that takes time in a thread."""
        self.pace.come()
        done = self._threads.submit(in_context(self._timed), work)
        done.add_done_callback(self._passed)
        return await asyncio.wrap_future(done)

    def _passed(self, done: Future[Any]) -> None:
        if done.cancelled():
            # Its client left a download, say, before it had its turn.
            self.pace.gone()

    def _timed(self, work: Callable[[], T]) -> T:
        began = time.monotonic()
        try:
            return work()
        finally:
            self.pace.done(1, time.monotonic() - began)

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    async def admit(self, request: HttpRequest, where: str, action: str, *, actor: str = "*") -> Principal:
        """Let a request in, with the level that the table of privileges has, and count the use of its nonce.

        Raises:
            MissingCredentials, BadCredentials, InsufficientCredentials, Throttled.
        """
        nonce, level = request.query_params.get("x-nonce"), level_of(where, action)
        return await self.run(lambda: self._used(request, actor, level, nonce))

    def _used(self, request: HttpRequest, actor: str, level: str, nonce: str | None) -> Principal:
        principal = self.authenticate(request, actor, level, nonce)
        env = self.app.env
        if access.is_limited(principal):
            env.store.transact(lambda work: access.count_use(principal, work, env))
        return principal

    def actor_name(self, given: str) -> str:
        """Return the name of the actor that a path means.  Raises UnknownActor."""
        try:
            return self.app.actor_names[given]
        except KeyError:
            raise UnknownActor(given) from None

    def authenticate(
        self,
        request: HttpRequest,
        actor: str,
        level: str,
        nonce: str | None,
        *,
        repeats: bool = False,
    ) -> Principal:
        """Tell whom a request runs as; its nonce is counted by whoever does what it asks for.

        Raises:
            MissingCredentials, BadCredentials, InsufficientCredentials, Throttled.
        """
        try:
            return self.recognised(request, actor, level, nonce, repeats=repeats, env=self.app.env)
        except BadCredentials:
            self.guessed_wrong(request, "credentials")
            raise

    def recognised(
        self, request: HttpRequest, actor: str, level: str, nonce: str | None, *, repeats: bool, env: Env
    ) -> Principal:
        """Do as `authenticate`, but count no wrong guess: this may be done anew where others came between.

        Args:
            env: knows the credentials.
        Raises:
            MissingCredentials, BadCredentials, InsufficientCredentials.
        """
        return access.authenticate(
            env, actor=actor, level=level, nonce=nonce, bearer=bearer(request), repeats=repeats
        )

    def guessed_wrong(self, request: HttpRequest, target: str) -> None:
        """Count a wrong guess.  Raises Throttled where there were too many."""
        self._throttle.wrong(source(request), target, at=self.app.env.clock.now())

    async def recognise(self, request: HttpRequest, actor: str, level: str) -> Principal:
        """Tell whom a request runs as; `change` counts the use of its nonce.

        Raises:
            MissingCredentials, BadCredentials, InsufficientCredentials, Throttled.
        """
        nonce = request.query_params.get("x-nonce")
        return await self.run(lambda: self.authenticate(request, actor, level, nonce))

    async def enter(self, request: HttpRequest, where: str, action: str, *, actor: str = "*") -> Env:
        """Let a request in as `admit` does; return what it works with."""
        return self.env(await self.admit(request, where, action, actor=actor))

    def env(self, principal: Principal) -> Env:
        """Return what a request of `principal` works with: whatever it reads and writes is within its reach."""
        return self.app.env.acting_for(principal)

    async def look(self, principal: Principal, body: Callable[[Work], T]) -> T:
        """Read one state of the ledger, as far as it is within the reach of `principal`."""
        env = self.env(principal)
        return await self.run(lambda: env.store.read(body))

    async def change(self, principal: Principal, body: Callable[[Work], T]) -> T:
        """Change the ledger and count the use of a nonce in one commit; return once it is on disk."""
        env = self.env(principal)

        def counted(work: Work) -> T:
            access.count_use(principal, work, env)
            return body(work)

        return await self.run(lambda: env.store.transact(counted))

    async def body(self, request: HttpRequest) -> bytes:
        """Read the body, up to the limit and the deadline.

        Raises:
            TooLarge, BadMessage.
        """
        length = request.headers.get("content-length")
        return await self.body_of(None if length is None else length.encode("latin-1"), request.receive)

    async def body_of(self, length: bytes | None, receive: Callable[[], Awaitable[Any]]) -> bytes:
        """Do as `body`, with what the server says comes next.

        Args:
            length: the Content-Length header; None: there is none.
        """
        if length is not None and number(length.decode("latin-1")) > self._body_max:
            raise TooLarge(self._body_max)
        chunks, size, more = [], 0, True
        try:
            async with asyncio.timeout(self._timeout):
                while more:
                    event = await receive()
                    if event["type"] == "http.disconnect":
                        raise ClientDisconnect
                    more = event.get("more_body", False)
                    chunk = event.get("body", b"")
                    size += len(chunk)
                    if size > self._body_max:
                        raise TooLarge(self._body_max)
                    chunks.append(chunk)
        except TimeoutError:
            raise BadMessage("the body did not arrive in time") from None
        return b"".join(chunks)
