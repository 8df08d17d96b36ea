"""Abaco's routes for nonces."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import published
from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.domain.strict_json import parse_object
from datacatalog.interfaces.http.actors import actor_name
from datacatalog.interfaces.http.answers import success
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.ports.stores import Credential
from datacatalog.services import access


class NonceRoutes:
    """The nonces of one actor."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._env = desk.app.env

    def routes(self) -> list[Route]:
        return [
            Route("/actors/v2/{actor}/nonces", self.nonces, methods=["GET", "POST"]),
            Route("/actors/v2/{actor}/nonces/{nonce}", self.revoke, methods=["DELETE"]),
        ]

    @answering
    async def nonces(self, request: HttpRequest) -> Response:
        return await (self._create(request) if request.method == "POST" else self._list(request))

    async def _list(self, request: HttpRequest) -> Response:
        name = actor_name(request, self._desk)
        await self._desk.admit(request, name, "UPDATE")
        found = await self._desk.run(lambda: access.list_nonces(self._env))
        return success([_nonce(c) for c in found if c.actor in (name, "*")])

    async def _create(self, request: HttpRequest) -> Response:
        name = actor_name(request, self._desk)
        principal = await self._desk.admit(request, name, "UPDATE")
        asked = parse_object(await self._desk.body(request) or b"{}")
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
            self._env,
            actor=name,
            owner=principal.name,
            level=str(asked.get("level", "EXECUTE")),
            max_uses=None if uses == -1 else uses,
            lifetime=lifetime,
        )
        nonce = await self._desk.run(make)
        made = {"id": nonce, "actorId": self._env.rules.actor_ids[name], "maxUses": uses}
        return success(made, http=201)

    @answering
    async def revoke(self, request: HttpRequest) -> Response:
        name, nonce = actor_name(request, self._desk), request.path_params["nonce"]
        await self._desk.admit(request, name, "UPDATE")
        if not await self._desk.run(lambda: access.revoke_nonce(nonce, self._env, actor=name)):
            raise UnknownRecord("this one", "nonce")
        return success(None, message="Nonce revoked")


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
