"""A job that exists already: what it is, its events, and the indexing of what it archived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from datacatalog.domain.errors import ConflictingFields
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.indexing import requests_for
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind, Relation
from datacatalog.domain.messages import JobEvent
from datacatalog.managers.common import Param, plain
from datacatalog.managers.opening import Opens
from datacatalog.managers.pipelinejobs import events
from datacatalog.managers.pipelinejobs.exceptions import told
from datacatalog.managers.pipelinejobs.indexer import Indexer
from datacatalog.managers.pipelinejobs.indexrequest import Filter, IndexingError, IndexRequest
from datacatalog.services.indexing import index_now
from datacatalog.services.jobs import handle_job_event, job_document, job_for

_SOURCES = (Relation.DERIVED_FROM.value, Relation.DERIVED_USING.value)


class ManagedPipelineJobInstance(Indexer):
    """A job of the ledger, by its UUID."""

    PARAMS: ClassVar[list[Param]] = [
        ("state", False, "state", None),
        ("archive_path", False, "archive_path", None),
        ("archive_system", False, "archive_system", "data-sd2e-community"),
        ("archive_patterns", False, "archive_patterns", []),
        ("product_patterns", False, "product_patterns", []),
        ("generated_by", False, "generated_by", []),
        ("child_of", False, "child_of", []),
        ("acted_on", False, "acted_on", []),
        ("acted_using", False, "acted_using", []),
        ("pipeline_uuid", False, "pipeline_uuid", None),
        ("last_event", False, "last_event", None),
    ]

    state: str
    archive_path: str
    archive_system: str
    archive_patterns: list[dict[str, Any]]
    product_patterns: list[dict[str, Any]]
    generated_by: list[str]
    child_of: list[str]
    acted_on: list[str]
    acted_using: list[str]
    pipeline_uuid: str
    last_event: str

    def __init__(self, mongodb: Opens, uuid: str, agave: Any = None, token: str | None = None) -> None:
        """Load a job.

        Args:
            token: its update token, for events that bring none of their own.
        Raises:
            ManagedPipelineJobError, a ValueError: there is no such job.
            Misconfigured, StoreDown.
        """
        super().__init__(mongodb, agave)
        self.token = token
        try:
            with told():
                self._uuid = read_typed(uuid, Kind.PIPELINEJOB)
            self.load()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"{type(self).__name__}(uuid={self.uuid}, state={self.state})"

    @property
    def uuid(self) -> str:
        return self._uuid

    @property
    def job(self) -> dict[str, Any]:
        """The job's document as the ledger has it now, with up to 1000 history entries."""
        with told():
            return self.env.store.read(lambda work: job_document(self._uuid, work))

    def load(self) -> Self:
        """Take up the job as it stands now.  Raises ManagedPipelineJobError: it is no longer there."""
        with told():
            document = self.job
            self._job = self.env.store.read(lambda work: job_for(self._uuid, work))
        for name, _, attribute, default in self.PARAMS:
            setattr(self, attribute, document.get(name, default))
        return self

    # ----------------------------------------------------------------------------------------- events

    def handle(self, event_doc: Mapping[str, Any], token: str | None = None) -> Self:
        """Send an event as a document: `name`, and perhaps `data`, `token`, `uuid`.

        Raises:
            ManagedPipelineJobError: the job's state does not allow it, the token is refused (InvalidToken as well), or
                the document is no event of this job (a ValueError as well); nothing was written.
        """
        with told():
            if event_doc.get("uuid", self._uuid) != self._uuid:
                raise ConflictingFields("uuid")
            own = token or event_doc.get("token") or self.token
            message = events.read(self._uuid, event_doc.get("name"), event_doc.get("data"), own)
            events.send(message, self.env)
        if isinstance(message, JobEvent):
            self.load()
        return self

    def indexed(self, token: str | None = None, data: Mapping[str, Any] | None = None) -> Self:
        """Say that indexing is done.  Raises as `handle`."""
        return self.handle({"name": Event.INDEXED.value, "data": data}, token)

    # --------------------------------------------------------------------------------------- indexing

    def index(
        self,
        token: str | None = None,
        transition: bool = False,
        level: str | None = None,
        fixity: bool = False,
        filters: Sequence[Filter] | None = None,
        permissive: bool = False,
    ) -> list[str] | dict[str, Any]:
        """Index the job's archive right here: the files are in the catalog when this returns.

        The job is INDEXING then, or with `transition` FINISHED again.

        Args:
            level: processing level of the files; None: that of the requests, "1" where they say none.
            fixity: whether checksums are taken of files that string filters pick.
            filters: regular expressions (not URL-encoded) and index requests; None: the job's own requests, and where it has
                none, every file.
            permissive: pass over sources of product requests that cannot be resolved.
        Returns:
            The paths that were indexed, sorted; with `transition`, the job's document.
        Raises:
            IndexingError: the job's state does not allow it, a filter cannot be used, or a source cannot be resolved.
            ManagedPipelineJobError: the token is refused (InvalidToken as well).
        """
        held = token or self.token
        with told(IndexingError, IndexingError):
            requests = _documents(filters or (), level, fixity)
            own = self._loaded()
            found = requests_for(own.archive_patterns, own.product_patterns, requests, level)
            self._begin(requests, level, held)
            if permissive:
                requests = [self._resolving(r.to_document(), None if requests else level) for r in found]
            paths = sorted({*index_now(self._uuid, self.env, filters=requests, level=level)})
        if transition:
            return self.indexed(held, {"files": len(paths)}).job
        self.load()
        return paths

    def _begin(self, requests: list[dict[str, Any]], level: str | None, token: str | None) -> None:
        """Move the job to INDEXING, without a message to the indexer: the work is done here."""
        said = {"filters": requests or None, "level": level}
        message = JobEvent(
            uuid=self._uuid,
            name=Event.INDEX,
            token=token,
            data={name: value for name, value in said.items() if value is not None} or None,
        )
        self.env.store.transact(lambda work: handle_job_event(message, work, self.env))

    def _resolving(self, document: dict[str, Any], level: str | None) -> dict[str, Any]:
        """Return a request without the sources that cannot be resolved, at the level that was asked for."""
        sources = {
            name: self.resolve_derived_references(document[name], permissive=True)
            for name in _SOURCES
            if name in document
        }
        levels = {"level": level} if level is not None and "level" in document else {}
        return {**document, **sources, **levels}


def _documents(filters: Sequence[Filter], level: str | None, fixity: bool) -> list[dict[str, Any]]:
    """Return filters as index requests, all regular expressions together as the first one."""
    texts = [f for f in filters if isinstance(f, str)]
    found = [
        f.to_dict() if isinstance(f, IndexRequest) else plain(f, "filters")
        for f in filters
        if not isinstance(f, str)
    ]
    if not texts:
        return found
    return [{"patterns": texts, "level": level or "1", "fixity": fixity}, *found]
