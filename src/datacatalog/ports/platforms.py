"""Where computing happens: something that takes job definitions and calls back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from datacatalog.domain.documents import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformJob:
    """A job as its platform knows it.

    Attributes:
        id: the platform's own id, e.g. "7381691026605150696-242ac11b-0001-007".
        status: in the platform's words, upper case, e.g. "RUNNING".
        link: URL of the job at its platform.
    """

    id: str
    status: str
    link: str
    detail: JsonObject


class Platform(Protocol):
    def app(self, app_id: str) -> JsonObject:
        """Return an application's definition.  Raises UnknownRecord, PlatformDown."""
        ...

    def apps(self) -> Sequence[str]: ...

    def submit(self, definition: JsonObject, *, key: str) -> PlatformJob:
        """Submit an Agave job definition (`appId`, `name`, `inputs`, `parameters`, `archivePath`, `notifications`, ...).

        The same `key` again submits nothing and returns the first one's job.
        Raises InvalidField, UnknownRecord (the app), PlatformDown.
        """
        ...

    def job(self, id: str) -> PlatformJob:
        """Return a job.  Raises UnknownRecord, PlatformDown."""
        ...

    def cancel(self, id: str) -> None:
        """Stop a job; it then reports STOPPED.  Raises UnknownRecord, PlatformDown."""
        ...
