"""The published catalog: every record under its published UUID, found by its names, and the published linkage counts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datacatalog.domain.kinds import SPECS, Kind, TypedUuid
from datacatalog.services.documents import document_of
from datacatalog.services.finding import find_record
from datacatalog.services.linkage import expand, lineage_from_uuid
from datacatalog.services.records import Written, put_record
from tests.acceptance.site import Site
from tests.shared import CATALOGS, shared


def published() -> list[tuple[Kind, dict[str, Any]]]:
    """Return every record of the published catalog, pipelines excepted."""
    folder = shared("fixtures", "pipelinejobs", "catalog")
    found = [
        (kind, record)
        for name, kind in CATALOGS.items()
        for record in json.loads((folder / f"{name}.json").read_text("utf-8"))
    ]
    files = sorted((folder / "files").glob("*.json"))
    return found + [(Kind.FILE, json.loads(path.read_text("utf-8"))) for path in files]


def load(site: Site) -> list[Written]:
    env = site.catalog.app.env
    return env.store.transact(lambda work: [put_record(kind, doc, work, env) for kind, doc in published()])


@pytest.fixture(scope="module")
def loaded(shared_site: Site) -> list[Written]:
    return load(shared_site)


@pytest.fixture(scope="module")
def vectors() -> dict[tuple[str, str], str]:
    rows = json.loads(shared("vectors", "uuids.json").read_text("utf-8"))
    return {(row["kind"], row["text"]): row["uuid"] for row in rows}


def test_every_record_has_its_published_uuid(
    loaded: list[Written], vectors: dict[tuple[str, str], str]
) -> None:
    told = 0
    for (kind, document), written in zip(published(), loaded, strict=True):
        [field] = SPECS[kind].uuid_fields
        wanted = {document.get("uuid"), vectors.get((kind, document[field]))} - {None}
        assert wanted <= {written.record.uuid}
        told += len(wanted)
    assert told >= 60


def test_every_record_is_found_by_each_of_its_names(shared_site: Site, loaded: list[Written]) -> None:
    env = shared_site.catalog.app.env
    for kind, uuid in {(written.record.kind, written.record.uuid) for written in loaded}:
        body = env.store.read(lambda work, uuid=uuid: work.records.get(uuid)).body
        names = [uuid, *(body[field] for field in SPECS[kind].identifiers if field in body)]
        names += (
            [body["name"], f"agave://{body['storage_system']}{body['name']}"] if kind is Kind.FILE else []
        )
        for name in names:
            assert env.store.read(lambda work, name=name: find_record(name, work, env)).uuid == uuid


def test_loading_it_again_leaves_every_document_as_it_is(shared_site: Site, loaded: list[Written]) -> None:
    env = shared_site.catalog.app.env
    uuids = sorted({written.record.uuid for written in loaded})

    def documents(work: Any) -> list[dict[str, Any]]:
        return [document_of(work.records.get(uuid), work) for uuid in uuids]

    before = env.store.read(documents)
    again = load(shared_site)
    assert env.store.read(documents) == before
    # Two of the published files are of one path, and say different things of it.
    assert [written.record.body["file_id"] for written in again if written.action != "unchanged"] == [
        "file.tacc.32768",
        "file.tacc.65536",
    ]


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("helper", "reference"),
    [
        ("measurements_from_samples", "sample.tacc.20001"),
        ("measurements_from_experiments", "experiment.tacc.10001"),
        ("measurements_from_designs", "Pipeline-Automation"),
        ("measurements_from_challenges", "PIPELINE_AUTOMATION"),
        *(
            ("measurements_from_any", reference)
            for reference in (
                "sample.tacc.20001",
                "experiment.tacc.10001",
                "Pipeline-Automation",
                "PIPELINE_AUTOMATION",
            )
        ),
    ],
)
def test_the_same_three_measurements_are_below_each_level(
    shared_site: Site, helper: str, reference: str
) -> None:
    env = shared_site.catalog.app.env
    names = [f"measurement.tacc.0xDEADBE{end}" for end in ("EF", "F0", "F1")]
    wanted = sorted(env.store.read(lambda w, n=n: find_record(n, w, env)).uuid for n in names)
    found = env.store.read(lambda work: expand(helper, reference, work, env))
    assert found == wanted
    uuid = env.store.read(lambda work: find_record(reference, work, env)).uuid
    assert env.store.read(lambda work: expand(helper, [uuid], work, env)) == wanted


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("helper", "reference", "count"),
    [
        ("designs_from_challenges", "PIPELINE_AUTOMATION", 1),
        ("experiments_from_designs", "Pipeline-Automation", 2),
        ("samples_from_experiments", "experiment.tacc.10001", 3),
        ("samples_from_experiments", "experiment.tacc.10002", 0),
        ("measurements_from_samples", "sample.tacc.20002", 0),
        ("files_from_measurements", "measurement.tacc.0xDEADBEEF", 0),
        ("jobs_from_any", "PIPELINE_AUTOMATION", 0),
    ],
)
def test_what_is_below_a_record_is_counted_as_published(
    shared_site: Site, helper: str, reference: str, count: int
) -> None:
    env = shared_site.catalog.app.env
    assert len(env.store.read(lambda work: expand(helper, reference, work, env))) == count


@pytest.mark.usefixtures("loaded")
def test_chain_from_a_measurement_leads_to_its_challenge(shared_site: Site) -> None:
    env = shared_site.catalog.app.env
    start = env.store.read(lambda work: find_record("measurement.tacc.0xDEADBEEF", work, env)).uuid
    chain = env.store.read(lambda work: lineage_from_uuid(TypedUuid(start), work))
    assert [(kind.value, uuid) for kind, uuid in chain] == [
        ("measurement", "10483e8d-6602-532a-8941-176ce20dd05a"),
        ("sample", "103246e1-bcdf-5b6e-a8dc-4c7e81b91141"),
        ("experiment", "102e95e6-67a8-5a06-9484-3131c6907890"),
        ("experiment_design", "1144f727-8827-5126-8e03-f35e8cb6f070"),
        ("challenge_problem", "1012da8b-663a-591f-a13d-cdf5277656a0"),
    ]
