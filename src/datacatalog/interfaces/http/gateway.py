"""The HTTP gateway: Abaco's routes, the catalog's, Agave's, and what machines ask of a service.

It knows HTTP and nothing else: who calls, what was sent, which status an answer has. Rules are the services'.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from datacatalog import __version__
from datacatalog.bootstrap import App
from datacatalog.domain.errors import NoSuchPath, NotGranted
from datacatalog.interfaces.http import openapi
from datacatalog.interfaces.http.actors import ActorRoutes
from datacatalog.interfaces.http.admission import BODIES, Admission, Front
from datacatalog.interfaces.http.agave.routes import AgaveRoutes
from datacatalog.interfaces.http.answers import envelope
from datacatalog.interfaces.http.catalog.routes import CatalogRoutes
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.interfaces.http.nonces import NonceRoutes
from datacatalog.interfaces.http.watching import Watched


class Gateway:
    """All routes, with the application behind them.

    Attributes:
        draining: it was told to stop, and is to be sent nothing more.
    """

    def __init__(self, app: App) -> None:
        self.draining = False
        self._desk = Desk(app)
        self._actors = ActorRoutes(self._desk)
        self._app, self._env = app, app.env
        self._openapi = openapi.document(app)
        gateway = app.settings.config["gateway"]
        self.front = partial(
            Front,
            messages=self._actors.messages,
            admission=Admission(
                places=gateway["max_waiting"],
                wait_s=gateway["max_wait_s"],
                bytes_max=gateway["max_body_bytes"] * BODIES,
            ),
            wait_s=self._desk.pace.wait_s,
            message_wait_s=self._actors.messages.wait_s,
            callback_nonces=app.env.rules.callback_nonces.values(),
        )

    def routes(self) -> list[Route]:
        return [
            Route("/", self.root),
            Route("/healthz", self.health),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.describe),
            *self._actors.routes(),
            *NonceRoutes(self._desk).routes(),
            *CatalogRoutes(self._desk).routes(),
            *AgaveRoutes(self._desk).routes(),
        ]

    def close(self) -> None:
        self._actors.messages.close()
        self._desk.close()

    async def root(self, request: HttpRequest) -> Response:
        return JSONResponse({"service": "datacatalog", "version": __version__})

    async def health(self, request: HttpRequest) -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    @answering
    async def ready(self, request: HttpRequest) -> Response:
        """The store answers too, and this process is not about to stop."""
        if self.draining:
            return JSONResponse({"status": "draining"}, HTTPStatus.SERVICE_UNAVAILABLE)
        facts = await self._desk.run(self._env.store.check)
        depth = await self._desk.run(self._env.transport.depth)
        return JSONResponse({"status": "ready", "store": dict(facts), "queues": dict(depth)})

    @answering
    async def metrics(self, request: HttpRequest) -> Response:
        """What this process counted, and how it stands with the ledger, of all tenants together."""
        if self._app.metrics is None:
            raise NoSuchPath("/metrics")
        if not self._app.settings.config["gateway"]["metrics_open"]:
            principal = await self._desk.admit(request, "metrics", "read")
            if principal.tenant not in ("", self._env.home):
                raise NotGranted("metrics are told people of the installation's own tenant")
        text = await self._desk.run(self._app.metrics.text)
        return Response(text, headers={"Content-Type": self._app.metrics.content_type})

    async def describe(self, request: HttpRequest) -> Response:
        return JSONResponse(self._openapi)


async def _http_error(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  it is registered for that class only
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http-error")
    message = error.detail
    if error.status_code == 405:
        message = f"{request.method} is not possible at this address, but {(error.headers or {}).get('Allow', 'nothing')}"
    body = envelope({"code": code, "errors": []}, message=message, status="error")
    return JSONResponse(body, error.status_code, headers=error.headers)


def asgi(app: App) -> Starlette:
    """Return the gateway as an ASGI application."""
    gateway = Gateway(app)
    routes = gateway.routes()
    served = Starlette(routes=routes, exception_handlers={HTTPException: _http_error})
    # Platforms turn a redirected POST into a GET, and the address that they are led to would carry tokens.
    served.router.redirect_slashes = False
    served.add_middleware(gateway.front)
    served.add_middleware(partial(Watched, telemetry=app.env.telemetry, routes=routes))
    served.state.gateway = gateway
    return served
