"""A job of the ledger in the hands of whoever holds its token: its state, its events, its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from datacatalog.domain.errors import UnknownRecord
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.managers.common import Manager, Param, taken
from datacatalog.managers.opening import Opens
from datacatalog.managers.pipelinejobs import events
from datacatalog.managers.pipelinejobs.exceptions import ManagedPipelineJobError, told
from datacatalog.services.jobs import job_document, job_for, reset_job
from datacatalog.services.managed import cancel_job, untouched

Data = Mapping[str, Any] | None


class JobManager(Manager):
    """Moves one job through its lifecycle, with the token that it holds.

    Every event method takes `data`, which is kept in the job's history, and `token`, which is used instead of the one held;
    each returns the manager itself, so that calls can be chained. `job` is the job's document as it stands.
    """

    ADMIN_EVENTS: ClassVar[list[str]] = ["reset", "ready", "delete", "purge"]
    PARAMS: ClassVar[list[Param]] = [
        ("archive_path", False, "archive_path", None),
        ("archive_patterns", False, "archive_patterns", []),
        ("archive_system", False, "archive_system", "data-sd2e-community"),
        ("pipeline_uuid", False, "pipeline_uuid", None),
        ("token", False, "token", None),
        ("uuid", False, "uuid", None),
        ("state", False, "state", None),
        ("last_event", False, "last_event", None),
    ]

    uuid: str | None = None
    token: str | None = None
    state: str | None = None
    last_event: str | None = None
    pipeline_uuid: str | None = None
    archive_path: str | None = None
    archive_system: str
    archive_patterns: list[dict[str, Any]]

    def __init__(self, mongodb: Opens = None, agave: Any = None, **kwargs: Any) -> None:
        """Open the catalog; `load` then takes up a job.

        Raises:
            Misconfigured, StoreDown.
            TypeError: an argument is not one of PARAMS.
        """
        values = taken(type(self).__name__, self.PARAMS, kwargs)
        super().__init__(mongodb, agave)
        if kwargs.get("archive_system") is None:
            values["archive_system"] = self.env.rules.default_system
        vars(self).update(values)
        self._held: Job | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(uuid={self.uuid}, state={self.state})"

    # ----------------------------------------------------------------------------------- taking it up

    def load(self, job_uuid: str | None = None, token: str | None = None) -> Self:
        """Take up a job of the ledger as it stands.

        Args:
            job_uuid: None: the one this manager has already.
            token: its update token; None: the one held, where it is still the same job.
        Raises:
            ManagedPipelineJobError: there is no such job.
        """
        with told():
            uuid = self._uuid() if job_uuid is None else read_typed(job_uuid, Kind.PIPELINEJOB)
            job = self.env.store.read(lambda work: job_for(uuid, work))
        held = self.token if uuid == self.uuid else None
        self._take(job)
        self.token = token or held
        return self

    def attach(self, token: str | None = None) -> Self:
        """Take up the job whose UUID this manager has.  Raises as `load`."""
        return self.load(token=token)

    @property
    def job(self) -> dict[str, Any] | None:
        """The job's document as the ledger has it now, with up to 1000 history entries; None where there is none."""
        if self.uuid is None:
            return None
        try:
            return self.env.store.read(lambda work: job_document(self._uuid(), work))
        except UnknownRecord:
            return None

    def archive_uri(self) -> str:
        """Return where the job archives, as `agave://system/path`."""
        return f"agave://{self.archive_system}{self.archive_path or ''}"

    def _uuid(self) -> TypedUuid:
        if self.uuid is None:
            raise ManagedPipelineJobError("there is no job yet: setup() or load() one")
        return TypedUuid(self.uuid)

    def _take(self, job: Job) -> None:
        self._held = job
        self.uuid = job.uuid
        self.state, self.last_event = job.state.value, job.last_event
        self.pipeline_uuid = job.pipeline_uuid
        self.archive_system, self.archive_path = job.archive_system, job.archive_path
        self.archive_patterns = [dict(pattern) for pattern in job.archive_patterns]

    # ----------------------------------------------------------------------------------------- events

    def handle(self, event_name: str, data: Data = None, token: str | None = None) -> Self:
        """Send an event by its name, `delete` and `purge` among them.

        Raises:
            ManagedPipelineJobError: the job's state does not allow it, or there is no such event; nothing was written.
                A ValueError and InvalidToken (InvalidAdminToken for ADMIN_EVENTS) as well where the token is refused.
        """
        with told():
            message = events.read(self._uuid(), event_name, data, token or self.token)
            result = events.send(message, self.env).result
        self.state, self.last_event = result.get("state"), result.get("last_event")
        return self

    def run(self, data: Data = None, token: str | None = None) -> Self:
        """Computing has begun."""
        return self.handle("run", data, token)

    def resource(self, data: Data = None, token: str | None = None) -> Self:
        """Something about where and how it runs is worth keeping."""
        return self.handle("resource", data, token)

    def update(self, data: Data = None, token: str | None = None) -> Self:
        """Something about the run is worth keeping."""
        return self.handle("update", data, token)

    def fail(self, data: Data = None, token: str | None = None) -> Self:
        """It failed; before `run` as well, and its record stays."""
        return self.handle("fail", data, token)

    def finish(self, data: Data = None, token: str | None = None) -> Self:
        """Computing and archiving are done; indexing follows by itself."""
        return self.handle("finish", data, token)

    def index(self, data: Data = None, token: str | None = None) -> Self:
        """Have the outputs indexed by a worker; `filters` and `level` may stand in `data`."""
        return self.handle("index", data, token)

    def indexed(self, data: Data = None, token: str | None = None) -> Self:
        """Indexing is done."""
        return self.handle("indexed", data, token)

    def validate(self, data: Data = None, token: str | None = None) -> Self:
        """The outputs are being examined."""
        return self.handle("validate", data, token)

    def validated(self, data: Data = None, token: str | None = None) -> Self:
        """The outputs are good."""
        return self.handle("validated", data, token)

    def reject(self, data: Data = None, token: str | None = None) -> Self:
        """The outputs are not good."""
        return self.handle("reject", data, token)

    def finalize(self, data: Data = None, token: str | None = None) -> Self:
        """The job is complete for good."""
        return self.handle("finalize", data, token)

    def retire(self, data: Data = None, token: str | None = None) -> Self:
        """Its outputs are no longer to be used."""
        return self.handle("retire", data, token)

    # -------------------------------------------------------------------------- ending and beginning anew

    def reset(
        self,
        data: Data = None,
        no_clear_path: bool = False,
        token: str | None = None,
        permissive: bool = False,
    ) -> bool | Self:
        """Take the job back to CREATED: reset, clear its archive path, ready.

        Args:
            no_clear_path: leave the archived files where they are.
            token: an administrative token.
            permissive: return False where the catalog refuses, instead of raising.
        Raises:
            ManagedPipelineJobError: the token is no administrative one (InvalidAdminToken as well), or the archive path
                is outside the places that may be cleared; nothing was written or removed.
        """
        try:
            with told():
                job = reset_job(
                    self._uuid(),
                    token or self.token or "",
                    self.env,
                    clear=not no_clear_path,
                    data=events.plain_or_none(data),
                )
        except ManagedPipelineJobError:
            if permissive:
                return False
            raise
        self._take(job)
        return self

    def ready(self, data: Data = None, token: str | None = None) -> Self:
        """Take a job that is RESET back to CREATED; with an administrative token."""
        return self.handle("ready", data, token)

    @property
    def cancelable(self) -> bool:
        """Whether the job is in the ledger and nothing has happened to it since it was created."""
        if self.uuid is None:
            return False
        try:
            return self.env.store.read(lambda work: untouched(self._uuid(), work))
        except UnknownRecord:
            return False

    def cancel(self, token: str | None = None) -> Self:
        """Take the job back before anything happened to it: it leaves the ledger, and may be set up again.

        Raises:
            ManagedPipelineJobError: something has happened to it already; send `fail`. Or the token is refused.
        """
        uuid = self._uuid()
        with told():
            self.env.store.transact(lambda work: cancel_job(uuid, token or self.token, work, self.env))
        self._held = self.state = self.last_event = None
        return self

    def delete(self, token: str | None = None, force: bool = False) -> Self:
        """Hide the job, or with `force` remove it for good; with an administrative token. Its archive stays."""
        return self.handle(events.PURGE if force else events.DELETE, token=token)
