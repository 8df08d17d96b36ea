"""/systems/v2 and /profiles/v2: where files lie and jobs run, and who asks. Nothing is changed here."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.domain.identifiers.platforms import system_url
from datacatalog.interfaces.http.agave.answers import asked, success
from datacatalog.interfaces.http.agave.paging import PAGING, page
from datacatalog.interfaces.http.agave.slashes import both
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.interfaces.http.reading import flag

BASE = "/systems/v2"
TYPES = ("STORAGE", "EXECUTION")


class SystemRoutes:
    """Storage systems, the system where jobs run, and the profile of who asks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [
            *both(BASE, self.systems, "GET"),
            Route(f"{BASE}/{{system}}", self.system),
            Route("/profiles/v2/me", self.me),
        ]

    @answering
    async def systems(self, request: HttpRequest) -> Response:
        await self._desk.admit(request, "files", "read")
        wanted = asked(request, *PAGING, "type", "default", "public")
        kind = wanted.get("type", "").upper()
        if kind not in ("", *TYPES):
            raise InvalidField("type", f"is none of {', '.join(TYPES)}")
        named = {name: flag(name, wanted[name]) for name in ("default", "public") if name in wanted}
        found = [
            system
            for system in self._known()
            if kind in ("", system["type"]) and all(system[name] is value for name, value in named.items())
        ]
        return success(request, page(wanted).of(found))

    @answering
    async def system(self, request: HttpRequest) -> Response:
        await self._desk.admit(request, "files", "read")
        asked(request)
        name = request.path_params["system"]
        for system in self._known():
            if system["id"] == name:
                return success(request, system)
        raise UnknownRecord(name[:80], "system")

    @answering
    async def me(self, request: HttpRequest) -> Response:
        principal = await self._desk.admit(request, "files", "read")
        asked(request)
        tenant = self._desk.env(principal).tenant
        return success(request, {"username": principal.name, "tenant": tenant, "level": principal.level})

    def _known(self) -> list[JsonObject]:
        env, config = self._desk.app.env, self._desk.app.settings.config
        storage = [
            self._shown(name, "STORAGE", default=name == env.rules.default_system)
            for name in env.storage.systems()
        ]
        return [*storage, self._shown(config["platform"]["kind"], "EXECUTION", default=True)]

    def _shown(self, name: str, kind: str, *, default: bool) -> JsonObject:
        return {
            "id": name,
            "name": name,
            "type": kind,
            "default": default,
            "public": True,
            "status": "UP",
            "_links": {"self": {"href": system_url(self._desk.app.settings.api_url, name)}},
        }
