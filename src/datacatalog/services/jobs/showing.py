"""Jobs as they are read."""

from __future__ import annotations

from typing import Any

from datacatalog.domain.errors import UnknownRecord
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.records import public_document
from datacatalog.ports.stores import Work

HISTORY_PAGE = 1000

"""How many entries of its history a job is shown with."""


def job_for(uuid: TypedUuid, work: Work) -> Job:
    """Return a job that is not hidden.

    Raises:
        UnknownRecord: there is none.
    """
    record = work.records.find(uuid)
    if record is None or not record.visible:
        raise UnknownRecord(uuid, "job")
    return Job(record)


def job_document(uuid: TypedUuid, work: Work, *, history: int = HISTORY_PAGE) -> dict[str, Any]:
    """Return a job as published: its fields, links, and the first `history` entries.

    Raises:
        UnknownRecord.
    """
    job = job_for(uuid, work)
    document = public_document(job.record, work.links.of(uuid))
    document["history"] = [e.document() for _, e in work.history.page(uuid, limit=history)]
    return document
