"""Abaco's routes: actors, their messages, and what became of these."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import published
from datacatalog.domain.errors import UnknownRecord
from datacatalog.interfaces.http import reading
from datacatalog.interfaces.http.answers import success
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.interfaces.http.messages import Messages
from datacatalog.ports.stores import Execution
from datacatalog.services.dispatch import ACTORS


def actor_name(request: HttpRequest, desk: Desk) -> str:
    """Return the name of the actor that a request's path means.  Raises UnknownActor."""
    return desk.actor_name(request.path_params["actor"])


class ActorRoutes:
    """Actors, their messages and executions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._app = desk.app
        self.messages = Messages(desk)

    def routes(self) -> list[Route]:
        return [
            Route("/actors/v2", self.actors),
            Route("/actors/v2/{actor}", self.actor),
            Route("/actors/v2/{actor}/messages", self.messages, methods=["POST"]),
            Route("/actors/v2/{actor}/executions", self.executions),
            Route("/actors/v2/{actor}/executions/{execution}", self.execution),
            Route("/actors/v2/{actor}/executions/{execution}/logs", self.logs),
        ]

    # -------------------------------------------------------------------------------------- executions

    @answering
    async def actors(self, request: HttpRequest) -> Response:
        await self._desk.enter(request, "actors", "read")
        return success([self._shown(name) for name in ACTORS])

    @answering
    async def actor(self, request: HttpRequest) -> Response:
        name = actor_name(request, self._desk)
        await self._desk.enter(request, "actors", "read", actor=name)
        return success(self._shown(name))

    def _id(self, name: str) -> str:
        return self._app.env.rules.actor_ids[name]

    def _shown(self, name: str) -> dict[str, Any]:
        return {
            "id": self._id(name),
            "name": name,
            "delivery": "queued" if self._app.queued(name) else "inline",
            "accepts": list(ACTORS[name].accepts),
            "status": "READY",
        }

    @answering
    async def executions(self, request: HttpRequest) -> Response:
        name = actor_name(request, self._desk)
        env = await self._desk.enter(request, "actors", "read", actor=name)
        query = request.query_params
        limit, after = reading.limit(query.get("limit", "100")), query.get("after")
        found = await self._desk.run(
            lambda: env.store.read(lambda work: work.executions.page(name, after=after, limit=limit))
        )
        return success({"actorId": self._id(name), "executions": [_execution(e) for e in found]})

    @answering
    async def execution(self, request: HttpRequest) -> Response:
        return success(_execution(await self._find_execution(request)))

    @answering
    async def logs(self, request: HttpRequest) -> Response:
        found = await self._find_execution(request)
        return success({"logs": "\n".join(found.log)})

    async def _find_execution(self, request: HttpRequest) -> Execution:
        name, wanted = actor_name(request, self._desk), request.path_params["execution"]
        env = await self._desk.enter(request, "actors", "read", actor=name)
        found = await self._desk.run(lambda: env.store.read(lambda work: work.executions.get(name, wanted)))
        if found is None:
            raise UnknownRecord(wanted, "execution")
        return found


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
