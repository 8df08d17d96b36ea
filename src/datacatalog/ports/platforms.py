"""Where computing happens: something that takes job definitions, and tells what became of them.

Definitions and statuses are in Agave's words (`appId`, `archivePath`, `RUNNING`, ...), except that `PlatformJob.status` is in
the platform's own; domain/jobs/statuses.py has a table for each platform. What a platform cannot do raises NotSupported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from datacatalog.domain.documents import JsonObject
from datacatalog.ports.storage import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformJob:
    """A job as its platform knows it.

    Attributes:
        id: the platform's own id, e.g. "7381691026605150696-242ac11b-0001-007".
        status: in the platform's words, upper case, e.g. "RUNNING".
        link: URL of the job at its platform.
        owner, tenant: whose it is; "": the platform keeps no such thing.
        notifications: who is told of what (`event`, `url`, `persistent`); the URLs carry secrets.
    """

    id: str
    status: str
    link: str
    detail: JsonObject
    owner: str = ""
    tenant: str = ""
    notifications: Sequence[JsonObject] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStep:
    """A job came to a status; `note` says why, where that needs saying."""

    status: str
    at: datetime
    note: str = ""


class Platform(Protocol):
    @property
    def name(self) -> str:
        """local, agave or tapis; it picks the table of statuses."""
        ...

    def app(self, app_id: str) -> JsonObject:
        """Return an application's definition.  Raises UnknownRecord, PlatformDown."""
        ...

    def apps(self) -> Sequence[str]: ...

    def register(self, definition: JsonObject, *, owner: str) -> JsonObject:
        """Register an application, or replace it; return it as `app` does.

        Raises InvalidField, NotSupported (registering is not allowed here), PlatformDown.
        """
        ...

    def submit(self, definition: JsonObject, *, key: str, owner: str = "", tenant: str = "") -> PlatformJob:
        """Submit an Agave job definition (`appId`, `name`, `inputs`, `parameters`, `archivePath`, `notifications`, ...).

        The same `key` again submits nothing and returns the first one's job.

        Args:
            owner, tenant: whose job it is; a remote platform goes by the account it was given instead.
        Raises InvalidField, UnknownRecord (the app), PlatformDown.
        """
        ...

    def job(self, id: str) -> PlatformJob:
        """Return a job.  Raises UnknownRecord, PlatformDown."""
        ...

    def jobs(self, *, tenant: str | None = None, limit: int = 100, offset: int = 0) -> Sequence[PlatformJob]:
        """Return jobs, newest first.  Raises PlatformDown.

        Args:
            tenant: only its jobs; None: all.
        """
        ...

    def history(self, id: str) -> Sequence[PlatformStep]:
        """Return what became of a job, oldest first.  Raises UnknownRecord, PlatformDown."""
        ...

    def outputs(self, id: str, path: str = "/") -> Sequence[Entry]:
        """List what a job made, below its own output directory.  Raises UnknownRecord, NoSuchPath, UnsafePath, PlatformDown."""
        ...

    def output(self, id: str, path: str) -> BinaryIO:
        """Open a file that a job made.  Raises as `outputs` does."""
        ...

    def cancel(self, id: str) -> None:
        """Stop a job; it then reports STOPPED.  Raises UnknownRecord, PlatformDown."""
        ...
