"""OpenLineage run events say what the ledger says, in fields that the published classes and schemas know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from datacatalog import exports
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import Kind, Relation
from tests.integration.openlineage_events import published_validator, rebuilt
from tests.integration.studies import HOSTILE, OWNER, TOKEN, Study, study
from tests.unit.memory import SYSTEM

FINISHED = (Event.RUN, Event.FINISH)
FAILURE = {"reason": f"cannot reach https://x.org/?token={TOKEN}"}
WAYS: Mapping[tuple[Event, ...], Sequence[str]] = {
    (): (),
    (Event.RUN,): ("START",),
    FINISHED: ("START", "COMPLETE"),
    (*FINISHED, Event.VALIDATE, Event.REJECT): ("START", "COMPLETE"),
    (*FINISHED, Event.VALIDATE, Event.FAIL, Event.RETIRE): ("START", "FAIL"),
    (Event.RUN, Event.FAIL): ("START", "FAIL"),
    (Event.FAIL,): ("START", "FAIL"),
    (*FINISHED, Event.RESET, Event.READY): (),
}


@pytest.fixture
def lab() -> Study:
    return study()


def events(uuid: str, lab: Study, **options: Any) -> list[dict[str, Any]]:
    content = exports.export("openlineage", uuid, lab.env, **options).content
    assert content.isascii()
    return [json.loads(line) for line in content.splitlines()]


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_run_has_the_events_of_its_life(way: tuple[Event, ...], lab: Study) -> None:
    job = lab.job(*way, names=HOSTILE, failure=FAILURE)
    found = events(job, lab)
    assert [event["eventType"] for event in found] == list(WAYS[way])
    assert {event["run"]["runId"] for event in found} <= {job}
    for event in found:
        assert rebuilt(event) == event
        errors = event["run"]["facets"].get("errorMessage")
        assert (errors is not None) == (event["eventType"] == "FAIL")
        assert TOKEN not in json.dumps(event)


def test_events_name_job_inputs_outputs_and_owner(lab: Study) -> None:
    job = lab.job(*FINISHED, names=HOSTILE)
    start, complete = events(job, lab)
    record = lab.env.store.read(lambda work: work.records.get(job))
    for event in (start, complete):
        assert event["job"]["name"] == "tests/taco-1"
        assert event["job"]["facets"]["ownership"]["owners"] == [{"name": f"user:{OWNER}", "type": "OWNER"}]
        assert {(d["namespace"], d["name"]) for d in event["inputs"]} == {
            (f"agave://{SYSTEM}", "/uploads/raw data.fastq"),
            (f"agave://{SYSTEM}", "/reference/genome.fa"),
            ("https://sd2e.org/datacatalog/measurement", "measurement.tacc.1"),
        }
    assert start["outputs"] == []
    expected = {(f"agave://{SYSTEM}", f"{record.body['archive_path']}/{name}") for name in HOSTILE}
    assert {(d["namespace"], d["name"]) for d in complete["outputs"]} == expected
    assert moment(complete) > moment(start)
    for dataset in complete["outputs"]:
        assert dataset["facets"]["version"]["datasetVersion"].startswith("sha256:")
        assert dataset["outputFacets"]["outputStatistics"]["size"] > 0


def moment(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["eventTime"])


def test_file_has_the_events_of_all_jobs_that_led_to_it(lab: Study) -> None:
    first = lab.job(*FINISHED, names=["counts.csv"])
    second = lab.job(*FINISHED, names=["plot.png"], data={"second": True})
    plot, counts = lab.outputs(second)[0], lab.outputs(first)[0]
    lab.link(second, Relation.ACTED_ON, counts)
    found = events(plot, lab)
    assert [(e["run"]["runId"], e["eventType"]) for e in found] == [
        (first, "START"), (first, "COMPLETE"), (second, "START"), (second, "COMPLETE"),
    ]  # fmt: skip
    assert events(lab.levels[Kind.SAMPLE], lab) == []


def test_web_address_is_a_dataset_of_its_server(lab: Study) -> None:
    web = lab.put(
        Kind.REFERENCE, {"reference_id": "web", "name": "Web", "uri": "https://example.org/a/b?x=1"}
    )
    job = lab.job(Event.RUN)
    lab.link(job, Relation.ACTED_USING, web)
    (start,) = events(job, lab)
    assert ("https://example.org", "/a/b?x=1") in {(d["namespace"], d["name"]) for d in start["inputs"]}


def test_events_of_1500_outputs_hold_them_all(lab: Study) -> None:
    job = lab.job(*FINISHED, names=[f"{n}.txt" for n in range(1500)])
    _, complete = events(job, lab)
    assert len(complete["outputs"]) == 1500


@pytest.mark.parametrize("damage", [{"runId": "no uuid"}, {"other": 1}])
def test_damaged_event_would_be_noticed(damage: Mapping[str, Any], lab: Study) -> None:
    (start,) = events(lab.job(Event.RUN), lab)
    with pytest.raises((TypeError, ValueError)):
        rebuilt(start | {"run": start["run"] | damage})


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_every_event_fits_the_published_schema(way: tuple[Event, ...], lab: Study) -> None:
    validator = published_validator()
    for event in events(lab.job(*way, names=HOSTILE, failure=FAILURE), lab):
        assert [error.message for error in validator.iter_errors(event)] == []
        for facet in all_facets(event):
            own = validator.evolve(schema={"$ref": facet["_schemaURL"]})
            assert [error.message for error in own.iter_errors(facet)] == []


def all_facets(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    holders = [event["run"]["facets"], event["job"]["facets"]]
    holders += [d["facets"] for d in (*event["inputs"], *event["outputs"])]
    holders += [d["inputFacets"] for d in event["inputs"]] + [d["outputFacets"] for d in event["outputs"]]
    return [facet for holder in holders for facet in holder.values()]
