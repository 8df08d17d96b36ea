"""Launching through the proxy, as the documents and the published messages do it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from datacatalog.domain.archive import archive_path
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.services.records import put_record
from tests.acceptance.site import Site
from tests.harness import SYSTEM
from tests.shared import shared
from tests.unit.schema_material import printed_in_the_documents

ACTOR = "agave-proxy"
APP = "tests/launched-1"


def published(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shared("fixtures", "pipelinejobs", "agave-proxy", name).read_text())
    return found


def message(**changes: Any) -> dict[str, Any]:
    """Return a launch that no test made before, linked to the sample that every catalog here has."""
    message.n = getattr(message, "n", 0) + 1  # type: ignore[attr-defined]
    definition = {"appId": APP, "name": f"launch {message.n}", "parameters": {"n": message.n}}  # type: ignore[attr-defined]
    return {"job_definition": definition, "parameters": {"sample_id": "sample.tacc.20001"}, **changes}


@pytest.fixture
def proxy(site: Site) -> Site:
    """The module's site, with the metadata and the pipeline that launches name."""
    site.catalog.hierarchy()
    site.catalog.pipeline(id=APP, components=[{"id": APP, "inputs": {}, "parameters": {}}])
    return site


def put(site: Site, kind: Kind, **fields: Any) -> str:
    env = site.app.env
    return env.store.transact(lambda work: put_record(kind, fields, work, env)).record.uuid


def body_of(site: Site, uuid: str) -> dict[str, Any]:
    return dict(site.app.env.store.read(lambda work: work.records.get(uuid)).body)  # type: ignore[arg-type]


def linked(site: Site, uuid: str, relation: Relation) -> list[str]:
    links = site.app.env.store.read(lambda work: work.links.of(uuid, relation))  # type: ignore[arg-type]
    return [link.target for link in links]


def computed_path(job: dict[str, Any], named: str) -> str:
    """Return where a job archives without an instance directory."""
    return archive_path(job["pipeline_uuid"], [TypedUuid(named)], job["data"], None, datetime.now(UTC))


def archive(site: Site) -> set[Path]:
    root = site.catalog.home / "storage" / SYSTEM
    return {path.relative_to(root) for path in root.rglob("*")}


def launched(site: Site, body: dict[str, Any]) -> dict[str, Any]:
    answer = site.send(ACTOR, body)
    assert answer.status_code == 202, answer.text
    outcome: dict[str, Any] = answer.json()["result"]["outcome"]
    return outcome


@pytest.fixture(scope="module")
def experiment(shared_site: Site) -> str:
    assert shared_site.send("pipelines-manager", published("pipeline01.json")).status_code == 201
    return put(
        shared_site, Kind.EXPERIMENT, experiment_id="experiment.uw_biofab.17016", title="Novel Chassis"
    )


@pytest.mark.parametrize("n", range(1, 5))
def test_published_message_is_taken_and_its_job_linked(site: Site, experiment: str, n: int):
    body = published(f"message0{n}.json")
    outcome = launched(site, body)
    job = body_of(site, outcome["uuid"])
    assert outcome["state"] == job["state"] == "CREATED"
    assert linked(site, outcome["uuid"], Relation.CHILD_OF) == [experiment]
    assert linked(site, outcome["uuid"], Relation.GENERATED_BY) == [job["pipeline_uuid"]]
    assert job["data"] == {**body["job_definition"], "experiment_id": "experiment.uw_biofab.17016"}
    assert outcome["archive_uri"] == f"agave://{job['archive_system']}{job['archive_path']}"
    assert job["archive_path"] == computed_path(job, experiment)
    assert Path(job["archive_path"].lstrip("/")) in archive(site)


def test_published_message_of_another_schema_is_refused_with_the_reason(site: Site, experiment: str):
    before = site.dump()
    answer = site.send(ACTOR, published("message11.json"))
    assert answer.status_code == 400
    errors = answer.json()["result"]["errors"]
    assert [(e["schema"], e["path"]) for e in errors] == [
        ("agave_pipelinejob", "/"),
        ("agave_pipelinejob", "/collection"),
    ]
    assert "'collection' was unexpected" in errors[0]["message"]
    assert '"parameters": {"experiment_id": "..."}' in errors[1]["message"]
    assert site.dump() == before


@pytest.mark.parametrize("level", ["sample", "nonesuch", "", 7, [], {"$gt": ""}])
def test_launch_of_the_older_form_is_told_what_to_write_instead(site: Site, level: Any):
    before = site.dump()
    answer = site.send(ACTOR, {"collection": level, "job_definition": {"appId": APP}})
    told = answer.json()["result"]["errors"][-1]
    assert (answer.status_code, told["path"]) == (400, "/collection")
    assert '"parameters": {"sample_id": "..."}' in told["message"]
    assert site.dump() == before


def test_launches_printed_in_the_documents_are_taken(site: Site):
    printed = [d for d in printed_in_the_documents() if "job_definition" in d]
    assert len(printed) == 2
    app = {"id": "tacobot9000-0.1.0u1", "inputs": {}, "parameters": {}}
    site.catalog.pipeline(id=app["id"], components=[app])
    sample = put(site, Kind.SAMPLE, sample_id="sample.tacc.abcde")
    for document in printed:
        uuid = launched(site, document)["uuid"]
        named = "parameters" in document
        assert linked(site, uuid, Relation.CHILD_OF) == ([sample] if named else [])
        assert body_of(site, uuid)["data"]["appId"] == app["id"]


def test_very_same_launch_is_refused(proxy: Site):
    body = message()
    launched(proxy, body)
    before, files = proxy.dump(), archive(proxy)
    answer = proxy.send(ACTOR, body)
    assert (answer.status_code, answer.json()["result"]["code"]) == (409, "already-exists")
    assert (proxy.dump(), archive(proxy)) == (before, files)


def test_launch_of_an_app_that_the_platform_does_not_know_fails_the_job_with_the_reason(proxy: Site):
    uuid = launched(proxy, message())["uuid"]
    proxy.catalog.work()
    entry = proxy.catalog.history(uuid)[-1]
    assert (entry["name"], entry["state"]) == ("fail", "FAILED")
    assert APP in entry["data"]["reason"]


def test_failed_launch_can_be_reset_and_launched_again(proxy: Site):
    body = message()
    outcome = launched(proxy, body)
    proxy.catalog.work()
    answer = proxy.send(ACTOR, body)
    assert (answer.status_code, "is FAILED; reset it" in answer.json()["message"]) == (409, True)
    for name in ("reset", "ready"):
        proxy.send("jobs-manager", {"uuid": outcome["uuid"], "name": name, "token": proxy.admin()})
    refused = proxy.send(ACTOR, body)
    assert (refused.status_code, refused.json()["result"]["code"]) == (403, "missing-token")
    again = proxy.send(ACTOR, body, token=outcome["token"])
    assert (again.status_code, again.json()["result"]["outcome"]["uuid"]) == (202, outcome["uuid"])


def test_job_that_is_updated_while_it_waits_is_not_launched_a_second_time(proxy: Site):
    body = message()
    outcome = launched(proxy, body)
    update = {"uuid": outcome["uuid"], "name": "update", "token": outcome["token"]}
    assert proxy.send("jobs-manager", update).status_code == 200
    assert proxy.send(ACTOR, body, token=outcome["token"]).status_code == 409


def test_job_that_was_failed_before_its_launch_is_not_launched(proxy: Site):
    outcome = launched(proxy, message())
    fail = {"uuid": outcome["uuid"], "name": "fail", "token": outcome["token"]}
    assert proxy.send("jobs-manager", fail).status_code == 200
    proxy.catalog.work()
    last = proxy.catalog.history(outcome["uuid"])[-1]
    assert (last["name"], last["noted"]) == ("fail", True)
    assert "has failed already" in last["data"]["reason"]


def test_launching_a_job_that_somebody_else_made_takes_its_token_and_tells_none(proxy: Site):
    body = message()
    made = launched(proxy, body)
    for name in ("reset", "ready"):
        proxy.send("jobs-manager", {"uuid": made["uuid"], "name": name, "token": proxy.admin()})
    before = proxy.dump()
    for token in ({}, {"token": "x" * 17}):
        answer = proxy.send(ACTOR, body, **token)
        assert answer.status_code == 403
        assert made["token"] not in answer.text
    assert proxy.dump() == before


@pytest.mark.parametrize("below", ["", "/below"])
def test_archive_of_another_job_cannot_be_taken(proxy: Site, below: str):
    first = launched(proxy, message())
    place = first["archive_uri"] + below
    before = archive(proxy)
    answer = proxy.send(ACTOR, {**message(), "data": {"n": 1}, "archive_path": place})
    assert archive(proxy) == before
    assert (answer.status_code, answer.json()["result"]["code"]) == (409, "already-exists")


def test_archive_path_of_ones_own_must_be_new_and_no_shared_directory(proxy: Site):
    pipeline, linked, hashed = launched(proxy, message())["archive_uri"].split("/")[5:8]
    system = "agave://data-sd2e-community"
    for number, (place, status) in enumerate(
        {"/products": 400, "/products/v2": 400, f"/products/v2/{pipeline}": 400, f"/products/v2/{pipeline}/x": 400,
         f"/products/v2/{pipeline}/{linked}/{hashed[::-1]}": 400,
         "/products/v2/mine": 202}.items()
    ):  # fmt: skip
        body = {**message(), "data": {"n": number}, "archive_path": system + place}
        assert proxy.send(ACTOR, body).status_code == status, place
    again = {**message(), "data": {"n": 9}, "archive_path": f"{system}/products/v2/mine"}
    assert proxy.send(ACTOR, again).status_code == 409


def test_archive_path_of_ones_own_that_a_crash_left_empty_is_taken_and_one_with_files_is_not(proxy: Site):
    root = proxy.catalog.home / "storage" / SYSTEM / "products/v2"
    for name, status in {"left-empty": 202, "with-files": 409}.items():
        (root / name).mkdir(parents=True)
        if status == 409:
            (root / name / "kept").write_text("kept")
        body = {**message(), "data": {"of": name}, "archive_path": f"agave://{SYSTEM}/products/v2/{name}"}
        assert proxy.send(ACTOR, body).status_code == status, name
    assert (root / "with-files" / "kept").read_text() == "kept"


def test_callback_of_the_run_before_a_reset_is_only_noted(proxy: Site):
    outcome = launched(proxy, message())
    for name in ("run", "fail"):
        proxy.send("jobs-manager", {"uuid": outcome["uuid"], "name": name, "token": outcome["token"]})
    for name in ("reset", "ready"):
        proxy.send("jobs-manager", {"uuid": outcome["uuid"], "name": name, "token": proxy.admin()})
    said = {"uuid": outcome["uuid"], "token": outcome["token"], "status": "FINISHED"}
    late = proxy.send("jobs-manager", None, **said, run="1")
    assert (late.status_code, late.json()["result"]["outcome"]["recorded"]) == (200, "noted")
    assert late.json()["result"]["outcome"]["state"] == "CREATED"
    present = proxy.send("jobs-manager", None, **said, run="2")
    assert present.json()["result"]["outcome"]["state"] == "FINISHED"
    assert proxy.send("jobs-manager", None, **said, run="one").status_code == 400


@pytest.mark.parametrize(
    ("parameters", "level"),
    [
        ({"measurement_id": "measurement.tacc.0xDEADBEEF"}, Kind.MEASUREMENT),
        ({"measurement_id": ["measurement.tacc.0xDEADBEEF"]}, Kind.MEASUREMENT),
        ({"sample_id": "sample.tacc.20001"}, Kind.SAMPLE),
        ({"experiment_id": "experiment.tacc.10001"}, Kind.EXPERIMENT),
        ({"experiment_design_id": "Test-Design"}, Kind.EXPERIMENT_DESIGN),
        (
            {"measurement_id": ["measurement.tacc.0xDEADBEEF"], "sample_id": "sample.tacc.20001"},
            Kind.SAMPLE,
        ),
    ],
)
@pytest.mark.parametrize("by_uuid", [False, True])
def test_job_is_linked_to_measurements_and_archived_by_the_level_that_was_passed(
    proxy: Site, parameters: dict[str, Any], level: Kind, by_uuid: bool
):
    made = proxy.catalog.hierarchy()
    if by_uuid:
        parameters = {name: made[Kind(name.removesuffix("_id"))] for name in parameters}
    outcome = launched(proxy, message(parameters=parameters))
    assert linked(proxy, outcome["uuid"], Relation.CHILD_OF) == [made[Kind.MEASUREMENT]]
    job = body_of(proxy, outcome["uuid"])
    assert job["archive_path"].startswith(f"{computed_path(job, made[level])}/{job['session']}-")


def test_job_is_linked_to_each_measurement_of_a_list_of_texts_and_uuids(proxy: Site):
    sample = proxy.catalog.hierarchy()[Kind.SAMPLE]
    more = [
        put(proxy, Kind.MEASUREMENT, measurement_id=f"measurement.tacc.{n}", measurement_type="AUTOMATED_TEST", child_of=[sample])
        for n in (1234, 2345)
    ]  # fmt: skip
    body = message(parameters={"measurement_id": ["measurement.tacc.1234", more[1]]})
    uuid = launched(proxy, body)["uuid"]
    assert sorted(linked(proxy, uuid, Relation.CHILD_OF)) == sorted(more)
    job = body_of(proxy, uuid)
    path = archive_path(
        job["pipeline_uuid"], [TypedUuid(m) for m in more], job["data"], None, datetime.now(UTC)
    )
    assert job["archive_path"].startswith(f"{path}/")
    both = launched(proxy, message(parameters={**body["parameters"], "sample_id": "sample.tacc.20001"}))[
        "uuid"
    ]
    assert sorted(linked(proxy, both, Relation.CHILD_OF)) == sorted(more)
    assert body_of(proxy, both)["archive_path"].startswith(computed_path(body_of(proxy, both), sample))


def test_instance_directory_is_named_by_two_words_and_the_instant(proxy: Site):
    job = body_of(proxy, launched(proxy, message())["uuid"])
    name = job["archive_path"].rpartition("/")[2]
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d{8}T\d{6}Z", name), name
    assert name.startswith(f"{job['session']}-")


def test_inputs_of_a_definition_connect_the_job_to_what_the_catalog_knows_of_them(proxy: Site):
    file = put(proxy, Kind.FILE, name="/uploads/reads/1.fastq", storage_system=SYSTEM)
    reference = put(
        proxy, Kind.REFERENCE, reference_id="genome-1", name="A genome", uri="https://example.org/genome-1"
    )
    body = message()
    body["job_definition"] |= {
        "inputs": {"reads": [f"agave://{SYSTEM}/uploads/reads/1.fastq"], "unknown": "/uploads/reads/2.fastq"},
        "parameters": {"genome": "https://example.org/genome-1", "salsa": True, "n": 7},
    }
    uuid = launched(proxy, body)["uuid"]
    assert linked(proxy, uuid, Relation.ACTED_ON) == [file]
    assert linked(proxy, uuid, Relation.ACTED_USING) == [reference]


def test_without_instance_directory_the_path_follows_from_the_message(proxy: Site):
    body = message(instanced=False)
    job = body_of(proxy, launched(proxy, body)["uuid"])
    assert job["archive_path"] == computed_path(job, proxy.catalog.hierarchy()[Kind.SAMPLE])


def test_actor_and_execution_that_manage_a_job_are_told_by_it(proxy: Site):
    answer = proxy.send(ACTOR, message())
    result = answer.json()["result"]
    job = body_of(proxy, result["outcome"]["uuid"])
    url = proxy.app.settings.api_url
    assert job["agent"].startswith(f"{url}/actors/v2/")
    assert job["task"] == f"{job['agent']}/executions/{result['executionId']}"
    told = proxy.get(job["task"].removeprefix(url))
    assert told.json()["result"]["id"] == result["executionId"]


def test_level_and_patterns_and_archive_of_the_message_are_kept(proxy: Site):
    body = message(
        index_patterns=["a%5C.b", {"patterns": ["c"], "level": "3"}],
        processing_level="2",
        archive_path=f"agave://{SYSTEM}/my/own/place",
    )
    job = body_of(proxy, launched(proxy, body)["uuid"])
    assert job["archive_path"] == "/my/own/place"
    assert sorted(job["archive_patterns"], key=str) == [
        {"level": "2", "patterns": ["a\\.b"]},
        {"level": "3", "patterns": ["c"]},
    ]


def definition(**fields: Any) -> dict[str, Any]:
    return {"job_definition": {**message()["job_definition"], **fields}}


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown sample": ({"parameters": {"sample_id": "sample.tacc.none"}}, 404, "sample.tacc.none"),
    "one unknown of two": (
        {"parameters": {"sample_id": ["sample.tacc.20001", "sample.tacc.none"]}},
        404,
        "sample.tacc.none",
    ),
    "sample as experiment": ({"parameters": {"experiment_id": "103246e1-bcdf-5b6e-a8dc-4c7e81b91141"}}, 400, "sample"),
    "no linkage known": ({"parameters": {"upload_id": "x"}}, 400, "parameters"),
    "linkage of numbers": ({"parameters": {"sample_id": [7]}}, 400, "/parameters"),
    "operator as linkage": ({"parameters": {"sample_id": {"$gt": ""}}}, 400, "/parameters"),
    "no app": ({"job_definition": {}}, 400, "appId"),
    "app as operator": (definition(appId={"$gt": ""}), 400, "appId"),
    "unknown app": (definition(appId="nobody-1"), 404, "nobody-1"),
    "notifications as text": (definition(notifications="all"), 400, "notifications"),
    "notification as text": (definition(notifications=["all"]), 400, "notifications"),
    "notifications as operator": (definition(notifications={"$gt": ""}), 400, "notifications"),
    "archive elsewhere": ({"archive_path": "/etc/passwd"}, 400, "/archive_path"),
    "archive above the root": ({"archive_path": f"agave://{SYSTEM}/a/../../etc"}, 400, "archive"),
    "archive on no system": ({"archive_path": "agave://nowhere/x"}, 400, "nowhere"),
    "instanced as text": ({"instanced": "no"}, 400, "/instanced"),
    "level that is none": ({"processing_level": "9"}, 400, "/processing_level"),
    "pattern that is none": ({"index_patterns": ["("]}, 400, "index_patterns"),
    "data as list": ({"data": []}, 400, "/data"),
    "state": ({"state": "FINISHED"}, 400, "'state'"),
    "session": ({"session": "x"}, 400, "'session'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_launch_that_cannot_be_is_refused_and_leaves_nothing_behind(proxy: Site, name: str):
    changes, http, says = REFUSED[name]
    before, files = proxy.dump(), archive(proxy)
    answer = proxy.send(ACTOR, message(**changes))
    assert answer.status_code == http, answer.text
    assert says in answer.text
    assert (proxy.dump(), archive(proxy)) == (before, files)


def test_launch_of_a_pipeline_out_of_service_is_refused(proxy: Site):
    app = "tests/retired-1"
    uuid = proxy.catalog.pipeline(id=app, components=[{"id": app, "inputs": {}, "parameters": {}}])
    body = {"uuid": uuid, "action": "retire", "token": proxy.admin()}
    assert proxy.send("pipelines-manager", body).status_code == 200
    before, files = proxy.dump(), archive(proxy)
    answer = proxy.send(ACTOR, message(job_definition={"appId": app}))
    assert (answer.status_code, answer.json()["result"]["code"]) == (409, "not-in-service")
    assert (proxy.dump(), archive(proxy)) == (before, files)
