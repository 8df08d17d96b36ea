"""/jobs/v2/{job}/outputs: what a job made."""

from __future__ import annotations

from typing import BinaryIO

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.identifiers.platforms import job_url
from datacatalog.interfaces.http.agave.answers import asked, success
from datacatalog.interfaces.http.agave.entries import address, listed, shown
from datacatalog.interfaces.http.agave.paging import PAGING, page
from datacatalog.interfaces.http.agave.places import path_in
from datacatalog.interfaces.http.agave.sending import sent
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.services.submitting import job_of

_BASE = "/jobs/v2/{job}/outputs"


class OutputRoutes:
    """Listings of outputs, and outputs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [
            Route(f"{_BASE}/listings", self.listing),
            Route(f"{_BASE}/listings/{{path:whole}}", self.listing),
            Route(f"{_BASE}/media/{{path:whole}}", self.media),
        ]

    @answering
    async def listing(self, request: HttpRequest) -> Response:
        env, job = await self._desk.enter(request, "jobs", "read"), request.path_params["job"]
        part, path = page(asked(request, *PAGING)), path_in(request)
        url = address(f"{job_url(self._desk.app.settings.api_url, job)}/outputs")

        def look() -> list[JsonObject]:
            system = str(job_of(job, env).detail.get("executionSystem", ""))
            found = listed(path, env.platform.outputs(job, path), part)
            return [shown(entry, system, url, itself=path) for entry in found]

        return success(request, await self._desk.run(look))

    @answering
    async def media(self, request: HttpRequest) -> Response:
        env, job = await self._desk.enter(request, "jobs", "read"), request.path_params["job"]
        asked(request)
        path = path_in(request)

        def opened() -> BinaryIO:
            job_of(job, env)
            return env.platform.output(job, path)

        return await sent(request, self._desk, await self._desk.run(opened), path)
