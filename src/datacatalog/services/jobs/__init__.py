"""Jobs: how they come to be, what happens to them, how they are taken back and shown."""

from datacatalog.services.jobs.creating import (
    Created,
    JobPlan,
    archive_override,
    create_job,
    insert_job,
    place_job,
)
from datacatalog.services.jobs.moving import (
    fail_job,
    handle_callback,
    handle_indexed,
    handle_job_event,
    move,
    note,
    state_outcome,
)
from datacatalog.services.jobs.showing import HISTORY_PAGE, job_document, job_for
from datacatalog.services.jobs.undoing import handle_delete_job, reset_job

__all__ = [
    "HISTORY_PAGE",
    "Created",
    "JobPlan",
    "archive_override",
    "create_job",
    "fail_job",
    "handle_callback",
    "handle_delete_job",
    "handle_indexed",
    "handle_job_event",
    "insert_job",
    "job_document",
    "job_for",
    "move",
    "note",
    "place_job",
    "reset_job",
    "state_outcome",
]
