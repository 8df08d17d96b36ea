"""From bytes and URL parameters to one typed message, or a refusal that tells where.

A request reaches an actor as a body and as a context (its URL parameters). Fields may stand in either; two different
values for one field are refused.
"""

from datacatalog.services.reading.indexing import INDEX, INDEXED, read_for_jobs_indexer
from datacatalog.services.reading.jobs import CALLBACKS, DELETE_JOB, EVENT, delivery_in, read_for_jobs_manager
from datacatalog.services.reading.launches import LAUNCH, read_for_agave_proxy
from datacatalog.services.reading.pipelines import (
    CREATE,
    DELETE,
    RETIRE,
    UNDELETE,
    UPDATE,
    read_for_pipelines_manager,
)
from datacatalog.services.reading.requests import Reader, Request, one_of, read_document

__all__ = [
    "CALLBACKS",
    "CREATE",
    "DELETE",
    "DELETE_JOB",
    "EVENT",
    "INDEX",
    "INDEXED",
    "LAUNCH",
    "RETIRE",
    "UNDELETE",
    "UPDATE",
    "Reader",
    "Request",
    "delivery_in",
    "one_of",
    "read_document",
    "read_for_agave_proxy",
    "read_for_jobs_indexer",
    "read_for_jobs_manager",
    "read_for_pipelines_manager",
]
