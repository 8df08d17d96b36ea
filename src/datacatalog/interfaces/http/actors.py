"""Abaco's routes: actors, their messages, and what became of these."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import published
from datacatalog.domain.errors import InvalidAdminToken, InvalidToken, UnknownActor, UnknownRecord
from datacatalog.domain.privileges import lowest_level
from datacatalog.interfaces.http import reading
from datacatalog.interfaces.http.answers import success
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.ports.stores import Execution
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.reading import Request
from datacatalog.services.reception import Answer, Envelope, receive


def actor_name(request: HttpRequest, desk: Desk) -> str:
    """Return the name of the actor that a request's path means.  Raises UnknownActor."""
    given = request.path_params["actor"]
    try:
        return desk.app.actor_names[given]
    except KeyError:
        raise UnknownActor(given) from None


class ActorRoutes:
    """Actors, their messages and executions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._app = desk.app

    def routes(self) -> list[Route]:
        return [
            Route("/actors/v2", self.actors),
            Route("/actors/v2/{actor}", self.actor),
            Route("/actors/v2/{actor}/messages", self.message, methods=["POST"]),
            Route("/actors/v2/{actor}/executions", self.executions),
            Route("/actors/v2/{actor}/executions/{execution}", self.execution),
            Route("/actors/v2/{actor}/executions/{execution}/logs", self.logs),
        ]

    # ---------------------------------------------------------------------------------------- messages

    @answering
    async def message(self, request: HttpRequest) -> Response:
        """Take one message for an actor; the answer speaks of what is on disk."""
        name = actor_name(request, self._desk)
        context = reading.context(request)
        nonce = context.pop("x-nonce", None)
        delivery_id = reading.delivery_id(request)
        body = await self._desk.body(request)

        def work() -> Answer:
            repeats = delivery_id is not None
            principal = self._desk.authenticate(request, name, lowest_level(name), nonce, repeats=repeats)
            received = Request(actor=name, body=body, context=context)
            sent = Envelope(request=received, principal=principal, delivery_id=delivery_id)
            try:
                return receive(sent, self._app.env, queued=self._app.queued(name))
            except (InvalidToken, InvalidAdminToken) as e:
                target = f"token:{e.uuid}" if isinstance(e, InvalidToken) else "token:administrator"
                self._desk.guessed_wrong(request, target)
                raise

        answer = await self._desk.run(work)
        return success(self._told(name, answer), http=answer.http)

    def _told(self, actor: str, answer: Answer) -> dict[str, Any]:
        link = f"{self._app.settings.api_url}/actors/v2/{self._id(actor)}"
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
