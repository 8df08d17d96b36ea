"""Abaco's routes for nonces."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import published
from datacatalog.domain.errors import InsufficientCredentials, InvalidField, UnknownRecord
from datacatalog.domain.privileges import level_of
from datacatalog.domain.strict_json import parse_object
from datacatalog.interfaces.http.actors import actor_name
from datacatalog.interfaces.http.answers import success
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.ports.stores import Credential
from datacatalog.services import access, nonces
from datacatalog.services.env import Principal

_FIELDS = frozenset({"level", "maxUses", "lifetimeSeconds", "description"})


class NonceRoutes:
    """The nonces of one actor, as far as they are of the asker's tenant."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rules = desk.app.env.rules

    def routes(self) -> list[Route]:
        return [
            Route("/actors/v2/{actor}/nonces", self.nonces, methods=["GET", "POST"]),
            Route("/actors/v2/{actor}/nonces/{nonce}", self.nonce, methods=["GET", "DELETE"]),
        ]

    @answering
    async def nonces(self, request: HttpRequest) -> Response:
        return await (self._create(request) if request.method == "POST" else self._list(request))

    @answering
    async def nonce(self, request: HttpRequest) -> Response:
        return await (self._revoke(request) if request.method == "DELETE" else self._get(request))

    async def _list(self, request: HttpRequest) -> Response:
        name = actor_name(request, self._desk)
        env = await self._desk.enter(request, "nonces", "list", actor=name)
        found = await self._desk.run(lambda: nonces.nonces_of(name, env))
        return success([self._shown(each, name) for each in found])

    async def _get(self, request: HttpRequest) -> Response:
        name, nonce = actor_name(request, self._desk), request.path_params["nonce"]
        env = await self._desk.enter(request, "nonces", "list", actor=name)
        found = await self._desk.run(lambda: nonces.find_nonce(nonce, name, env))
        if found is None:
            raise _unknown()
        return success(self._shown(found, name))

    async def _create(self, request: HttpRequest) -> Response:
        name = actor_name(request, self._desk)
        principal = await self._desk.recognise(request, name, level_of("nonces", "create"))
        if access.is_limited(principal):
            raise InsufficientCredentials("the nonce is of counted uses, and makes no others")
        make = self._made(parse_object(await self._desk.body(request) or b"{}"), name, principal)
        made, nonce = await self._desk.run(make)
        return success({**self._shown(made, name), "id": nonce}, http=201)

    def _made(self, asked: dict[str, Any], actor: str, principal: Principal) -> partial[Any]:
        """Read what is asked for; return what makes it.  Raises InvalidField."""
        if unknown := asked.keys() - _FIELDS:
            raise InvalidField(sorted(unknown)[0], "is no field of a nonce")
        uses, seconds = asked.get("maxUses", -1), asked.get("lifetimeSeconds")
        if not isinstance(uses, int) or isinstance(uses, bool):
            raise InvalidField("maxUses", "must be a whole number; -1 is unlimited")
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
            raise InvalidField("lifetimeSeconds", "must be a number")
        return partial(
            nonces.add_nonce,
            self._desk.env(principal),
            actor=actor,
            owner=principal.name,
            level=str(asked.get("level", "EXECUTE")),
            max_uses=None if uses == -1 else uses,
            lifetime=None if seconds is None else timedelta(seconds=max(0, min(seconds, 10**9))),
            tenant=principal.tenant,
            within=principal.level,
            until=principal.until,
        )

    async def _revoke(self, request: HttpRequest) -> Response:
        name, nonce = actor_name(request, self._desk), request.path_params["nonce"]
        env = await self._desk.enter(request, "nonces", "revoke", actor=name)
        if not await self._desk.run(lambda: nonces.revoke_nonce(nonce, env, actor=name)):
            raise _unknown()
        return success(None, message="Nonce revoked")

    def _shown(self, nonce: Credential, actor: str) -> dict[str, Any]:
        """Return what is shown of a nonce that opens an actor: what it opens, not what it is."""
        reference = nonce.digest[:12]
        actor_id = self._rules.actor_ids[actor]
        link = f"{self._rules.api_url}/actors/v2/{actor_id}"
        left = -1 if nonce.uses_left is None else nonce.uses_left
        return {
            "id": reference,
            "actorId": actor_id,
            "apiServer": self._rules.api_url,
            "label": nonce.label,
            "level": nonce.level,
            "owner": nonce.owner,
            "createTime": published(nonce.created),
            "expireTime": published(nonce.expires) if nonce.expires else None,
            "lastUseTime": published(nonce.last_use) if nonce.last_use else None,
            "maxUses": left if nonce.max_uses is None else nonce.max_uses,
            "remainingUses": left,
            "_links": {"self": f"{link}/nonces/{reference}", "actor": link},
        }


def _unknown() -> UnknownRecord:
    # What was asked for may be the nonce itself, so it is not said again.
    return UnknownRecord("this one", "nonce")
