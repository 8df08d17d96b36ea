"""The routes of the platform, as Agave's clients know them."""

from __future__ import annotations

from starlette.routing import Route

from datacatalog.interfaces.http.agave.apps import AppRoutes
from datacatalog.interfaces.http.agave.files import FileRoutes
from datacatalog.interfaces.http.agave.jobs import JobRoutes
from datacatalog.interfaces.http.agave.notifications import NotificationRoutes
from datacatalog.interfaces.http.agave.outputs import OutputRoutes
from datacatalog.interfaces.http.agave.systems import SystemRoutes
from datacatalog.interfaces.http.desk import Desk


class AgaveRoutes:
    """Apps, jobs, files, systems, notifications, and who one is."""

    def __init__(self, desk: Desk) -> None:
        self._jobs = JobRoutes(desk)
        self._others: list[Route] = [
            *AppRoutes(desk).routes(),
            *OutputRoutes(desk).routes(),
            *FileRoutes(desk).routes(),
            *SystemRoutes(desk).routes(),
            *NotificationRoutes(desk).routes(),
        ]

    def routes(self) -> list[Route]:
        return [*self._jobs.routes(), *self._others, self._jobs.search()]
