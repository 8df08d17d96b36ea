"""/jobs/v2: jobs of the platform. One that is submitted here is nothing to the ledger; agave-proxy launches those."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import JsonObject, published
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.platforms import app_url, job_url
from datacatalog.interfaces.http.agave.answers import asked, links_here, success
from datacatalog.interfaces.http.agave.definitions import read_definition
from datacatalog.interfaces.http.agave.paging import PAGING, page
from datacatalog.interfaces.http.agave.slashes import both
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.interfaces.http.reading import delivery_id
from datacatalog.ports.platforms import PlatformJob, PlatformStep
from datacatalog.services.env import Env
from datacatalog.services.submitting import job_of, jobs_of, submit

BASE = "/jobs/v2"
_REQUEST_ID = "x-request-id"
ENDING = ("stop", "kill", "cancel")
FILTERS: Mapping[str, Callable[[PlatformJob], str]] = {
    "id": lambda job: job.id,
    "appId": lambda job: str(job.detail.get("appId", "")),
    "name": lambda job: str(job.detail.get("name", "")),
    "owner": lambda job: job.owner,
    "status": lambda job: job.status,
}
"""What jobs can be asked for by -> its value in a job."""


class JobRoutes:
    """Jobs, what became of them, and stopping them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [
            *both(BASE, self.jobs, "GET", "POST"),
            Route(f"{BASE}/{{job}}", self.job, methods=["GET", "POST"]),
            Route(f"{BASE}/{{job}}/status", self.status),
            Route(f"{BASE}/{{job}}/history", self.history),
        ]

    def search(self) -> Route:
        """Return the route that has to come after all others below a job."""
        return Route(f"{BASE}/{{attribute}}/{{value}}", self.found)

    @answering
    async def jobs(self, request: HttpRequest) -> Response:
        return await (self._submit(request) if request.method == "POST" else self._list(request))

    @answering
    async def job(self, request: HttpRequest) -> Response:
        return await (self._manage(request) if request.method == "POST" else self._show(request))

    # -------------------------------------------------------------------------------------- submitting

    async def _submit(self, request: HttpRequest) -> Response:
        principal = await self._desk.admit(request, "jobs", "submit")
        asked(request)
        own_id = delivery_id(request) or delivery_id(request, _REQUEST_ID)
        definition = await read_definition(request, self._desk)
        env = self._desk.env(principal)
        job = await self._desk.run(lambda: submit(definition, principal, env, delivery_id=own_id))
        return success(request, self._shown(job), http=201)

    async def _manage(self, request: HttpRequest) -> Response:
        env = await self._desk.enter(request, "jobs", "cancel")
        asked(request)
        order = await read_definition(request, self._desk)
        if str(order.get("action")) not in ENDING:
            raise InvalidField("action", f"is none of {', '.join(ENDING)}")
        called = request.path_params["job"]

        def stop() -> PlatformJob:
            job_of(called, env)
            env.platform.cancel(called)
            return job_of(called, env)

        return success(request, self._shown(await self._desk.run(stop)), message="The job is being stopped")

    # ----------------------------------------------------------------------------------------- reading

    async def _list(self, request: HttpRequest) -> Response:
        env = await self._desk.enter(request, "jobs", "read")
        wanted = asked(request, *PAGING, *FILTERS)
        return await self._page(request, env, wanted)

    @answering
    async def found(self, request: HttpRequest) -> Response:
        """Jobs with one value, which stands in the path."""
        env = await self._desk.enter(request, "jobs", "read")
        wanted, name = asked(request, *PAGING), request.path_params["attribute"]
        if name not in FILTERS:
            raise InvalidField(name, f"jobs cannot be asked for by it; by {', '.join(FILTERS)}")
        return await self._page(request, env, {**wanted, name: request.path_params["value"]})

    async def _page(self, request: HttpRequest, env: Env, wanted: Mapping[str, str]) -> Response:
        part = page(wanted)
        by = {name: wanted[name] for name in FILTERS if name in wanted}

        def look() -> list[JsonObject]:
            fit = (job for job in jobs_of(env) if all(FILTERS[n](job) == value for n, value in by.items()))
            return [self._shown(job) for job in part.of(fit)]

        return success(request, await self._desk.run(look))

    async def _show(self, request: HttpRequest) -> Response:
        return success(request, self._shown(await self._job(request)))

    @answering
    async def status(self, request: HttpRequest) -> Response:
        job = await self._job(request)
        shown = self._shown(job)
        return success(request, {"id": job.id, "status": job.status, "_links": shown["_links"]})

    @answering
    async def history(self, request: HttpRequest) -> Response:
        env = await self._desk.enter(request, "jobs", "read")
        part, called = page(asked(request, *PAGING)), request.path_params["job"]

        def look() -> list[PlatformStep]:
            job_of(called, env)
            return part.of(env.platform.history(called))

        return success(request, [_step(step) for step in await self._desk.run(look)])

    # ------------------------------------------------------------------------------------------- parts

    async def _job(self, request: HttpRequest) -> PlatformJob:
        env, called = await self._desk.enter(request, "jobs", "read"), request.path_params["job"]
        asked(request)
        return await self._desk.run(lambda: job_of(called, env))

    def _shown(self, job: PlatformJob) -> JsonObject:
        """Return a job without its notifications, whose URLs carry secrets; its links begin here."""
        api_url = self._desk.app.settings.api_url
        own = job_url(api_url, job.id)
        links = {
            **links_here(job.detail, api_url),
            "self": {"href": own},
            "app": {"href": app_url(api_url, str(job.detail.get("appId", "")))},
            "history": {"href": f"{own}/history"},
            "outputs": {"href": f"{own}/outputs/listings"},
        }
        kept = {name: value for name, value in job.detail.items() if name != "notifications"}
        return {**kept, "id": job.id, "status": job.status, "_links": links}


def _step(step: PlatformStep) -> dict[str, Any]:
    return {"status": step.status, "created": published(step.at), "description": step.note}
