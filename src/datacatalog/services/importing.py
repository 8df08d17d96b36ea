"""Jobs and pipelines out of documents that another catalog wrote, hidden records among them.

Such documents are written where the catalog has nothing of that UUID. Where it has, they change nothing: equal ones are
found unchanged, others are refused, because jobs move by events and pipelines change by their tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import AlreadyExists, InvalidField, UnknownRecord
from datacatalog.domain.jobs.identity import job_uuid
from datacatalog.domain.jobs.imported import ImportedJob, read_job
from datacatalog.domain.kinds import PREFIXES, Kind, Relation, TypedUuid
from datacatalog.domain.linkage.levels import HIERARCHY
from datacatalog.domain.messages import CreatePipeline
from datacatalog.domain.pipelines.pipeline import pipeline_body
from datacatalog.domain.records import Link, Record, check_link, diff_of
from datacatalog.ports.stores import Work
from datacatalog.services.describing import check_fields, links_in
from datacatalog.services.documents import history_of
from datacatalog.services.env import Env, new_salt
from datacatalog.services.pipelines import create_pipeline

_LEVELS = tuple(PREFIXES[kind] for kind in HIERARCHY)


# ------------------------------------------------------------------------------------------------ jobs


def import_job(document: JsonObject, work: Work, env: Env, *, by: str | None = None) -> str:
    """Write a job as its document has it: state, history, archive path and links; nothing is sent because of it.

    Args:
        by: who writes; stands in the update log.
    Returns:
        `created`, or `unchanged`: the catalog has this very job.
    Raises:
        InvalidField: as `domain.jobs.imported.read_job`; or its UUID cannot come from its pipeline, data and links.
        UnknownRecord: its pipeline.
        AlreadyExists: the catalog has the job, and it differs.
        InvalidLink, InvalidRecord.
    """
    check_fields(document)
    said = read_job(document)
    links = sorted(set(links_in(document, said.uuid)), key=lambda link: (link.relation, link.target))
    for link in links:
        check_link(Kind.PIPELINEJOB, link)
    visible = not is_hidden(document)
    known = work.records.find(said.uuid)
    if known is not None:
        _check_same(known, said, links, visible, work)
        return "unchanged"
    _check_identity(said, links, work, env)
    record = Record(
        kind=Kind.PIPELINEJOB,
        uuid=said.uuid,
        body=said.body,
        salt=new_salt(),
        admin=env.rules.admin,
        visible=visible,
    )
    work.records.put(record, at=env.clock.now(), by=by)
    for entry in said.history:
        work.history.append(said.uuid, entry)
    work.links.add(links)
    return "created"


def _check_same(known: Record, said: ImportedJob, links: list[Link], visible: bool, work: Work) -> None:
    """Raises AlreadyExists: the job that is there is not as the document has it."""
    differ = sorted(name for name in diff_of(known.body, said.body) if not name.startswith("_"))
    if known.visible is not visible:
        differ.append("_visible")
    if [entry.document() for entry in said.history] != [e.document() for e in history_of(said.uuid, work)]:
        differ.append("history")
    if links != list(work.links.of(said.uuid)):
        differ.append("links")
    if differ:
        told = ", ".join(differ)
        raise AlreadyExists(f"job {said.uuid} is here and differs in {told}; jobs move by events")


def _check_identity(said: ImportedJob, links: list[Link], work: Work, env: Env) -> None:
    """Refuse a job whose UUID cannot be the one that its pipeline, the records it is about, and its data make.

    Which records were named is not written down, only what lies below them (`child_of`). So the levels above are tried; where
    none fits, metadata may have changed since, and the document is believed.
    """
    if work.records.find(said.pipeline_uuid) is None:
        raise UnknownRecord(said.pipeline_uuid, "pipeline")
    targets = {relation: [x.target for x in links if x.relation is relation] for relation in Relation}
    if said.pipeline_uuid not in targets[Relation.GENERATED_BY]:
        raise InvalidField("generated_by", f"does not name the job's pipeline {said.pipeline_uuid}")
    about = targets[Relation.CHILD_OF]
    made = [
        job_uuid(said.pipeline_uuid, named, said.body["data"], env.identity)
        for named in _levels_above(about, work)
    ]
    if said.uuid not in made and not about:
        raise InvalidField("uuid", f"is {said.uuid}, but its pipeline and data make {made[0]}")


def _levels_above(about: list[TypedUuid], work: Work) -> Iterator[list[TypedUuid]]:
    level = about
    yield level
    for _ in HIERARCHY:
        above = work.links.step(level, up=True, relations=[Relation.CHILD_OF]) if level else ()
        level = sorted({link.target for link in above if link.target.startswith(_LEVELS)})
        if not level:
            return
        yield level


# ------------------------------------------------------------------------------- pipelines and records


def import_pipeline(document: JsonObject, work: Work, env: Env, *, by: str | None = None) -> str:
    """Register the pipeline that a document describes; with `_visible` false, it is out of service.

    Args:
        by: who writes; stands in the update log.
    Returns:
        `created`, `updated` (it is out of service now), or `unchanged`.
    Raises:
        AlreadyExists: it is out of service here, under other words.
        As `services.pipelines.create_pipeline`.
    """
    hidden = is_hidden(document)
    if hidden and _retired_already(document, work):
        return "unchanged"
    made = create_pipeline(CreatePipeline(document=document), work, env, by=by)
    if hidden:
        record = work.records.get(TypedUuid(made.result["uuid"]))
        work.records.put(replace(record, visible=False), at=env.clock.now(), by=by)
    if made.result["created"]:
        return "created"
    return "updated" if hidden else "unchanged"


def _retired_already(document: JsonObject, work: Work) -> bool:
    """Tell whether a pipeline is here and out of service.  Raises AlreadyExists: under other words."""
    body = pipeline_body(document)
    found = work.records.page(Kind.PIPELINE, {"_fingerprint": body["_fingerprint"]}, limit=1, hidden=True)
    known = found.records[0] if found.records else None
    if known is None or known.visible:
        return False
    if {**known.body, "components": None} != {**body, "components": None}:
        raise AlreadyExists(f"pipeline {known.uuid} is out of service here, and described otherwise")
    return True


def is_hidden(document: JsonObject) -> bool:
    """Tell whether a document is of a record that was deleted softly.  Raises InvalidField."""
    visible = document.get("_visible", True)
    if not isinstance(visible, bool):
        raise InvalidField("_visible", "must be true or false")
    return not visible
