"""OpenLineage run events, as JSON Lines, made by the `openlineage-python` library.

A job's run is one run: its id is the job's UUID. A job that began has a START event, one that ended a COMPLETE or FAIL
event besides; outputs stand in the last one. A job that never began has none; one that failed before it began has both at
the instant of its failure, as every run is to have a START.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from datacatalog.adapters.exports.extra import importing
from datacatalog.domain.kinds import Kind
from datacatalog.domain.provenance import Activity, AgentKind, Entity, Outcome, Provenance, Verb

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

_DATASETS = frozenset({Kind.FILE, Kind.REFERENCE})


def openlineage(provenance: Provenance) -> bytes:
    """Return the run events of all jobs whose inputs the provenance tells, one a line, ordered by time, in ASCII.

    Raises:
        MissingExtra.
    """
    with importing("openlineage"):
        from openlineage.client.serde import Serde

    found = sorted(_events(provenance), key=lambda event: event.eventTime)
    return b"".join(str(Serde.to_json(event)).encode() + b"\n" for event in found)


@dataclass(slots=True)
class _Around:
    """What a job read, wrote, and belongs to."""

    inputs: dict[str, None] = field(default_factory=dict)
    outputs: dict[str, None] = field(default_factory=dict)
    owners: dict[str, None] = field(default_factory=dict)


def _events(provenance: Provenance) -> Iterator[RunEvent]:
    around = _around(provenance)
    for activity in provenance.activities.values():
        if activity.uuid in provenance.told and activity.run.outcome is not Outcome.POTENTIAL:
            yield from _of_job(activity, around[activity.uuid], provenance)


def _around(provenance: Provenance) -> Mapping[str, _Around]:
    found: dict[str, _Around] = defaultdict(_Around)
    for said in provenance.statements:
        if said.object is None:
            continue
        if said.verb is Verb.USED:
            found[said.subject].inputs[said.object] = None
        elif said.verb is Verb.GENERATED:
            found[said.object].outputs[said.subject] = None
        elif said.verb is Verb.ASSOCIATED and _is_account(said.object, provenance):
            found[said.subject].owners[provenance.agents[said.object].label] = None
    return found


def _is_account(agent: str, provenance: Provenance) -> bool:
    return provenance.agents[agent].kind is AgentKind.ACCOUNT


def _of_job(activity: Activity, around: _Around, provenance: Provenance) -> Iterator[RunEvent]:
    from openlineage.client.event_v2 import RunState

    run, base = activity.run, provenance.base
    inputs = [_input(provenance.entities[uuid], base) for uuid in around.inputs]
    begun = run.started or run.ended
    assert begun is not None  # noqa: S101  a run that neither began nor ended has no events
    yield _event(RunState.START, begun, activity, around, inputs, [], provenance)
    if run.ended is not None:
        state = RunState.FAIL if run.outcome is Outcome.FAILED else RunState.COMPLETE
        outputs = [_output(provenance.entities[uuid], base) for uuid in around.outputs]
        yield _event(state, run.ended, activity, around, inputs, outputs, provenance)


def _event(
    state: RunState,
    at: datetime,
    activity: Activity,
    around: _Around,
    inputs: Sequence[InputDataset],
    outputs: Sequence[OutputDataset],
    provenance: Provenance,
) -> RunEvent:
    from openlineage.client.event_v2 import RunEvent, RunState

    return RunEvent(
        eventType=state,
        eventTime=_instant(at),
        producer=provenance.base,
        run=_run(activity, provenance.base, error=activity.run.error if state is RunState.FAIL else None),
        job=_job(activity, around, provenance),
        inputs=list(inputs),
        outputs=list(outputs),
    )


def _run(activity: Activity, base: str, *, error: str | None) -> Run:
    from openlineage.client.event_v2 import Run
    from openlineage.client.generated.error_message_run import ErrorMessageRunFacet
    from openlineage.client.generated.nominal_time_run import NominalTimeRunFacet

    facets: dict[str, Any] = {}
    if activity.created is not None:
        facets["nominalTime"] = NominalTimeRunFacet(
            nominalStartTime=_instant(activity.created), producer=base
        )
    if error is not None:
        facets["errorMessage"] = ErrorMessageRunFacet(
            message=error, programmingLanguage="unknown", producer=base
        )
    return Run(runId=activity.uuid, facets=facets)


def _job(activity: Activity, around: _Around, provenance: Provenance) -> Job:
    from openlineage.client.event_v2 import Job
    from openlineage.client.generated.documentation_job import DocumentationJobFacet
    from openlineage.client.generated.job_type_job import JobTypeJobFacet
    from openlineage.client.generated.ownership_job import Owner, OwnershipJobFacet

    base = provenance.base
    facets: dict[str, Any] = {
        "jobType": JobTypeJobFacet(
            processingType="BATCH", integration="DATACATALOG", jobType="JOB", producer=base
        )
    }
    pipeline = provenance.entities.get(activity.plan or "")
    if pipeline is not None and (description := pipeline.attributes.get("description")):
        facets["documentation"] = DocumentationJobFacet(description=str(description), producer=base)
    if around.owners:
        owners = [Owner(name=f"user:{owner}", type="OWNER") for owner in around.owners]
        facets["ownership"] = OwnershipJobFacet(owners=owners, producer=base)
    name = pipeline.label if pipeline is not None else activity.uuid
    return Job(namespace=activity.tenant or base, name=name, facets=facets)


# ------------------------------------------------------------------------------------------- datasets


def _input(entity: Entity, base: str) -> InputDataset:
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.generated.input_statistics_input_dataset import InputStatisticsInputDatasetFacet

    namespace, name = _place(entity, base)
    size = entity.attributes.get("size")
    counted: dict[str, Any] = {}
    if size is not None:
        counted["inputStatistics"] = InputStatisticsInputDatasetFacet(
            size=int(size), fileCount=1, producer=base
        )
    return InputDataset(namespace=namespace, name=name, facets=_facets(entity, base), inputFacets=counted)


def _output(entity: Entity, base: str) -> OutputDataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.generated.output_statistics_output_dataset import (
        OutputStatisticsOutputDatasetFacet,
    )

    namespace, name = _place(entity, base)
    size = entity.attributes.get("size")
    counted: dict[str, Any] = {}
    if size is not None:
        counted["outputStatistics"] = OutputStatisticsOutputDatasetFacet(
            size=int(size), fileCount=1, producer=base
        )
    return OutputDataset(namespace=namespace, name=name, facets=_facets(entity, base), outputFacets=counted)


def _place(entity: Entity, base: str) -> tuple[str, str]:
    """Return the namespace and name of a dataset: its storage system and path, its server and path, or its kind and id."""
    if "path" in entity.attributes:
        return f"agave://{entity.attributes['system']}", str(entity.attributes["path"])
    parts = urlsplit(entity.uri or "")
    if entity.kind in _DATASETS and parts.scheme and parts.netloc:
        return f"{parts.scheme}://{parts.netloc}", (entity.uri or "").split(parts.netloc, 1)[1] or "/"
    return f"{base}/{entity.kind}", entity.label


def _facets(entity: Entity, base: str) -> dict[str, Any]:
    """Return what published facets can say of a file: the version is its checksum, since a path may get other content."""
    from openlineage.client.generated.dataset_type_dataset import DatasetTypeDatasetFacet
    from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet

    facets: dict[str, Any] = {}
    if entity.kind is Kind.FILE:
        label = entity.attributes.get("type")
        facets["datasetType"] = DatasetTypeDatasetFacet(
            datasetType="FILE", subType=None if label is None else str(label), producer=base
        )
    if "checksum" in entity.attributes:
        facets["version"] = DatasetVersionDatasetFacet(
            datasetVersion=str(entity.attributes["checksum"]), producer=base
        )
    return facets


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
