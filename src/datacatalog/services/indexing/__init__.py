"""Indexing what a job archived: which files there are, what they are, and what they came from.

`request_index` marks the job as INDEXING and sets the long part going, in one commit. `index_archive` is that part: a walk in the
order of paths, whose finds are written in batches, each with how far it came; cut off anywhere, it goes on from there.
"""

from datacatalog.services.indexing.messages import INDEX_QUEUE, request_index, route_job_event
from datacatalog.services.indexing.sources import file_at, resolve_source
from datacatalog.services.indexing.task import files_so_far, index_archive, index_now, is_asked_for

__all__ = [
    "INDEX_QUEUE",
    "file_at",
    "files_so_far",
    "index_archive",
    "index_now",
    "is_asked_for",
    "request_index",
    "resolve_source",
    "route_job_event",
]
