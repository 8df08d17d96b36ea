"""What the pipelines-manager takes: pipeline documents, and actions."""

from __future__ import annotations

from collections.abc import Mapping

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import BadMessage, InvalidField, InvalidMessage
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import (
    CreatePipeline,
    DeletePipeline,
    Message,
    RestorePipeline,
    UpdatePipeline,
)
from datacatalog.ports.schemas import Schemas
from datacatalog.services.reading.requests import (
    Request,
    one_of,
    pipeline_uuid,
    read_document,
    refusal,
    the_schema,
)

CREATE, UPDATE, DELETE, UNDELETE, RETIRE = (
    f"pipeline_manager_{action}" for action in ("create", "update", "delete", "undelete", "retire")
)


def read_for_pipelines_manager(request: Request, schemas: Schemas) -> Message:
    """Read a pipeline document, an action message, or an action in URL parameters.

    A pipeline document with a token (in the URL) updates; without one it creates.
    """
    document, url = read_document(request.body), request.context
    action = url.get("action")
    if not document:
        if action is None:
            raise BadMessage("neither a pipeline document nor an action was received")
        return _pipeline_action(action, {}, url, schemas)
    accepts = (CREATE, UPDATE, DELETE, UNDELETE, RETIRE)
    name = the_schema(document, accepts, schemas)
    if name is None:
        raise refusal(document, accepts, schemas)
    if name != CREATE:
        one_of("action", document["action"], action)
        return _pipeline_action(document["action"], document, url, schemas)
    token, uuid = url.get("token"), one_of("uuid", document.get("uuid"), url.get("uuid"))
    if token is None and action in (None, "create"):
        return CreatePipeline(document=document)
    if action in (None, "update", "replace"):
        return UpdatePipeline(
            uuid=None if uuid is None else pipeline_uuid(uuid),
            token=token,
            body=document,
            strategy="replace",
        )
    raise InvalidField("action", f"'{action}' cannot be done with a pipeline document")


_WHOLE: JsonObject = {"name": "-", "components": [{"uri": "https://example.org"}]}


def _check_changes(body: JsonObject, uuid: TypedUuid, schemas: Schemas) -> None:
    """Hold the changes of an update to what a whole document may say.  Raises InvalidMessage, ConflictingFields."""
    if found := schemas.complaints(CREATE, {**_WHOLE, **body}):
        raise InvalidMessage({UPDATE: [(f"/body{path}", reason) for path, reason in found]})
    if "uuid" in body:
        one_of("uuid", uuid, pipeline_uuid(body["uuid"]))


def _pipeline_action(action: str, document: JsonObject, url: Mapping[str, str], schemas: Schemas) -> Message:
    value = one_of("uuid", document.get("uuid"), url.get("uuid"))
    if value is None:
        raise InvalidField("uuid", "a pipeline UUID is required")
    uuid, token = pipeline_uuid(value), one_of("token", document.get("token"), url.get("token"))
    match action:
        case "update":
            body = document.get("body", {})
            _check_changes(body, uuid, schemas)
            return UpdatePipeline(uuid=uuid, token=token, body=body)
        case "delete" | "disable" | "retire":
            return DeletePipeline(uuid=uuid, token=token, force=bool(document.get("force", False)))
        case "undelete" | "enable":
            return RestorePipeline(uuid=uuid, token=token)
    raise InvalidField(
        "action", f"'{action}' is no action; update, delete, undelete, retire, disable or enable"
    )
