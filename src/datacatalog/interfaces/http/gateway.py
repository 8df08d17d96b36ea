"""The HTTP gateway: Abaco's routes for messages, executions, logs and nonces, and what machines ask of a service.

It knows HTTP and nothing else: who calls, what was sent, which status an answer has. Rules are the services'.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial, wraps
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from datacatalog import __version__
from datacatalog.bootstrap import App
from datacatalog.domain.documents import published
from datacatalog.domain.errors import (
    BadCredentials,
    BadMessage,
    ConflictingFields,
    DatacatalogError,
    InvalidAdminToken,
    InvalidField,
    InvalidToken,
    TooLarge,
    UnknownActor,
    UnknownRecord,
)
from datacatalog.domain.strict_json import parse_object
from datacatalog.interfaces.http import openapi
from datacatalog.interfaces.http.answers import envelope, failure, success, unexpected
from datacatalog.ports.stores import Credential, Execution
from datacatalog.services import access
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.env import Principal
from datacatalog.services.reading import Request
from datacatalog.services.reception import Answer, Envelope, receive
from datacatalog.services.throttle import Throttle

log = logging.getLogger("datacatalog.gateway")

T = TypeVar("T")
Endpoint = Callable[["Gateway", HttpRequest], Awaitable[Response]]
DELIVERY_HEADERS = ("idempotency-key", "x-agave-delivery")
DELIVERY_ID_MAX = 200
LIMIT_MAX = 1000


def _answering(endpoint: Endpoint) -> Endpoint:
    """Turn errors raised on purpose into answers."""

    @wraps(endpoint)
    async def answered(self: Gateway, request: HttpRequest) -> Response:
        try:
            return await endpoint(self, request)
        except ClientDisconnect:
            return Response(status_code=400)
        except DatacatalogError as e:
            if e.http >= 500:
                log.error("%s %s: %s: %s", request.method, request.url.path, e.code, e)
            return failure(e)
        except Exception:
            log.exception("%s %s", request.method, request.url.path)
            return unexpected()

    return answered


class Gateway:
    """The routes, with the application behind them."""

    def __init__(self, app: App) -> None:
        self.app = app
        gateway = app.settings.config["gateway"]
        self._body_max: int = gateway["max_body_bytes"]
        self._timeout: float = gateway["request_timeout_s"]
        self._threads = ThreadPoolExecutor(gateway["threads"], thread_name_prefix="gateway")
        self._throttle = Throttle()
        self._openapi = openapi.document(app)

    def routes(self) -> list[Route]:
        return [
            Route("/", self.root),
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
            Route("/openapi.json", self.describe),
            Route("/actors/v2", self.actors),
            Route("/actors/v2/{actor}", self.actor),
            Route("/actors/v2/{actor}/messages", self.message, methods=["POST"]),
            Route("/actors/v2/{actor}/executions", self.executions),
            Route("/actors/v2/{actor}/executions/{execution}", self.execution),
            Route("/actors/v2/{actor}/executions/{execution}/logs", self.logs),
            Route("/actors/v2/{actor}/nonces", self.nonces),
            Route("/actors/v2/{actor}/nonces", self.create_nonce, methods=["POST"]),
            Route("/actors/v2/{actor}/nonces/{nonce}", self.revoke_nonce, methods=["DELETE"]),
        ]

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    # ---------------------------------------------------------------------------------------- messages

    @_answering
    async def message(self, request: HttpRequest) -> Response:
        """Take one message for an actor; the answer speaks of what is on disk."""
        name = self._actor_name(request)
        context = _context(request)
        nonce = context.pop("x-nonce", None)
        delivery_id = _delivery_id(request)
        body = await self._body(request)

        def work() -> Answer:
            repeats = delivery_id is not None
            principal = self._authenticate(request, name, "EXECUTE", nonce, repeats=repeats)
            received = Request(actor=name, body=body, context=context)
            sent = Envelope(request=received, principal=principal, delivery_id=delivery_id)
            try:
                return receive(sent, self.app.env, queued=self.app.queued(name))
            except (InvalidToken, InvalidAdminToken) as e:
                target = f"token:{e.uuid}" if isinstance(e, InvalidToken) else "token:administrator"
                self._throttle.wrong(_source(request), target, at=self.app.env.clock.now())
                raise

        answer = await self._run(work)
        return success(self._told(name, answer), http=answer.http)

    def _told(self, actor: str, answer: Answer) -> dict[str, Any]:
        link = f"{self.app.settings.api_url}/actors/v2/{self._id(actor)}"
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

    # -------------------------------------------------------------------------------------- executions

    @_answering
    async def actors(self, request: HttpRequest) -> Response:
        await self._admit(request, "*", "READ")
        return success([self._shown(name) for name in ACTORS])

    @_answering
    async def actor(self, request: HttpRequest) -> Response:
        name = self._actor_name(request)
        await self._admit(request, name, "READ")
        return success(self._shown(name))

    def _shown(self, name: str) -> dict[str, Any]:
        return {
            "id": self._id(name),
            "name": name,
            "delivery": "queued" if self.app.queued(name) else "inline",
            "accepts": list(ACTORS[name].accepts),
            "status": "READY",
        }

    @_answering
    async def executions(self, request: HttpRequest) -> Response:
        name = self._actor_name(request)
        await self._admit(request, name, "READ")
        query = request.query_params
        limit, after = _limit(query.get("limit", "100")), query.get("after")
        found = await self._run(
            lambda: self.app.env.store.read(lambda work: work.executions.page(name, after=after, limit=limit))
        )
        return success({"actorId": self._id(name), "executions": [_execution(e) for e in found]})

    @_answering
    async def execution(self, request: HttpRequest) -> Response:
        return success(_execution(await self._find_execution(request)))

    @_answering
    async def logs(self, request: HttpRequest) -> Response:
        found = await self._find_execution(request)
        return success({"logs": "\n".join(found.log)})

    async def _find_execution(self, request: HttpRequest) -> Execution:
        name, wanted = self._actor_name(request), request.path_params["execution"]
        await self._admit(request, name, "READ")
        found = await self._run(
            lambda: self.app.env.store.read(lambda work: work.executions.get(name, wanted))
        )
        if found is None:
            raise UnknownRecord(wanted, "execution")
        return found

    # ------------------------------------------------------------------------------------------ nonces

    @_answering
    async def nonces(self, request: HttpRequest) -> Response:
        name = self._actor_name(request)
        await self._admit(request, name, "UPDATE")
        found = await self._run(lambda: access.list_nonces(self.app.env))
        return success([_nonce(c) for c in found if c.actor in (name, "*")])

    @_answering
    async def create_nonce(self, request: HttpRequest) -> Response:
        name = self._actor_name(request)
        principal = await self._admit(request, name, "UPDATE")
        asked = parse_object(await self._body(request) or b"{}")
        if unknown := asked.keys() - {"level", "maxUses", "lifetimeSeconds", "description"}:
            raise InvalidField(sorted(unknown)[0], "is no field of a nonce")
        uses, seconds = asked.get("maxUses", -1), asked.get("lifetimeSeconds")
        if not isinstance(uses, int) or isinstance(uses, bool):
            raise InvalidField("maxUses", "must be a whole number; -1 is unlimited")
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
            raise InvalidField("lifetimeSeconds", "must be a number")
        lifetime = None if seconds is None else timedelta(seconds=max(0, min(seconds, 10**9)))
        make = partial(
            access.create_nonce,
            self.app.env,
            actor=name,
            owner=principal.name,
            level=str(asked.get("level", "EXECUTE")),
            max_uses=None if uses == -1 else uses,
            lifetime=lifetime,
        )
        nonce = await self._run(make)
        return success({"id": nonce, "actorId": self._id(name), "maxUses": uses}, http=201)

    @_answering
    async def revoke_nonce(self, request: HttpRequest) -> Response:
        name, nonce = self._actor_name(request), request.path_params["nonce"]
        await self._admit(request, name, "UPDATE")
        if not await self._run(lambda: access.revoke_nonce(nonce, self.app.env, actor=name)):
            raise UnknownRecord("this one", "nonce")
        return success(None, message="Nonce revoked")

    # ----------------------------------------------------------------------------------------- service

    async def root(self, request: HttpRequest) -> Response:
        return JSONResponse({"service": "datacatalog", "version": __version__})

    async def health(self, request: HttpRequest) -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    @_answering
    async def ready(self, request: HttpRequest) -> Response:
        """The store answers too."""
        facts = await self._run(self.app.env.store.check)
        depth = await self._run(self.app.env.transport.depth)
        return JSONResponse({"status": "ready", "store": dict(facts), "queues": dict(depth)})

    async def describe(self, request: HttpRequest) -> Response:
        return JSONResponse(self._openapi)

    # ------------------------------------------------------------------------------------------- parts

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _id(self, name: str) -> str:
        return self.app.env.rules.actor_ids[name]

    def _actor_name(self, request: HttpRequest) -> str:
        given = request.path_params["actor"]
        try:
            return self.app.actor_names[given]
        except KeyError:
            raise UnknownActor(given) from None

    async def _admit(self, request: HttpRequest, actor: str, level: str) -> Principal:
        nonce = request.query_params.get("x-nonce")
        return await self._run(lambda: self._used(request, actor, level, nonce))

    def _used(self, request: HttpRequest, actor: str, level: str, nonce: str | None) -> Principal:
        principal = self._authenticate(request, actor, level, nonce)
        env = self.app.env
        if access.is_limited(principal):
            env.store.transact(lambda work: access.count_use(principal, work, env))
        return principal

    def _authenticate(
        self, request: HttpRequest, actor: str, level: str, nonce: str | None, *, repeats: bool = False
    ) -> Principal:
        try:
            return access.authenticate(
                self.app.env,
                actor=actor,
                level=level,
                nonce=nonce,
                bearer=_bearer(request),
                repeats=repeats,
            )
        except BadCredentials:
            self._throttle.wrong(_source(request), "credentials", at=self.app.env.clock.now())
            raise

    async def _body(self, request: HttpRequest) -> bytes:
        """Read the body, up to the limit and the deadline.

        Raises:
            TooLarge, BadMessage.
        """
        if _number(request.headers.get("content-length", "0")) > self._body_max:
            raise TooLarge(self._body_max)
        chunks, size = [], 0
        try:
            async with asyncio.timeout(self._timeout):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > self._body_max:
                        raise TooLarge(self._body_max)
                    chunks.append(chunk)
        except TimeoutError:
            raise BadMessage("the body did not arrive in time") from None
        return b"".join(chunks)


def _source(request: HttpRequest) -> str:
    return request.client.host if request.client else ""


def _bearer(request: HttpRequest) -> str | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise BadCredentials("the Authorization header")
    return token.strip()


def _context(request: HttpRequest) -> dict[str, str]:
    """Return the URL parameters, each once.

    Raises:
        ConflictingFields: one is given twice, with different values.
        InvalidField: one holds what cannot be kept.
    """
    context: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        if "\0" in key + value:
            raise InvalidField(key, "a NUL character cannot be kept")
        if context.setdefault(key, value) != value:
            raise ConflictingFields(key)
    return context


def _delivery_id(request: HttpRequest) -> str | None:
    """Return the request's own id, by which a repeat of it is recognized."""
    for header in DELIVERY_HEADERS:
        if value := request.headers.get(header):
            if len(value) > DELIVERY_ID_MAX:
                raise InvalidField(header, f"is longer than {DELIVERY_ID_MAX} characters")
            return f"{header}:{value}"
    return None


def _limit(text: str) -> int:
    if not 1 <= (limit := _number(text)) <= LIMIT_MAX:
        raise InvalidField("limit", f"must be a number from 1 to {LIMIT_MAX}")
    return limit


def _number(text: str) -> int:
    """Return the natural number that a text is, or -1; all beyond 18 digits are alike."""
    return int(text[:18]) if text.isascii() and text.isdigit() else -1


def _execution(execution: Execution) -> dict[str, Any]:
    return {
        "id": execution.id,
        "actor": execution.actor,
        "status": execution.status,
        "receivedTime": published(execution.received),
        "finishTime": published(execution.finished) if execution.finished else None,
        "httpStatus": execution.http,
        "outcome": dict(execution.outcome),
    }


def _nonce(credential: Credential) -> dict[str, Any]:
    return {
        "id": credential.digest[:12],
        "label": credential.label,
        "level": credential.level,
        "owner": credential.owner,
        "createTime": published(credential.created),
        "expireTime": published(credential.expires) if credential.expires else None,
        "remainingUses": -1 if credential.uses_left is None else credential.uses_left,
    }


async def _http_error(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  it is registered for that class only
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http-error")
    body = envelope({"code": code, "errors": []}, message=error.detail, status="error")
    return JSONResponse(body, error.status_code, headers=error.headers)


def asgi(app: App) -> Starlette:
    """Return the gateway as an ASGI application."""
    gateway = Gateway(app)
    served = Starlette(routes=gateway.routes(), exception_handlers={HTTPException: _http_error})
    # Platforms turn a redirected POST into a GET, and the address that they are led to would carry tokens.
    served.router.redirect_slashes = False
    served.state.gateway = gateway
    return served
