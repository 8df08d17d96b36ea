"""What the agave-proxy takes."""

from __future__ import annotations

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidMessage
from datacatalog.domain.linkage.levels import LINKAGE_PARAMETERS
from datacatalog.domain.messages import LaunchJob, Message
from datacatalog.ports.schemas import Schemas
from datacatalog.services.reading.requests import Request, read_document

LAUNCH = "agave_pipelinejob"


def read_for_agave_proxy(request: Request, schemas: Schemas) -> Message:
    """Read the description of a job to launch."""
    document = read_document(request.body) or {}
    if not schemas.valid(LAUNCH, document):
        raise _launch_refusal(document, schemas)
    return LaunchJob(
        token=request.context.get("token"),
        definition=document["job_definition"],
        linkage=document.get("parameters", {}),
        data=document.get("data", {}),
        instanced=document.get("instanced", True),
        index_patterns=document.get("index_patterns", ()),
        processing_level=document.get("processing_level", "1"),
        archive_path=document.get("archive_path"),
    )


def _launch_refusal(document: JsonObject, schemas: Schemas) -> InvalidMessage:
    """Return the error that tells why a launch does not fit, and what to write in place of the older form.

    That one named a level, under `collection`, and no record.
    """
    found = schemas.complaints(LAUNCH, document)
    if (level := document.get("collection")) is not None:
        wanted = f"{level}_id" if f"{level}_id" in LINKAGE_PARAMETERS else "sample_id"
        instead = f'is of an older form; name the record itself: "parameters": {{"{wanted}": "..."}}'
        found = [*found, ("/collection", instead)]
    return InvalidMessage({LAUNCH: found})
