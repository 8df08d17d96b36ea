"""/notifications/v2: who is told of a job. It is settled with the job's submission, and shown to the job's owner alone."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import UnknownRecord
from datacatalog.interfaces.http.agave.answers import asked, success
from datacatalog.interfaces.http.agave.paging import PAGING, page
from datacatalog.interfaces.http.agave.slashes import both
from datacatalog.interfaces.http.desk import Desk, answering
from datacatalog.ports.platforms import PlatformJob
from datacatalog.services.env import Env, Principal
from datacatalog.services.submitting import job_of, jobs_of


class NotificationRoutes:
    """Notifications of jobs; their URLs carry secrets."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return both("/notifications/v2", self.notifications, "GET")

    @answering
    async def notifications(self, request: HttpRequest) -> Response:
        principal = await self._desk.admit(request, "jobs", "submit")
        wanted = asked(request, *PAGING, "associatedUuid")
        part, env = page(wanted), self._desk.env(principal)
        return success(
            request,
            await self._desk.run(lambda: part.of(_found(wanted.get("associatedUuid"), principal, env))),
        )


def _found(of: str | None, principal: Principal, env: Env) -> Iterator[JsonObject]:
    """Yield the notifications of one of somebody's jobs, or of all.

    Raises:
        UnknownRecord: there is no such job, or it is another's.
    """
    if of is None:
        jobs: Iterator[PlatformJob] | list[PlatformJob] = jobs_of(env)
    else:
        jobs = [job_of(of, env)]
        if jobs[0].owner != principal.name:
            raise UnknownRecord(of[:80], "job of yours")
    for job in jobs:
        if job.owner == principal.name:
            yield from (_shown(job, n) for n, told in enumerate(job.notifications) if not _is_ours(told, env))


def _is_ours(told: JsonObject, env: Env) -> bool:
    """Tell whether the ledger asked to be told, with the nonce of this installation in the URL: that is nobody's to see."""
    return any(nonce and nonce in told["url"] for nonce in env.rules.callback_nonces.values())


def _shown(job: PlatformJob, position: int) -> JsonObject:
    told = job.notifications[position]
    return {
        # As Agave makes them: what says that it is a notification stands at the end.
        "id": f"{job.id.partition('-')[0]}-242ac11b-{position + 1:04d}-011",
        "owner": job.owner,
        "associatedUuid": job.id,
        "event": told["event"],
        "url": told["url"],
        "persistent": told["persistent"],
    }
