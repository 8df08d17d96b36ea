"""What the jobs-indexer takes."""

from __future__ import annotations

from datacatalog.domain.messages import IndexJob, MarkIndexed, Message
from datacatalog.ports.schemas import Schemas
from datacatalog.services.reading.requests import (
    Request,
    event_names,
    job_uuid,
    one_of,
    read_document,
    refusal,
    the_schema,
)

INDEX = "pipelinejob_index"
INDEXED = "pipelinejob_indexed"


def read_for_jobs_indexer(request: Request, schemas: Schemas) -> Message:
    """Read an index or indexed message; its fields may stand in the body or (filters excepted) in the URL."""
    document, url = dict(read_document(request.body) or {}), request.context
    names = [document["name"]] if isinstance(document.get("name"), str) else []
    for key, values in (
        ("name", [*names, *(v.lower() for v in event_names(url))]),
        ("level", [document.get("level"), url.get("level")]),
    ):
        if (value := one_of(key, *values)) is not None:
            document[key] = value
    for key in ("uuid", "token"):
        if (value := one_of(key, document.get(key), url.get(key))) is not None:
            document[key] = value
    document.setdefault("name", "index")
    # The name tells which schema is meant; asking that one first spares the other's reasons.
    accepts = (INDEXED, INDEX) if document["name"] == "indexed" else (INDEX, INDEXED)
    name = the_schema(document, accepts, schemas)
    if name is None:
        raise refusal(document, accepts, schemas)
    uuid, token = job_uuid(document["uuid"]), document.get("token")
    if name == INDEXED:
        return MarkIndexed(uuid=uuid, token=token)
    return IndexJob(uuid=uuid, token=token, filters=document.get("filters"), level=document.get("level"))
