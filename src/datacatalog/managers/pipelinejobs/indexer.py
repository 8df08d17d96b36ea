"""Finding, for a job's outputs, the records of the files and references that they name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from datacatalog.domain.filetypes import infer_type
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.kinds import Kind
from datacatalog.domain.paths import below, normalised
from datacatalog.managers.common import Manager
from datacatalog.managers.opening import Opens
from datacatalog.managers.pipelinejobs.exceptions import ManagedPipelineJobError, told
from datacatalog.managers.pipelinejobs.indexrequest import IndexingError
from datacatalog.services.finding import find_record
from datacatalog.services.indexing import file_at, resolve_source
from datacatalog.services.records import put_record


class Indexer(Manager):
    """Resolves names to UUIDs of files and references; a file that is not in the catalog yet is recorded."""

    def __init__(self, mongodb: Opens = None, agave: Any = None) -> None:
        super().__init__(mongodb, agave)
        self._job: Job | None = None

    def file_or_ref_identifier(self, string_reference: str) -> str:
        """Return the UUID of the file or reference that an identifier names.

        Raises:
            ManagedPipelineJobError, a ValueError: the catalog knows neither.
        """
        kinds = (Kind.FILE, Kind.REFERENCE)
        with told():
            return self.env.store.read(lambda w: find_record(string_reference, w, self.env, kinds)).uuid

    def index_if_exists(
        self, abs_filename: str, storage_system: str | None = None, check_exists: bool = True
    ) -> str:
        """Return the UUID of a file, which is recorded if it is not yet.

        Args:
            abs_filename: absolute path.
            storage_system: None: the default one.
            check_exists: record it only where it is on its storage; False: take it at its word.
        Raises:
            ManagedPipelineJobError, a ValueError: there is no such file, or the path is not absolute.
        """
        system = storage_system or self.env.rules.default_system
        with told():
            path = normalised(abs_filename, "abs_filename")
            if check_exists:
                return file_at(system, path, self.env.store.transact, self.env)
            document = {"name": path, "storage_system": system, "type": infer_type(path)}
            written = self.env.store.transact(lambda w: put_record(Kind.FILE, document, w, self.env))
            return written.record.uuid

    def file_job_relative_path(self, string_reference: str, check_exists: bool = True) -> str:
        """Return the UUID of a file that is named relative to the job's archive path.  Raises as `index_if_exists`."""
        job = self._loaded()
        with told():
            path = below(job.archive_path, string_reference, "string_reference")
        return self.index_if_exists(path, job.archive_system, check_exists)

    def resolve_derived_references(self, reference_set: Iterable[str], permissive: bool = False) -> list[str]:
        """Return the UUIDs that typed UUIDs, identifiers, paths, `agave://` URIs and `./relative` names stand for.

        Args:
            permissive: pass over what cannot be resolved.
        Returns:
            Sorted, each once.
        Raises:
            IndexingError: one cannot be resolved, and `permissive` is False.
        """
        found = set()
        for text in reference_set:
            try:
                found.add(self._resolved(text))
            except IndexingError:
                if not permissive:
                    raise
        return sorted(found)

    def _resolved(self, text: str) -> str:
        job = self._loaded()
        with told(IndexingError):
            return resolve_source(text, job, self.env.store.transact, self.env)

    def _loaded(self) -> Job:
        if self._job is None:
            raise ManagedPipelineJobError("no job is loaded; ManagedPipelineJobInstance loads one")
        return self._job
