"""What code that manages its own job asks of the ledger beside sending messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import IllegalTransition, InvalidField, UnknownRecord
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.linkage.levels import HIERARCHY, LINKAGE_PARAMETERS
from datacatalog.domain.messages import DeleteJob
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Work
from datacatalog.services import access
from datacatalog.services.env import Env
from datacatalog.services.finding import find_record, inputs_in
from datacatalog.services.jobs import handle_delete_job, job_for
from datacatalog.services.linkage import resolve

CANCEL = "cancel"


def untouched(uuid: TypedUuid, work: Work) -> bool:
    """Tell whether nothing has happened to a job since it was created.  Raises UnknownRecord."""
    return work.history.length(job_for(uuid, work).uuid) == 1


def cancel_job(uuid: TypedUuid, token: str | None, work: Work, env: Env) -> None:
    """Take back a job to which nothing has happened yet; its own token is enough for that.

    It leaves the ledger, so that the same run can be set up again; the update log keeps a line. Its archive stays.

    Raises:
        UnknownRecord, MissingToken, InvalidToken.
        IllegalTransition: something has happened to it.
    """
    job = job_for(uuid, work)
    access.check_token(token, job.record, work, env)
    if not untouched(uuid, work):
        raise IllegalTransition(uuid, job.state, CANCEL)
    handle_delete_job(DeleteJob(uuid=uuid, force=True, trusted=True), work, env)


# ------------------------------------------------------------------------------------ what it acts on


def acted_upon(
    data: JsonObject, inputs: Iterable[str], work: Work, env: Env
) -> tuple[list[TypedUuid], list[TypedUuid]]:
    """Return the files and the references in the catalog that a job's inputs and data name.

    What the catalog does not know is passed over: not every input is an object of it.

    Args:
        inputs: UUIDs, `agave://` URIs, paths on the default system, or identifiers.
    Returns:
        (files, references), sorted, each once.
    Raises:
        InvalidField: an input is no well-formed URI.
    """
    files, references = inputs_in(data, work, env)
    known = [record for text in inputs if (record := _find(text, work, env)) is not None]
    files += [record.uuid for record in known if record.kind is Kind.FILE]
    references += [record.uuid for record in known if record.kind is Kind.REFERENCE]
    return sorted({*files}), sorted({*references})


def _find(text: str, work: Work, env: Env) -> Record | None:
    try:
        return find_record(text, work, env, (Kind.FILE, Kind.REFERENCE))
    except UnknownRecord:
        return None


# --------------------------------------------------------------------------------- where it collects


def collected_at(level: str, parameters: Mapping[str, Any], work: Work) -> Mapping[str, Any]:
    """Return linkage parameters with the records of `level` above those that are given.

    Whoever passes both a sample and a measurement collects outputs by the sample; this spares them looking the sample up.
    A level that is not above the given ones changes nothing.

    Args:
        level: experiment_design, experiment, sample or measurement.
    Raises:
        InvalidField: there is no such level; or a record has no parent of that level in the catalog.
        UnknownRecord, MixedLinkage.
    """
    names = {kind.value: name for name, kind in LINKAGE_PARAMETERS.items()}
    if level not in names:
        raise InvalidField("archive_collection_level", f"'{level}' is none of {', '.join(names)}")
    highest = next((kind for name, kind in LINKAGE_PARAMETERS.items() if parameters.get(name)), None)
    if highest is None or HIERARCHY.index(Kind(level)) >= HIERARCHY.index(highest):
        return parameters
    named = resolve(parameters, work).named
    above = sorted({_ancestor(uuid, highest, Kind(level), work) for uuid in named})
    return {**parameters, names[level]: above}


def _ancestor(uuid: TypedUuid, kind: Kind, to: Kind, work: Work) -> TypedUuid:
    for level in reversed(HIERARCHY[HIERARCHY.index(to) : HIERARCHY.index(kind)]):
        parents = [link.target for link in work.links.of(uuid, Relation.CHILD_OF)]
        found = [parent for parent in parents if _is(parent, level, work)]
        if len(found) != 1:
            said = "no" if not found else "more than one"
            raise InvalidField("archive_collection_level", f"{uuid} has {said} {level} above it")
        uuid = found[0]
    return uuid


def _is(uuid: TypedUuid, kind: Kind, work: Work) -> bool:
    record = work.records.find(uuid)
    return record is not None and record.kind is kind
