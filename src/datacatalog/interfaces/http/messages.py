"""Taking messages for actors: by far most of what a gateway is asked.

So this speaks ASGI itself and goes past the framework. Small messages share commits (lane.py); large ones, those of stores that take
one piece of work at a time, and those that make something before their commit, each have a thread.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from json import JSONEncoder
from typing import Any

from starlette.requests import Request as HttpRequest

from datacatalog.domain.errors import BadCredentials, InvalidAdminToken, InvalidToken
from datacatalog.domain.privileges import lowest_level
from datacatalog.interfaces.http import reading
from datacatalog.interfaces.http.answers import envelope
from datacatalog.interfaces.http.desk import Desk, answer_to
from datacatalog.interfaces.http.lane import Lane
from datacatalog.ports.stores import Together, Work
from datacatalog.ports.telemetry import Activity, about, job_in
from datacatalog.services.dispatch import makes_before
from datacatalog.services.env import Env, Principal
from datacatalog.services.reading import Request
from datacatalog.services.reception import Answer, Envelope, receive
from datacatalog.services.within import StoreWithin

log = logging.getLogger("datacatalog.gateway")

SMALL_BYTES = 16_384
"""Reading so much, and telling what is wrong with it, takes milliseconds at most."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Messages:
    """An ASGI application for POST /actors/v2/{actor}/messages; `actor` is among the path parameters."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._app = desk.app
        store = desk.app.env.store
        self._lane = Lane(store) if isinstance(store, Together) else None

    def wait_s(self) -> float:
        """Return how long a message would wait."""
        return self._desk.pace.wait_s() if self._lane is None else self._lane.pace.wait_s()

    def close(self) -> None:
        if self._lane is not None:
            self._lane.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            name, answer = await self._taken(scope, receive)
        except Exception as error:
            await answer_to(error, scope["method"], scope["path"])(scope, receive, send)
            return
        await _send_json(send, answer.http, envelope(self._told(name, answer)))

    async def _taken(self, scope: Scope, receive: Receive) -> tuple[str, Answer]:
        """Take one message for an actor; the answer speaks of what is on disk."""
        name = self._desk.actor_name(scope["path_params"]["actor"])
        context = reading.context_in(scope["query_string"])
        nonce = context.pop("x-nonce", None)
        headers = reading.first_headers(scope["headers"])
        delivery_id = reading.delivery_id_in(headers)
        body = await self._desk.body_of(headers.get(b"content-length"), receive)
        posted = _Posted(
            desk=self._desk,
            scope=scope,
            request=Request(actor=name, body=body, context=context),
            nonce=nonce,
            delivery_id=delivery_id,
            queued=self._app.queued(name),
        )
        try:
            answer = await self._done(posted, len(body), shows_bearer=b"authorization" in headers)
        except (BadCredentials, InvalidToken, InvalidAdminToken):
            posted.count_guess()
            raise
        return name, self._noted(name, answer, delivery_id)

    async def _done(self, posted: _Posted, size: int, *, shows_bearer: bool) -> Answer:
        """Take a message on the way that is good for one of its size [bytes]."""
        name = posted.actor
        if self._lane is None or size > SMALL_BYTES or (makes_before(name) and not posted.queued):
            return await self._desk.run(posted.take)
        if shows_bearer:
            # The keys of bearer tokens may have to be fetched from elsewhere.
            posted.principal = await self._desk.run(posted.authenticated)
        with self._app.env.telemetry.watch(Activity.COMMIT):
            return await self._lane.run(posted.take_within)

    def _noted(self, actor: str, answer: Answer, delivery_id: str | None) -> Answer:
        """Note in the log what was taken, now that it is on disk."""
        with about(
            message_id=answer.execution,
            execution_id=answer.execution,
            delivery_id=delivery_id,
            actor=actor,
            job_uuid=job_in(answer.result.get("uuid")),
        ):
            said = "; ".join(answer.log) or ("answered before" if answer.repeated else "queued")
            log.info("%s %s: %s", actor, answer.execution, said)
        return answer

    def _told(self, actor: str, answer: Answer) -> dict[str, Any]:
        link = f"{self._app.settings.api_url}/actors/v2/{self._app.env.rules.actor_ids[actor]}"
        told: dict[str, Any] = {
            "executionId": answer.execution,
            "outcome": dict(answer.result),
            "log": list(answer.log),
            "_links": {
                "self": f"{link}/executions/{answer.execution}",
                "messages": f"{link}/messages",
            },
        }
        if answer.repeated:
            told["repeated"] = True
        return told


class _Posted:
    """One message as it was posted, and how it is taken."""

    __slots__ = ("_delivery_id", "_desk", "_guessed", "_nonce", "_request", "_scope", "principal", "queued")

    def __init__(
        self,
        *,
        desk: Desk,
        scope: Scope,
        request: Request,
        nonce: str | None,
        delivery_id: str | None,
        queued: bool,
    ) -> None:
        self._desk, self._scope, self._request = desk, scope, request
        self._nonce, self._delivery_id = nonce, delivery_id
        self.queued = queued
        self.principal: Principal | None = None
        self._guessed: str | None = None

    def take(self) -> Answer:
        """Take it in pieces of work of its own."""
        return self._take(self._desk.app.env)

    def take_within(self, work: Work) -> Answer:
        """Take it within one piece of work, its credentials looked up there too: revoked ones are so at once."""
        env = self._desk.app.env
        return self._take(env.on(StoreWithin(work, env.store)))

    @property
    def actor(self) -> str:
        return self._request.actor

    def authenticated(self, env: Env | None = None) -> Principal:
        """Tell whom it runs as.  Raises as `Desk.recognised`."""
        self._guessed = "credentials"
        found = self._desk.recognised(
            HttpRequest(self._scope),
            self._request.actor,
            lowest_level(self._request.actor),
            self._nonce,
            repeats=self._delivery_id is not None,
            env=env or self._desk.app.env,
        )
        self._guessed = None
        return found

    def count_guess(self) -> None:
        """Count a guess, where it turned out wrong: once, however often the ledger had to try.  Raises Throttled."""
        if self._guessed is not None:
            self._desk.guessed_wrong(HttpRequest(self._scope), self._guessed)

    def _take(self, env: Env) -> Answer:
        self._guessed = None
        principal = self.principal or self.authenticated(env)
        sent = Envelope(request=self._request, principal=principal, delivery_id=self._delivery_id)
        try:
            return receive(sent, env, queued=self.queued)
        except (InvalidToken, InvalidAdminToken) as e:
            self._guessed = f"token:{e.uuid}" if isinstance(e, InvalidToken) else "token:administrator"
            raise


async def _send_json(send: Send, status: int, content: Any) -> None:
    body = _encode(content).encode()
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
