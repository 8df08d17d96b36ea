"""What happens to pipelines: registered once, described anew, taken out of service, brought back."""

from __future__ import annotations

from dataclasses import replace

from datacatalog.domain.errors import AlreadyExists, InvalidField, NotInService, UnknownRecord
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.messages import (
    CreatePipeline,
    DeletePipeline,
    RestorePipeline,
    UpdatePipeline,
)
from datacatalog.domain.pipelines.identity import pipeline_uuid
from datacatalog.domain.pipelines.pipeline import fingerprint_of, pipeline_body, updated_body
from datacatalog.domain.records import Record, link_changes
from datacatalog.ports.stores import Work
from datacatalog.services import access
from datacatalog.services.describing import check_fields, links_in
from datacatalog.services.env import Env, Outcome, new_salt


def create_pipeline(message: CreatePipeline, work: Work, env: Env, *, by: str | None = None) -> Outcome:
    """Register a pipeline.

    The same document again is no error and changes nothing; only the first registration is answered with the token.

    Args:
        by: who registers it, where that is known; stands in the update log.
    Raises:
        AlreadyExists: the same components are registered under this id with other words or links; its token updates them.
        NotInService: it is registered, and was taken out of service.
        Duplicate: its id names a pipeline of other components.
        InvalidField: the document names a UUID that its components do not give.
    """
    check_fields(message.document)
    body = pipeline_body(message.document)
    known = _same_pipeline(body["_fingerprint"], work)
    computed = known.uuid if known else pipeline_uuid(body.get("id"), body["components"], env.identity)
    claimed = message.document.get("uuid")
    if claimed is not None and read_typed(claimed, Kind.PIPELINE) != computed:
        raise InvalidField("uuid", f"is {claimed}, but these components make {computed}")
    links = links_in(message.document, computed)
    if known is None:
        record = Record(kind=Kind.PIPELINE, uuid=computed, body=body, salt=new_salt(), admin=env.rules.admin)
        work.records.put(record, at=env.clock.now(), beside=link_changes(None, links), by=by)
        work.links.add(links)
        return Outcome(
            result={"uuid": computed, "created": True},
            log=("Action selected: create", f"Created pipeline {computed}"),
            http=201,
            issued=computed,
        )
    if not known.visible:
        raise NotInService(known.uuid)
    told = {**known.body, "components": None} == {**body, "components": None}
    if not told or not set(links) <= set(work.links.of(known.uuid)):
        raise AlreadyExists(f"pipeline {known.uuid} is registered; send its token to update it")
    return Outcome(
        result={"uuid": known.uuid, "created": False},
        log=("Action selected: create", f"Pipeline {known.uuid} was registered before"),
    )


def _same_pipeline(mark: str, work: Work) -> Record | None:
    """Return the pipeline of the same id and the same set of components, in whatever order."""
    page = work.records.page(Kind.PIPELINE, {"_fingerprint": mark}, limit=1, hidden=True)
    return page.records[0] if page.records else None


def update_pipeline(message: UpdatePipeline, work: Work, env: Env) -> Outcome:
    """Change a pipeline's words, and add links; its components and its id stay.

    Raises:
        UnknownRecord, MissingToken, InvalidToken.
        InvalidField: components or id would change: that would be another pipeline.
        InvalidLink.
    """
    record = _addressed(message, work)
    access.authorize(message, record, work, env)
    check_fields(message.body)
    body = updated_body(record.body, message.body, message.strategy)
    had = frozenset(work.links.of(record.uuid))
    links = had.union(links_in(message.body, record.uuid))
    stored = work.records.put(replace(record, body=body), at=env.clock.now(), beside=link_changes(had, links))
    work.links.add(links - had)
    return Outcome(
        result={"uuid": stored.uuid, "revision": stored.revision},
        log=("Action selected: update", f"Updated pipeline {stored.uuid}"),
        issued=stored.uuid,
    )


def _addressed(message: UpdatePipeline, work: Work) -> Record:
    if message.uuid is not None:
        return known_pipeline(message.uuid, work)
    known = _same_pipeline(fingerprint_of(message.body), work)
    if known is None:
        raise UnknownRecord("one of these components", "pipeline")
    return known


def delete_pipeline(message: DeletePipeline, work: Work, env: Env) -> Outcome:
    """Take a pipeline out of service. With `force` it is removed; only administrators may, and only while no job uses it.

    Raises:
        UnknownRecord, MissingToken, InvalidToken, InvalidAdminToken, AlreadyExists.
    """
    record = known_pipeline(message.uuid, work)
    access.authorize(message, record, work, env)
    if message.force:
        if work.links.to(record.uuid, limit=1):
            raise AlreadyExists(f"pipeline {record.uuid} has jobs; it can be retired, not removed")
        work.records.purge(record.uuid, at=env.clock.now())
        return Outcome(result={"uuid": record.uuid, "deleted": "purged"}, log=("Removed pipeline",))
    work.records.put(replace(record, visible=False), at=env.clock.now())
    return Outcome(
        result={"uuid": record.uuid, "deleted": "hidden"},
        log=(f"Disabling pipeline {record.uuid}", "Success"),
        issued=record.uuid,
    )


def restore_pipeline(message: RestorePipeline, work: Work, env: Env) -> Outcome:
    """Bring a pipeline back into service.  Raises UnknownRecord, MissingToken, InvalidToken."""
    record = known_pipeline(message.uuid, work)
    access.authorize(message, record, work, env)
    work.records.put(replace(record, visible=True), at=env.clock.now())
    return Outcome(
        result={"uuid": record.uuid, "restored": True},
        log=(f"Enabling pipeline {record.uuid}", "Success"),
        issued=record.uuid,
    )


def known_pipeline(uuid: TypedUuid, work: Work) -> Record:
    """Return a pipeline, in service or not.  Raises UnknownRecord."""
    record = work.records.find(uuid)
    if record is None:
        raise UnknownRecord(uuid, "pipeline")
    return record


def active_pipeline(uuid: TypedUuid, work: Work) -> Record:
    """Return a pipeline that is in service.

    Raises:
        UnknownRecord: there is none.
        NotInService.
    """
    record = known_pipeline(uuid, work)
    if not record.visible:
        raise NotInService(uuid)
    return record
