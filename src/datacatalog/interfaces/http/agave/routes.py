"""The routes of the platform, as Agave's clients know them."""

from __future__ import annotations

from starlette.routing import Route

from datacatalog.interfaces.http.agave.jobs import JobRoutes
from datacatalog.interfaces.http.desk import Desk


class AgaveRoutes:
    """Apps, jobs, files, systems, notifications and profiles."""

    def __init__(self, desk: Desk) -> None:
        self._jobs = JobRoutes(desk)

    def routes(self) -> list[Route]:
        return [*self._jobs.routes(), self._jobs.search()]
