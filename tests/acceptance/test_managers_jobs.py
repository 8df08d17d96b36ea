"""ManagedPipelineJob: what a job is called, where it archives, and what it is linked to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from datacatalog.bootstrap import App
from datacatalog.domain.kinds import Kind
from datacatalog.domain.messages import DeletePipeline
from datacatalog.managers.common import Manager
from datacatalog.managers.pipelinejobs import ManagedPipelineJob, ManagedPipelineJobError
from datacatalog.managers.pipelinejobs.indexrequest import ArchiveIndexRequest, ProductIndexRequest
from datacatalog.managers.pipelinejobs.jobmanager import JobManager
from datacatalog.services import dispatch
from datacatalog.services.records import put_record
from tests.harness import SYSTEM, Catalog, install
from tests.shared import shared

EXPERIMENT = {"experiment_id": "experiment.tacc.10001"}
SAMPLE = {"sample_id": "sample.tacc.20001"}
DEEP_DIVE = {
    "alpha": 0.5,
    "inputs": ["agave://data-sd2e-community/uploads/tacc/example/345.txt"],
    "parameters": {
        "ref1": "agave://data-sd2e-community/reference/novel_chassis/uma_refs/MG1655_WT/MG1655_WT.fa"
    },
}
THE_FILE = "105fb204-530b-5915-9fd6-caf88ca9ad8a"
THE_REFERENCE = "1099ee04-0412-5566-bb4d-0efc2af3eea3"
MEASUREMENTS = (
    "1041ab3f-5221-5c79-8781-8838dfb6eef9",
    "10483e8d-6602-532a-8941-176ce20dd05a",
    "104dae4d-a677-5991-ae1c-696d2ee9884e",
)

PUBLISHED = (
    (Kind.CHALLENGE_PROBLEM, "challenge_problems"),
    (Kind.EXPERIMENT_DESIGN, "experiment_designs"),
    (Kind.EXPERIMENT, "experiments"),
    (Kind.SAMPLE, "samples"),
    (Kind.MEASUREMENT, "measurements"),
    (Kind.REFERENCE, "novelchassis"),
)

# The seven jobs that the documents work through, and one that is linked to nothing.
WORKED: tuple[tuple[dict[str, Any], dict[str, Any], str, str], ...] = (
    (
        EXPERIMENT,
        {},
        "107a90b7-f083-5167-a63d-41a3bf278bf8",
        "Db6rzKZnnyA8E5qvwvxjpwZ4/PAVpwrObxp5YjYRvrJOd5yVp",
    ),
    (
        EXPERIMENT,
        {"alpha": 0.5},
        "1077a959-7163-516a-8fc1-dd11bd958190",
        "Db6rzKZnnyA8E5qvwvxjpwZ4/0p5yeV3VR3OELzgoJ5kk6Yxw",
    ),
    (
        EXPERIMENT,
        {"alpha": 0.6},
        "107e7a19-6d8a-540d-954c-09836d67de49",
        "Db6rzKZnnyA8E5qvwvxjpwZ4/3pGLppQE69r3Z36EY3jlxxpN",
    ),
    (
        SAMPLE,
        {},
        "107fd3cf-23c6-522f-9270-19932d06def4",
        "kZgygQV2EDAAkDLRzrep1gO2/PAVpwrObxp5YjYRvrJOd5yVp",
    ),
    (
        {"measurement_id": "measurement.tacc.0xDEADBEF1"},
        {},
        "107596b8-25b2-557d-9702-853f0690c576",
        "kZpoopq2GBKYy6DQ9pqqNbk8/PAVpwrObxp5YjYRvrJOd5yVp",
    ),
    (
        {"measurement_id": ["measurement.tacc.0xDEADBEF0", "measurement.tacc.0xDEADBEEF"]},
        {},
        "10704831-8017-5e39-a4d7-dd73a08b4a4b",
        "3pGOjjEYq3BZ2DJ6e0jLQqWb/PAVpwrObxp5YjYRvrJOd5yVp",
    ),
    (
        SAMPLE,
        DEEP_DIVE,
        "1077bb63-d586-5519-a576-33b5d9f85d40",
        "kZgygQV2EDAAkDLRzrep1gO2/RbQyWyezlxlvXOYeG81qVbG4",
    ),
    (
        {},
        {},
        "10792d3c-395c-57e0-a694-006cf03d3970",
        "BAkwe8wKZY2NgXyBpX8K5R1D/PAVpwrObxp5YjYRvrJOd5yVp",
    ),
)
ROOT = "/products/v2/106c46ff81865756a934071f4497b58d"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog for all tests of this module; each makes jobs of its own."""
    made = install(tmp_path_factory.mktemp("catalog"))
    yield made
    made.app.close()


@pytest.fixture(scope="module")
def loaded(catalog: Catalog) -> Catalog:
    """A catalog with one record of each metadata level."""
    catalog.hierarchy()
    return catalog


def put(catalog: Catalog, kind: Kind, document: dict[str, Any]) -> str:
    env = catalog.app.env
    return str(env.store.transact(lambda w: put_record(kind, document, w, env)).record.uuid)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, str]]:
    """A catalog with the published hierarchy, files and references; and the pipeline of the worked jobs."""
    documents = [
        (kind, document)
        for kind, name in PUBLISHED
        for document in json.loads(shared("fixtures", "pipelinejobs", "catalog", f"{name}.json").read_text())
    ]
    documents.append((Kind.FILE, {"name": "/uploads/tacc/example/345.txt", "type": "PLAIN", "level": "0"}))
    catalog = install(tmp_path_factory.mktemp("published"))
    env = catalog.app.env
    env.store.transact(lambda work: [put_record(kind, d, work, env) for kind, d in documents])
    pipeline = json.loads(shared("fixtures", "pipelinejobs", "pipeline", "demo-01.json").read_text())
    yield catalog, catalog.pipeline(**pipeline)
    catalog.app.close()


def describe(catalog: Catalog, **arguments: Any) -> ManagedPipelineJob:
    return ManagedPipelineJob(
        arguments.pop("mongodb", catalog.app), {"pipeline_uuid": catalog.pipeline()}, **arguments
    )


def at(app: App, instant: datetime) -> App:
    """The app with its clock stopped."""
    return replace(app, env=replace(app.env, clock=SimpleNamespace(now=lambda: instant)))


# --------------------------------------------------------------------------------------- worked examples


@pytest.mark.parametrize(("linkage", "data", "uuid", "place"), WORKED)
def test_worked_jobs_of_the_documents_come_out_as_published(
    published: tuple[Catalog, str], linkage: dict[str, Any], data: dict[str, Any], uuid: str, place: str
) -> None:
    catalog, pipeline = published
    job = ManagedPipelineJob(
        catalog.app, {"pipeline_uuid": pipeline}, instanced=False, data=data, **linkage
    ).setup()
    assert job.uuid == uuid
    assert job.archive_path == f"{ROOT}/{place}"
    assert job.archive_uri() == f"agave://data-sd2e-community{ROOT}/{place}"
    assert job.generated_by == [pipeline]
    assert job.state == "CREATED"
    assert (catalog.home / "storage" / SYSTEM / job.archive_path[1:]).is_dir()


def test_worked_jobs_of_the_vectors_come_out_when_named_by_uuid(published: tuple[Catalog, str]) -> None:
    catalog, _ = published
    vectors = json.loads(shared("vectors", "extra.json").read_text())["archive_paths"]
    names = {"102": "experiment_id", "103": "sample_id", "104": "measurement_id"}
    worked = [v for v in vectors if v["generation"] == "D"]
    assert len(worked) >= 4
    for vector in worked:
        linkage = {names[uuid[:3]]: vector["child_of"] for uuid in vector["child_of"]}
        job = ManagedPipelineJob(
            catalog.app,
            pipeline_uuid=vector["pipeline_uuid"],
            instanced=False,
            data=vector["data"],
            **linkage,
        ).setup()
        assert (job.uuid, job.archive_path) == (vector["job_uuid"], vector["archive_path"])
        assert job.archive_uri() == vector["archive_uri"]


def test_the_deep_dive_job_acts_on_its_input_using_its_reference(published: tuple[Catalog, str]) -> None:
    catalog, pipeline = published
    job = ManagedPipelineJob(catalog.app, pipeline_uuid=pipeline, instanced=False, data=DEEP_DIVE, **SAMPLE)
    assert (job.acted_on, job.acted_using) == ([THE_FILE], [THE_REFERENCE])
    job.setup()
    assert job.job is not None
    assert job.job["acted_on"] == job.acted_on == [THE_FILE]
    assert job.job["acted_using"] == job.acted_using == [THE_REFERENCE]
    assert tuple(job.child_of) == MEASUREMENTS
    assert tuple(job.job["child_of"]) == MEASUREMENTS


# ---------------------------------------------------------------------------------------------- linkage


def test_identifiers_and_uuids_single_or_listed_make_the_same_job(loaded: Catalog) -> None:
    sample = loaded.hierarchy()[Kind.SAMPLE]
    name = "sample.tacc.20001"
    made = {
        describe(loaded, sample_id=said, instanced=False).setup().uuid
        for said in (name, [name], (name,), sample, [sample], [name, sample])
    }
    assert len(made) == 1


def test_measurement_with_sample_links_to_the_measurement_and_archives_by_the_sample(loaded: Catalog) -> None:
    found = loaded.hierarchy()
    alone = describe(loaded, sample_id=found[Kind.SAMPLE])
    both = describe(loaded, sample_id=found[Kind.SAMPLE], measurement_id=found[Kind.MEASUREMENT])
    assert both.child_of == [found[Kind.MEASUREMENT]]
    assert both.get_archive_path(instanced=False) == alone.get_archive_path(instanced=False)


@pytest.mark.parametrize(
    "linkage",
    [{"experiment_design_id": "Test-Design"}, EXPERIMENT, SAMPLE, {"measurement_id": MEASUREMENTS[1]}],
)
def test_a_job_is_child_of_the_measurements_below_what_was_passed(
    loaded: Catalog, linkage: dict[str, Any]
) -> None:
    assert describe(loaded, **linkage).child_of == [MEASUREMENTS[1]]


@pytest.mark.parametrize(
    "linkage",
    [
        {"sample_id": "sample.tacc.unheard-of"},
        {"sample_id": ["sample.tacc.20001", "sample.tacc.unheard-of"]},
        {"sample_id": "102e95e6-67a8-5a06-9484-3131c6907890"},
        {"measurement_id": ["measurement.tacc.0xDEADBEEF", "103246e1-bcdf-5b6e-a8dc-4c7e81b91141"]},
        {"experiment_id": 17},
        {"experiment_id": ["experiment.tacc.10001", None]},
    ],
)
def test_linkage_that_is_unknown_mixed_or_no_text_is_a_value_error(
    loaded: Catalog, linkage: dict[str, Any]
) -> None:
    with pytest.raises(ValueError) as raised:
        describe(loaded, **linkage)
    assert isinstance(raised.value, ManagedPipelineJobError)


def test_unknown_identifier_is_named_by_the_error(loaded: Catalog) -> None:
    with pytest.raises(ValueError, match=r"sample\.tacc\.unheard-of"):
        describe(loaded, sample_id=["sample.tacc.unheard-of"])


def test_collection_level_archives_by_the_records_above(loaded: Catalog) -> None:
    found = loaded.hierarchy()
    measurement = found[Kind.MEASUREMENT]
    by_experiment = describe(loaded, experiment_id=found[Kind.EXPERIMENT])
    collected = describe(loaded, measurement_id=measurement, archive_collection_level="experiment")
    assert collected.archive_path == by_experiment.archive_path
    assert collected.child_of == [measurement]
    below = describe(loaded, experiment_id=found[Kind.EXPERIMENT], archive_collection_level="measurement")
    assert below.archive_path == by_experiment.archive_path


def test_collection_level_that_is_unknown_or_not_above_is_a_value_error(loaded: Catalog) -> None:
    orphan = put(loaded, Kind.SAMPLE, {"sample_id": "sample.tacc.orphan"})
    with pytest.raises(ValueError, match="no experiment above it"):
        describe(loaded, sample_id=orphan, archive_collection_level="experiment")
    with pytest.raises(ValueError, match="archive_collection_level"):
        describe(loaded, sample_id=orphan, archive_collection_level="laboratory")


def test_a_process_that_generates_the_job_stands_beside_its_pipeline(loaded: Catalog) -> None:
    process = put(loaded, Kind.PROCESS, {"process_id": "tests", "name": "Tests"})
    job = describe(loaded, generated_by="tests", data={"n": 1}).setup()
    assert job.job is not None
    assert sorted(job.job["generated_by"]) == sorted([job.pipeline_uuid, process])
    with pytest.raises(ValueError, match="nobody"):
        describe(loaded, generated_by="nobody")


# ------------------------------------------------------------------------------------ inputs and outputs


def test_inputs_are_found_in_data_and_argument_and_misses_are_passed_over(loaded: Catalog) -> None:
    files = [put(loaded, Kind.FILE, {"name": f"/uploads/tacc/{n}.txt"}) for n in "abc"]
    web = put(
        loaded,
        Kind.REFERENCE,
        {"reference_id": "6NOV", "name": "PDB 6NOV", "uri": "https://www.rcsb.org/structure/6NOV"},
    )
    data = {
        "inputs": {"one": "agave://data-sd2e-community/uploads/tacc/a.txt", "gone": "/uploads/tacc/gone"},
        "parameters": {"two": "/uploads/tacc/b.txt", "salsa": True, "n": [1, {"u": "https://www.rcsb.org/structure/6NOV"}]},
    }  # fmt: skip
    job = describe(loaded, data=data, inputs=["/uploads/tacc/c.txt", "file.tacc.unheard-of"])
    assert job.acted_on == sorted(files)
    assert job.acted_using == [web]
    job.setup()
    assert (job.acted_on, job.acted_using) == (sorted(files), [web])


def test_references_are_found_in_any_data_dictionary(loaded: Catalog) -> None:
    job = describe(loaded, data={"inputs": ["/uploads/x"]})
    assert job.refs_from_data_dict() == [f"agave://{SYSTEM}/uploads/x"]
    other = {"parameters": {"a": "/reference/y", "b": "/products/z", "c": 4}}
    assert job.refs_from_data_dict(other) == [f"agave://{SYSTEM}/products/z"]
    assert job.refs_from_data_dict(other, store="references") == [f"agave://{SYSTEM}/reference/y"]
    with pytest.raises(ManagedPipelineJobError, match="samples"):
        job.refs_from_data_dict(other, store="samples")


def test_index_requests_are_kept_with_the_job_as_objects_dictionaries_or_expressions(loaded: Catalog) -> None:
    job = describe(
        loaded,
        data={"n": 2},
        archive_patterns=[
            ArchiveIndexRequest(patterns=[r"\.csv$"], level="2"),
            {"patterns": ["png$"], "level": "1"},
            "a%5Cb",
        ],
        product_patterns=[ProductIndexRequest(patterns=["b"], derived_from=["/uploads/a"])],
    ).setup()
    assert job.job is not None
    assert [p["patterns"] for p in job.job["archive_patterns"]] == [[r"\.csv$"], ["png$"], ["a%5Cb"]]
    assert job.job["product_patterns"] == [
        {"patterns": ["b"], "derived_from": ["/uploads/a"], "derived_using": []}
    ]


@pytest.mark.parametrize(
    "patterns",
    [
        {"archive_patterns": [ProductIndexRequest(patterns=["b"], derived_from=[])]},
        {"archive_patterns": ["("]},
        {"archive_patterns": [4]},
        {"product_patterns": [ArchiveIndexRequest(patterns=["b"], level="1")]},
        {"product_patterns": [{"patterns": ["b"], "colour": "red"}]},
    ],
)
def test_index_requests_that_cannot_be_used_are_refused(loaded: Catalog, patterns: dict[str, Any]) -> None:
    with pytest.raises(ManagedPipelineJobError, match="patterns"):
        describe(loaded, **patterns)


# ------------------------------------------------------------------------------------ uuid, data, setup


def test_data_of_setup_goes_over_data_of_init_before_uuid_and_path_are_computed(loaded: Catalog) -> None:
    merged = describe(loaded, instanced=False, data={"a": {"x": 1, "y": 2}, "b": 3}, **SAMPLE)
    merged.setup({"a": {"y": 4}})
    at_once = describe(loaded, instanced=False, data={"a": {"x": 1, "y": 4}, "b": 3}, **SAMPLE)
    before = at_once.archive_path
    at_once.setup()
    assert merged.data == at_once.data
    assert merged.uuid == at_once.uuid
    assert merged.archive_path == at_once.archive_path == before


def test_setting_up_the_same_run_again_finds_it_as_it_stands(loaded: Catalog) -> None:
    first = describe(loaded, data={"n": 3}, **SAMPLE).setup().run()
    second = describe(loaded, data={"n": 3}, **SAMPLE).setup()
    assert (second.uuid, second.token, second.archive_path) == (first.uuid, first.token, first.archive_path)
    assert second.state == "RUNNING"
    assert [entry["name"] for entry in loaded.history(str(first.uuid))] == ["create", "run"]


def test_data_is_taken_over_when_it_is_passed(loaded: Catalog) -> None:
    data = {"list": [1]}
    job = describe(loaded, data=data)
    data["list"].append(2)
    assert job.data == {"list": [1]}
    assert job.serialize_data() == '{"list":[1]}'


@pytest.mark.parametrize("data", [{"set": {1}}, {"number": float("nan")}, {"big": 2**70}, ["no", "object"]])
def test_data_that_cannot_be_kept_as_json_is_a_value_error(loaded: Catalog, data: Any) -> None:
    with pytest.raises(ValueError, match="data"):
        describe(loaded, data=data)


def test_a_uuid_that_the_job_does_not_have_is_refused_and_nothing_is_made(loaded: Catalog) -> None:
    right = describe(loaded, data={"n": 4}).setup()
    assert describe(loaded, data={"n": 4}, uuid=right.uuid).setup().uuid == right.uuid
    wrong = describe(loaded, data={"n": 5}, uuid=right.uuid)
    with pytest.raises(ValueError, match="uuid"):
        wrong.setup()
    assert not (loaded.home / "storage" / SYSTEM / str(wrong.archive_path)[1:]).exists()


@pytest.mark.parametrize("pipeline", [None, "", "meep", "106acb4d-1f93-553a-9e1c-b7b58125bc89"])
def test_a_pipeline_that_is_missing_or_unknown_is_an_error(loaded: Catalog, pipeline: str | None) -> None:
    with pytest.raises(ManagedPipelineJobError, match="pipeline"):
        ManagedPipelineJob(loaded.app, {"pipeline_uuid": pipeline})


def test_a_retired_pipeline_takes_no_new_jobs(loaded: Catalog) -> None:
    env, pipeline = loaded.app.env, loaded.pipeline(id="tests/retired:1")
    job = ManagedPipelineJob(loaded.app, pipeline_uuid=pipeline)
    retire = DeletePipeline(uuid=pipeline, trusted=True)  # type: ignore[arg-type]
    env.store.transact(lambda w: dispatch.handle(retire, w, env))
    with pytest.raises(ManagedPipelineJobError, match="out of service"):
        job.setup()
    with pytest.raises(ManagedPipelineJobError, match="out of service"):
        ManagedPipelineJob(loaded.app, pipeline_uuid=pipeline)


def test_pipeline_uuid_as_an_argument_goes_before_that_of_pipelines(loaded: Catalog) -> None:
    other = loaded.pipeline(id="tests/other:1")
    job = ManagedPipelineJob(loaded.app, {"pipeline_uuid": loaded.pipeline()}, pipeline_uuid=other)
    assert job.setup().pipeline_uuid == other
    assert job.generated_by == [other]


def test_an_argument_that_does_not_exist_is_no_silent_default(loaded: Catalog) -> None:
    with pytest.raises(TypeError, match="sampel_id"):
        describe(loaded, sampel_id="sample.tacc.20001")
    with pytest.raises(TypeError, match="colour"):
        JobManager(loaded.app, colour="red")


# ---------------------------------------------------------------------------------------- archive paths


def test_a_job_has_a_directory_of_its_own_unless_told_otherwise(loaded: Catalog) -> None:
    job = describe(loaded, data={"n": 6}, **SAMPLE)
    root = job.archive_path
    assert job.get_archive_path(instanced=False) == root
    job.setup()
    assert re.fullmatch(rf"{root}/[a-z]+-[a-z]+-\d{{8}}T\d{{6}}Z", str(job.archive_path))
    assert job.get_archive_path() == job.archive_path
    assert job.get_archive_path(instanced=False) == root
    assert job.session is not None
    assert str(job.archive_path).startswith(f"{root}/{job.session}-")


def test_archive_path_before_setup_is_what_it_would_be_now(loaded: Catalog) -> None:
    job = describe(loaded, session="casual-bass", data={"n": 7}, mongodb=at(loaded.app, datetime(2018, 11, 27, 17, 32, 43, tzinfo=UTC)))  # fmt: skip
    assert job.instanced_directory() == "casual-bass-20181127T173243Z"
    assert job.instanced_directory("happy-") == "happy-20181127T173243Z"
    assert re.fullmatch(r"[a-z]+-[a-z]+-20181127T173243Z", job.instanced_directory("cat"))
    would_be = job.get_archive_path()
    assert would_be == f"{job.archive_path}/casual-bass-20181127T173243Z"
    assert job.setup().archive_path == would_be


def test_a_session_that_is_taken_is_refused_and_a_drawn_one_is_drawn_again(
    loaded: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = at(loaded.app, datetime(2020, 1, 1, tzinfo=UTC))
    first = describe(loaded, mongodb=app, data={"n": 8}, session="casual-bass").setup()
    first.cancel()
    again = describe(loaded, mongodb=app, data={"n": 8}, session="casual-bass")
    with pytest.raises(ManagedPipelineJobError, match="exists"):
        again.setup()
    assert again.job is None
    drawn = iter(["casual-bass", "casual-bass", "other-animal"])
    monkeypatch.setattr("datacatalog.services.jobs.creating.draw_session", lambda: next(drawn))
    redrawn = describe(loaded, mongodb=app, data={"n": 8}).setup()
    assert str(redrawn.archive_path).endswith("/other-animal-20200101T000000Z")


def test_a_session_that_may_not_be_in_a_path_is_refused(loaded: Catalog) -> None:
    with pytest.raises(ValueError, match="session"):
        describe(loaded, session="../up")


def test_a_session_that_is_too_short_is_drawn_anew(loaded: Catalog) -> None:
    job = describe(loaded, session="cat", data={"n": 9}).setup()
    assert job.session != "cat"
    assert str(job.session) in str(job.archive_path)


def test_an_archive_path_of_ones_own_is_taken_as_it_is(loaded: Catalog) -> None:
    job = describe(loaded, data={"n": 10}, archive_path="/products/v2/mine").setup()
    assert job.archive_path == job.get_archive_path() == "/products/v2/mine"
    uri = describe(loaded, data={"n": 11}, archive_path=f"agave://{SYSTEM}/products/v2/mine-too").setup()
    assert (uri.archive_system, uri.archive_path) == (SYSTEM, "/products/v2/mine-too")


@pytest.mark.parametrize(
    "place",
    [
        {"archive_path": "relative/path"},
        {"archive_path": "/products/v2/../../etc"},
        {"archive_path": "/"},
        {"archive_path": "agave://data-sd2e-community/products/v2/x", "archive_system": "elsewhere"},
        {"level_store": "upload"},
    ],
)
def test_places_that_no_job_may_have_are_refused(loaded: Catalog, place: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        describe(loaded, **place)


def test_an_archive_system_that_is_not_there_is_refused_at_setup(loaded: Catalog) -> None:
    job = describe(loaded, data={"n": 12}, archive_system="elsewhere")
    with pytest.raises(ManagedPipelineJobError, match="elsewhere"):
        job.setup()
    assert job.job is None


def test_the_directory_is_made_unless_told_otherwise(loaded: Catalog) -> None:
    job = describe(loaded, data={"n": 13}, setup_archive_path=False).setup()
    assert job.job is not None
    assert not (loaded.home / "storage" / SYSTEM / str(job.archive_path)[1:]).exists()


# ------------------------------------------------------------------------------------ agents and webhooks


def test_agent_and_task_are_kept_as_urls(loaded: Catalog) -> None:
    pipelines = {"pipeline_uuid": loaded.pipeline(), "api_server": "https://api.example.org/"}
    job = ManagedPipelineJob(
        loaded.app, pipelines, data={"n": 14}, agent="G46vjoAVzGkkz", task="Myp6wvklV0zgQ"
    ).setup()
    agent = "https://api.example.org/actors/v2/G46vjoAVzGkkz"
    assert (job.agent, job.task) == (agent, f"{agent}/executions/Myp6wvklV0zgQ")
    assert job.canonicalize_execution("abc") == f"{agent}/executions/abc"
    assert job.canonicalize_execution("7381691026605150696-242ac11b-0001-007").startswith(
        "https://api.example.org/jobs/v2/7381691026605150696"
    )
    assert job.canonicalize_actor("a") == "https://api.example.org/actors/v2/a"
    assert job.canonicalize_app("taco-1.0") == "https://api.example.org/apps/v2/taco-1.0"
    assert job.canonicalize_system("s") == "https://api.example.org/systems/v2/s"
    assert job.canonicalize_job("j") == "https://api.example.org/jobs/v2/j"


def test_agent_and_task_come_from_the_actor_platform_where_none_are_passed(
    loaded: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_abaco_actor_id", "G46vjoAVzGkkz")
    monkeypatch.setenv("_abaco_execution_id", "Myp6wvklV0zgQ")
    job = describe(loaded, agave=SimpleNamespace(api_server="https://api.example.org"))
    assert job.task == "https://api.example.org/actors/v2/G46vjoAVzGkkz/executions/Myp6wvklV0zgQ"


def test_an_execution_needs_an_agent(loaded: Catalog) -> None:
    with pytest.raises(ManagedPipelineJobError, match="agent"):
        describe(loaded).canonicalize_execution("abc")


def query(url: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}


def test_webhook_carries_uuid_token_session_and_nonce(loaded: Catalog) -> None:
    job = describe(loaded, data={"n": 15}, session="casual-bass")
    with pytest.raises(ManagedPipelineJobError, match="setup"):
        job.build_webhook()
    url = job.setup().build_webhook()
    assert url == job.callback
    assert url.startswith(f"{loaded.url}/actors/v2/")
    assert query(url) == {
        "uuid": job.uuid,
        "token": job.token,
        "session": "casual-bass",
        "run": "1",
        "x-nonce": loaded.app.settings.secrets.nonces["jobs-manager"],
    }


def test_pipelines_say_where_the_webhook_leads(loaded: Catalog) -> None:
    pipelines = {
        "pipeline_uuid": loaded.pipeline(),
        "job_manager_id": "G1p783PxpalBB",
        "job_manager_nonce": "SD2E_abcdefgh",
        "api_server": "https://api.example.org/",
    }
    job = ManagedPipelineJob(loaded.app, pipelines, data={"n": 16}).setup()
    url = job.build_webhook()
    assert url.startswith("https://api.example.org/actors/v2/G1p783PxpalBB/messages?")
    assert query(url)["x-nonce"] == "SD2E_abcdefgh"


def test_notifications_report_every_end_that_a_platform_job_can_have(loaded: Catalog) -> None:
    job = describe(loaded, data={"n": 17}).setup()
    notifications = {n["event"]: n for n in job.agave_notifications()}
    assert notifications.keys() == {"RUNNING", "FINISHED", "FAILED", "STOPPED", "KILLED"}
    assert [event for event, n in notifications.items() if n["persistent"]] == ["RUNNING"]
    assert notifications["FINISHED"]["url"] == f"{job.callback}&status=FINISHED"
    assert notifications["RUNNING"]["url"] == f"{job.callback}&status=${{JOB_STATUS}}"
    assert notifications["FAILED"]["url"] == f"{job.callback}&status=${{JOB_STATUS}}"


# ------------------------------------------------------------------------------------- published constants


def test_class_constants_are_the_published_ones() -> None:
    assert ManagedPipelineJob.METADATA_ARG_NAMES == (
        "experiment_design_id", "experiment_id", "sample_id", "measurement_id",
    )  # fmt: skip
    assert ManagedPipelineJob.LINK_FIELDS == ["child_of", "acted_on", "acted_using", "generated_by"]
    assert ManagedPipelineJob.COLL_PARAMS == [
        ("measurement_id", "measurement"), ("sample_id", "sample"), ("experiment_id", "experiment"),
    ]  # fmt: skip
    assert ManagedPipelineJob.INIT_LINK_PARAMS == [
        ("pipeline_uuid", True, "uuid", None, "pipeline", "child_of")
    ]
    assert [name for name, *_ in ManagedPipelineJob.PARAMS] == [
        "agent", "task", "session", "data", "level_store", "archive_path", "setup_archive_path",
        "archive_system", "archive_patterns", "product_patterns", "uuid",
    ]  # fmt: skip
    assert JobManager.ADMIN_EVENTS == ["reset", "ready", "delete", "purge"]
    assert issubclass(ManagedPipelineJob, JobManager)
    assert issubclass(JobManager, Manager)


def test_what_a_job_is_shows_in_its_text(loaded: Catalog) -> None:
    shown = repr(describe(loaded, data={"n": 18}, **SAMPLE).setup())
    for name in ("uuid", "pipeline_uuid", "data", "child_of", "generated_by", "acted_on", "acted_using", "archive_uri"):  # fmt: skip
        assert f"{name}=" in shown
    assert "token" not in shown
