"""Agave job definitions and app definitions in Tapis' words; what cannot be said in them is refused by its place."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from datacatalog.adapters.platforms.tapis.apps import described, read_app, split_id
from datacatalog.adapters.platforms.tapis.registering import app_request
from datacatalog.adapters.platforms.tapis.requests import submit_request
from datacatalog.adapters.remote.marks import Mark
from datacatalog.domain.errors import InvalidField, UnsafePath
from tests.contracts.platform_sites import TACOBOT
from tests.contracts.rest_contract import operation_of
from tests.contracts.tapis_contract import OPERATIONS, SUBMIT

APP = read_app(TACOBOT)
MARK = Mark.of("launch:107:1", "sd2e")
FILE = "agave://data.tacc.cloud/examples/tacobot/test1.txt"
CALLBACK = "https://catalog.example.org/actors/v2/a/messages?uuid=107&token=canary&run=1"
WHOLE: dict[str, Any] = {
    "appId": "tacobot9000-0.1.0u1",
    "name": "TACObot job",
    "inputs": {"file1": FILE},
    "parameters": {"avocado": False, "cheese": True, "salsa": True},
    "maxRunTime": "01:00:01",
    "nodeCount": 2,
    "processorsPerNode": 16,
    "memoryPerNode": "4GB",
    "batchQueue": "normal",
    "archive": True,
    "archiveSystem": "data-sd2e-community",
    "archivePath": "/products/v2/103f877a",
    "notifications": [
        {"event": "*", "persistent": True, "url": CALLBACK + "&status=${JOB_STATUS}&note=${JOB_ERROR}"}
    ],
}


def request(**changes: Any) -> dict[str, Any]:
    """Return the request of a definition; it fits the published schema."""
    made = submit_request({**WHOLE, **changes}, APP, MARK, {"key": "launch:107:1"}, "data-sd2e-community")
    assert list(Draft7Validator(SUBMIT).iter_errors(made)) == []
    return made


def test_definition_of_the_documents_becomes_a_request_of_the_documents() -> None:
    assert request() == {
        "name": "TACObot job",
        "appId": "tacobot9000",
        "appVersion": "0.1.0u1",
        "fileInputs": [{"name": "file1", "sourceUrl": "tapis://data.tacc.cloud/examples/tacobot/test1.txt"}],
        "parameterSet": {
            "appArgs": [
                {"name": "cheese", "arg": "true"},
                {"name": "salsa", "arg": "--salsa", "include": True},
            ],
            "envVariables": [{"key": "avocado", "value": "false"}],
            "archiveFilter": {"includeLaunchFiles": False},
        },
        "archiveSystemId": "data-sd2e-community",
        "archiveSystemDir": "/products/v2/103f877a",
        "maxMinutes": 61,
        "nodeCount": 2,
        "coresPerNode": 16,
        "memoryMB": 4096,
        "execSystemLogicalQueue": "normal",
        "subscriptions": [
            {
                "description": "a callback of datacatalog",
                "enabled": True,
                "eventCategoryFilter": "JOB_NEW_STATUS",
                "deliveryTargets": [{"deliveryMethod": "WEBHOOK", "deliveryAddress": CALLBACK}],
                "ttlMinutes": 40320,
            }
        ],
        "tags": [f"datacatalog-sd2e-{MARK.key}", "datacatalog-tenant-sd2e"],
        "notes": {"key": "launch:107:1"},
    }


def test_inputs_that_the_app_takes_several_of_are_an_array() -> None:
    made = request(inputs={"file1": [FILE], "more": [FILE, "/uploads/b.txt", "https://example.org/c.txt"]})
    assert made["fileInputArrays"] == [
        {
            "name": "more",
            "sourceUrls": [
                "tapis://data.tacc.cloud/examples/tacobot/test1.txt",
                "tapis://data-sd2e-community/uploads/b.txt",
                "https://example.org/c.txt",
            ],
        }
    ]


@pytest.mark.parametrize(
    "input", ["tapis://data/a/../b", "tapis://data/", "tapis://da ta/b", "Tapis://data/b", "/a/../b", "/"]
)
def test_no_input_leads_elsewhere_than_it_says(input: str) -> None:
    with pytest.raises((InvalidField, UnsafePath)):
        request(inputs={"file1": input})


def test_input_in_the_words_of_tapis_is_the_same() -> None:
    made = request(inputs={"file1": "tapis://data.tacc.cloud//examples/x.txt"})
    assert made["fileInputs"][0]["sourceUrl"] == "tapis://data.tacc.cloud/examples/x.txt"


def test_inputs_besides_those_of_the_app_go_where_tapis_puts_them() -> None:
    app = read_app({**TACOBOT, "strictFileInputs": False})
    made = submit_request({**WHOLE, "inputs": {"file1": FILE, "own": FILE}}, app, MARK, {}, "data")
    assert made["fileInputs"][1] == {
        "name": "own",
        "sourceUrl": "tapis://data.tacc.cloud/examples/tacobot/test1.txt",
        "targetPath": "*",
    }


def test_outputs_that_are_not_archived_stay_where_the_app_says() -> None:
    made = request(archive=False, archivePath="")
    assert not {"archiveSystemId", "archiveSystemDir"} & made.keys()


@pytest.mark.parametrize(
    ("memory", "megabytes"),
    [(1, 1024), (0.5, 512), ("2", 2048), ("512MB", 512), ("1.5 gb", 1536), ("1TB", 2**20)],
)
def test_memory_is_megabytes(memory: Any, megabytes: int) -> None:
    assert request(memoryPerNode=memory)["memoryMB"] == megabytes


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        ("inputs/file1", {"inputs": {}}),
        ("inputs/file1", {"inputs": {"file1": [FILE, FILE]}}),
        ("inputs/file1", {"inputs": {"file1": "no path"}}),
        ("inputs/file1", {"inputs": {"file1": "agave://data.tacc.cloud/"}}),
        ("inputs/file1", {"inputs": {"file1": 17}}),
        ("inputs/file1", {"inputs": {"file1": [None]}}),
        ("inputs/file2", {"inputs": {"file1": FILE, "file2": FILE}}),
        ("inputs", {"inputs": [FILE]}),
        ("parameters/sauce", {"parameters": {"sauce": "hot"}}),
        ("parameters/menu", {"parameters": {"menu": "x"}}),
        ("parameters/cheese", {"parameters": {"cheese": ""}}),
        ("parameters/cheese", {"parameters": {"cheese": [1, 2]}}),
        ("parameters/cheese", {"parameters": {"cheese": {"a": 1}}}),
        ("name", {"name": "x" * 65}),
        ("name", {"name": ""}),
        ("maxRunTime", {"maxRunTime": "an hour"}),
        ("maxRunTime", {"maxRunTime": "00:00:00"}),
        ("nodeCount", {"nodeCount": 0}),
        ("nodeCount", {"nodeCount": True}),
        ("processorsPerNode", {"processorsPerNode": "2"}),
        ("memoryPerNode", {"memoryPerNode": "much"}),
        ("memoryPerNode", {"memoryPerNode": 0}),
        ("memoryPerNode", {"memoryPerNode": 10**12}),
        ("archive", {"archive": "perhaps"}),
        ("archivePath", {"archivePath": ""}),
        ("archive_path", {"archivePath": "/a/../../etc"}),
        ("archiveSystem", {"archiveSystem": 5}),
        ("batchQueue", {"batchQueue": ["normal"]}),
        ("notifications", {"notifications": {"url": CALLBACK}}),
        (
            "notifications/0/event",
            {"notifications": [{"event": "FINISHED", "persistent": True, "url": CALLBACK}]},
        ),
        ("notifications/0/persistent", {"notifications": [{"event": "*", "url": CALLBACK}]}),
        ("notifications/0/url", {"notifications": [{"event": "*", "persistent": True, "url": "ftp://x"}]}),
        (
            "notifications/0/url",
            {"notifications": [{"event": "*", "persistent": True, "url": "https://x.org/${JOB_ID}"}]},
        ),
        (
            "notifications/0/url",
            {"notifications": [{"event": "*", "persistent": True, "url": CALLBACK + "x" * 3000}]},
        ),
        ("schedulerDirectives", {"schedulerDirectives": "-N 2"}),
    ],
)
def test_what_tapis_cannot_express_is_refused_at_its_place(place: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidField) as raised:
        request(**changes)
    assert raised.value.field == place
    assert "canary" not in str(raised.value)


def test_argument_that_the_app_requires_has_to_be_given() -> None:
    argument = {"name": "cheese", "inputMode": "REQUIRED"}
    app = read_app(
        {**TACOBOT, "jobAttributes": {"parameterSet": {"appArgs": [argument]}}, "strictFileInputs": False}
    )
    with pytest.raises(InvalidField, match="parameters/cheese: is required by"):
        submit_request({**WHOLE, "parameters": {}}, app, MARK, {}, "data")


@pytest.mark.parametrize(
    ("id", "parts"),
    [
        ("tacobot9000-0.1.0u1", ("tacobot9000", "0.1.0u1")),
        ("urrutia-novel_chassis_app-0.1.0", ("urrutia-novel_chassis_app", "0.1.0")),
        ("a-2-b-1", ("a-2-b", "1")),
        ("latest-of-all", ("latest-of-all", "")),
    ],
)
def test_id_of_agave_is_id_and_version_of_tapis(id: str, parts: tuple[str, str]) -> None:
    assert split_id(id) == parts


def test_app_is_described_as_agave_would() -> None:
    app = described(APP)
    assert (app["id"], app["defaultMaxRunTime"]) == ("tacobot9000-0.1.0u1", "01:00:00")
    assert {one["id"]: one["semantics"]["maxCardinality"] for one in app["inputs"]} == {
        "file1": 1,
        "more": -1,
    }
    assert {one["id"] for one in app["parameters"]} == {"salsa", "cheese", "avocado"}


DEFINITION: dict[str, Any] = {
    "name": "tacobot9000",
    "version": "0.2.0",
    "containerImage": "docker://example.org/tacobot:9001",
    "runtime": "SINGULARITY",
    "executionType": "HPC",
    "executionSystem": "frontera",
    "shortDescription": "Makes tacos",
    "defaultMaxRunTime": "02:00:00",
    "defaultNodeCount": 1,
    "inputs": [
        {"id": "file1", "value": {"required": True}},
        {"id": "more", "semantics": {"maxCardinality": -1}},
    ],
    "parameters": [{"id": "salsa", "value": {"type": "string", "default": "mild", "required": False}}],
}


def test_app_definition_becomes_a_registration_of_the_documents() -> None:
    made = app_request(DEFINITION)
    found = operation_of(OPERATIONS, "POST", "/v3/apps")
    assert found is not None
    assert found[0].complaints({}, made) == []
    assert (made["id"], made["version"], made["jobType"]) == ("tacobot9000", "0.2.0", "BATCH")
    assert described(read_app(made))["parameters"][0]["value"]["default"] == "mild"


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        ("containerImage", {"containerImage": None}),
        ("name", {"name": "a b"}),
        ("version", {"version": 1}),
        ("executionType", {"executionType": "CONDOR"}),
        ("inputs/0/id", {"inputs": [{"id": "a-b"}]}),
        ("parameters", {"parameters": {"salsa": 1}}),
        ("parameters/p/value/default", {"parameters": [{"id": "p", "value": {"default": []}}]}),
        ("templatePath", {"templatePath": "wrapper.sh"}),
        ("defaultNodeCount", {"defaultNodeCount": "1"}),
    ],
)
def test_app_that_tapis_cannot_have_is_refused_at_its_place(place: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidField) as raised:
        app_request({**DEFINITION, **changes})
    assert raised.value.field == place


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(field=st.sampled_from(sorted(WHOLE)), value=values)
def test_whatever_stands_in_a_field_is_told_as_published_or_refused(field: str, value: Any) -> None:
    with suppress(InvalidField):
        request(**{field: value})


@settings(max_examples=60, deadline=None)
@given(
    inputs=st.dictionaries(st.sampled_from(["file1", "more", "own", "a-b", ""]), values, max_size=3),
    parameters=st.dictionaries(
        st.sampled_from(["salsa", "cheese", "menu", "avocado", "x y"]), values, max_size=3
    ),
)
def test_whatever_a_job_is_told_is_told_as_published_or_refused(inputs: Any, parameters: Any) -> None:
    app = read_app({**TACOBOT, "strictFileInputs": False})
    with suppress(InvalidField):
        made = submit_request({**WHOLE, "inputs": inputs, "parameters": parameters}, app, MARK, {}, "data")
        assert list(Draft7Validator(SUBMIT).iter_errors(made)) == []


@settings(max_examples=60, deadline=None)
@given(field=st.sampled_from([*DEFINITION, "tags"]), value=values)
def test_whatever_stands_in_an_app_definition_is_told_as_published_or_refused(field: str, value: Any) -> None:
    found = operation_of(OPERATIONS, "POST", "/v3/apps")
    assert found is not None
    with suppress(InvalidField):
        assert found[0].complaints({}, app_request({**DEFINITION, field: value})) == []
