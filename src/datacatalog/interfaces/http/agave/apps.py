"""/apps/v2: the applications of the platform."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import ConflictingFields
from datacatalog.domain.identifiers.platforms import app_url
from datacatalog.interfaces.http.agave.answers import asked, links_here, success
from datacatalog.interfaces.http.agave.definitions import read_definition
from datacatalog.interfaces.http.agave.paging import PAGING, page
from datacatalog.interfaces.http.agave.slashes import both
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.interfaces.http.reading import flag

BASE = "/apps/v2"
_SUMMARY = ("id", "name", "version", "label", "shortDescription", "executionSystem", "revision", "isPublic")


class AppRoutes:
    """Applications, which all tenants share."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [
            *both(BASE, self.apps, "GET", "POST"),
            Route(f"{BASE}/{{app}}", self.app, methods=["GET", "POST"]),
        ]

    @answering
    async def apps(self, request: HttpRequest) -> Response:
        return await (self._register(request) if request.method == "POST" else self._list(request))

    @answering
    async def app(self, request: HttpRequest) -> Response:
        return await (self._replace(request) if request.method == "POST" else self._show(request))

    async def _list(self, request: HttpRequest) -> Response:
        await self._desk.admit(request, "apps", "read")
        wanted = asked(request, *PAGING, "publicOnly", "privateOnly")
        part, private = page(wanted), flag("privateOnly", wanted.get("privateOnly"))
        flag("publicOnly", wanted.get("publicOnly"))
        platform = self._desk.app.env.platform

        def look() -> list[JsonObject]:
            # Whoever may use one may use all.
            return [] if private else [platform.app(name) for name in part.of(platform.apps())]

        found = await self._desk.run(look)
        return success(request, [self._shown(app, *_SUMMARY) for app in found])

    async def _show(self, request: HttpRequest) -> Response:
        await self._desk.admit(request, "apps", "read")
        asked(request)
        name = request.path_params["app"]
        return success(
            request, self._shown(await self._desk.run(lambda: self._desk.app.env.platform.app(name)))
        )

    async def _register(self, request: HttpRequest) -> Response:
        principal = await self._desk.admit(request, "apps", "register")
        asked(request)
        definition = await read_definition(request, self._desk)
        platform = self._desk.app.env.platform
        app = await self._desk.run(lambda: platform.register(definition, owner=principal.name))
        return success(request, self._shown(app), http=201)

    async def _replace(self, request: HttpRequest) -> Response:
        principal = await self._desk.admit(request, "apps", "register")
        asked(request)
        name, definition = request.path_params["app"], await read_definition(request, self._desk)
        if definition.get("id", f"{definition.get('name')}-{definition.get('version')}") != name:
            raise ConflictingFields("id")
        platform = self._desk.app.env.platform

        def replace() -> JsonObject:
            platform.app(name)
            return platform.register(definition, owner=principal.name)

        return success(request, self._shown(await self._desk.run(replace)))

    def _shown(self, app: JsonObject, *only: str) -> JsonObject:
        """Return an app with its links; only some of its fields, where they are named."""
        own = app_url(self._desk.app.settings.api_url, str(app.get("id", "")))
        kept = {name: app[name] for name in only if name in app} if only else dict(app)
        return {**kept, "_links": {**links_here(app, self._desk.app.settings.api_url), "self": {"href": own}}}
