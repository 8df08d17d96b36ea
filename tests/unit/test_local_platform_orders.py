from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.adapters.outgoing.origins import Origin, origin
from datacatalog.adapters.platforms.local.definitions import read_app
from datacatalog.adapters.platforms.local.documents import (
    Site,
    callback_url,
    due,
    file_name,
    job_document,
)
from datacatalog.adapters.platforms.local.jobs import Accepted, Step, job_id
from datacatalog.adapters.platforms.local.orders import Order, read_order
from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.errors import InvalidField, UnsafePath
from datacatalog.domain.identifiers.platforms import agave_kind
from tests.shared import shared

APP = {
    "id": "taco-0.1.0u1",
    "command": ["/bin/true"],
    "inputs": {"file1": {}, "more": {"required": False, "multiple": True}},
    "parameters": {
        "salsa": {"type": "bool", "required": True},
        "size": {"type": "number", "default": 1.5},
        "count": {"type": "integer", "required": False},
        "note": {"type": "string", "required": False},
    },
    "max_run_time": "02:00:00",
}
DEFINITION: dict[str, Any] = {
    "appId": "taco-0.1.0u1",
    "name": "TACObot job",
    "inputs": {"file1": "agave://data.tacc.cloud/examples/test1.txt"},
    "parameters": {"salsa": True},
}
AT = datetime(2018, 12, 8, 0, 8, 32, tzinfo=UTC)
SITE = Site(api_url="https://api.example.org", system="local", owner="tacobot")


def order(**changes: Any) -> Order:
    return read_order({**DEFINITION, **changes}, read_app(APP, None), "data-sd2e-community")


def accepted(**changes: Any) -> Accepted:
    definition = {**DEFINITION, **changes}
    return Accepted(id=job_id("k"), key="k", created=AT, definition=definition, order=order(**changes))


def steps(*statuses: str) -> list[Step]:
    return [
        Step(status=status, at=AT + timedelta(minutes=i), note="no more salsa" if status == "FAILED" else "")
        for i, status in enumerate(statuses)
    ]


# ----------------------------------------------------------------------------------------- definitions


def test_definition_as_documented_is_accepted() -> None:
    found = order()
    assert found.inputs["file1"] == (AgaveUri("data.tacc.cloud", "/examples/test1.txt"),)
    assert found.parameters == {"salsa": True, "size": 1.5}
    assert (found.archive, found.max_run_time) == (None, timedelta(hours=2))


def test_plain_absolute_input_lies_on_the_default_system() -> None:
    found = order(inputs={"file1": "/uploads//a.csv", "more": ["/b", "agave://other/c"]})
    assert found.inputs["file1"] == (AgaveUri("data-sd2e-community", "/uploads/a.csv"),)
    assert [str(uri) for uri in found.inputs["more"]] == ["agave://data-sd2e-community/b", "agave://other/c"]


def test_values_in_lists_of_one_are_what_they_hold() -> None:
    assert order(parameters={"salsa": [False], "count": [3]}).parameters == {
        "salsa": False,
        "size": 1.5,
        "count": 3,
    }


@pytest.mark.parametrize(
    ("changes", "place", "reason"),
    [
        ({"appId": "other-1.0"}, "appId", "is not taco"),
        ({"name": None}, "name", "wants a text"),
        ({"name": "two\nlines"}, "name", "printable"),
        ({"inputs": {}}, "inputs/file1", "is required"),
        ({"inputs": []}, "inputs/file1", "is required"),
        ({"inputs": ["x"]}, "inputs", "wants names and values"),
        ({"inputs": {"file1": "/a", "file2": "/b"}}, "inputs/file2", "is none of file1, more"),
        ({"inputs": {"file1": ["/a", "/b"]}}, "inputs/file1", "takes one"),
        ({"inputs": {"file1": "a.txt"}}, "inputs/file1", "is not agave://"),
        ({"inputs": {"file1": "https://example.org/a"}}, "inputs/file1", "is not agave://"),
        ({"inputs": {"file1": "agave://data/../etc"}}, "inputs/file1", "not allowed"),
        ({"inputs": {"file1": "/a/../../etc/passwd"}}, "inputs/file1", "not allowed"),
        ({"inputs": {"file1": "/"}}, "inputs/file1", "whole storage system"),
        ({"inputs": {"file1": 7}}, "inputs/file1", "wants agave://"),
        ({"inputs": {"file1": [None]}}, "inputs/file1", "null"),
        ({"parameters": {}}, "parameters/salsa", "is required"),
        ({"parameters": {"salsa": "true"}}, "parameters/salsa", "is not of type bool"),
        ({"parameters": {"salsa": True, "size": True}}, "parameters/size", "is not of type number"),
        ({"parameters": {"salsa": True, "size": float("nan")}}, "parameters/size", "is not of type number"),
        ({"parameters": {"salsa": True, "count": 1.0}}, "parameters/count", "is not of type integer"),
        ({"parameters": {"salsa": True, "note": "a\0b"}}, "parameters/note", "is not of type string"),
        ({"parameters": {"salsa": True, "note": "\ud800"}}, "parameters/note", "is not of type string"),
        ({"parameters": {"salsa": True, "pepper": 1}}, "parameters/pepper", "is none of"),
        ({"parameters": {"salsa": [True, False]}}, "parameters/salsa", "takes one value"),
        ({"maxRunTime": "1 hour"}, "maxRunTime", "HH:MM:SS"),
        ({"maxRunTime": "02:00:01"}, "maxRunTime", "longer than taco-0.1.0u1 may run"),
        ({"archive": "maybe"}, "archive", "true or false"),
        ({"archive": True}, "archivePath", "wants an absolute path"),
        ({"archivePath": "relative"}, "archive_path", "not an absolute path"),
        ({"archivePath": "/products/../../etc"}, "archive_path", "not allowed"),
        ({"archivePath": "/"}, "archive_path", "root"),
        ({"archivePath": "/a", "archiveSystem": 3}, "archivePath", "wants"),
        ({"notifications": [{}]}, "notifications/0/event", "wants a status"),
        ({"notifications": {"a": 1}}, "notifications", "wants a list"),
        ({"notifications": [{"url": "http://x/"}]}, "notifications/0/event", "wants a status"),
        ({"notifications": [{"event": "*", "url": "tacobot@example.org"}]}, "notifications/0/url", "http"),
        ({"notifications": [{"event": "*", "url": "file:///etc/passwd"}]}, "notifications/0/url", "http"),
        (
            {"notifications": [{"event": "*", "url": "http://x/", "persistent": 1}]},
            "notifications/0/persistent",
            "true or false",
        ),
    ],
)
def test_definition_that_does_not_fit_is_refused_by_its_place(
    changes: dict[str, Any], place: str, reason: str
) -> None:
    with pytest.raises(InvalidField, match=reason) as refused:
        order(**changes)
    assert refused.value.field == place


@given(path=st.lists(st.sampled_from(["a", "/", ".", "..", "\0", "\n", "%2e"]), max_size=12).map("".join))
def test_no_archive_path_that_is_accepted_leads_upwards(path: str) -> None:
    try:
        archive = order(archivePath=path).archive
    except (UnsafePath, InvalidField):
        return
    assert archive is None or not {"", ".", ".."} & set(archive.path.split("/")[1:])


# -------------------------------------------------------------------------------------------- URLs


def test_macros_are_filled_in_percent_encoded() -> None:
    url = (
        "http://x/m?a=1&status=${JOB_STATUS}&note=${JOB_ERROR}&id=${JOB_ID}&s=${STATUS}&e=${EVENT}&x=${OTHER}"
    )
    job = accepted(notifications=[{"event": "*", "url": url}])
    filled = callback_url(job, steps("PENDING", "FAILED"), job.order.notifications[0])
    assert filled == (
        f"http://x/m?a=1&status=FAILED&note=no%20more%20salsa&id={job.id}&s=FAILED&e=FAILED&x=${{OTHER}}"
    )


@given(name=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30))
def test_no_value_of_a_macro_can_add_to_a_url(name: str) -> None:
    job = accepted(name=name, notifications=[{"event": "*", "url": "http://x/m?name=${JOB_NAME}&end"}])
    filled = callback_url(job, steps("PENDING"), job.order.notifications[0])
    assert not set("&=#?/ ") & set(filled.removeprefix("http://x/m?name=").removesuffix("&end"))
    assert origin(filled) == Origin("http", "x", 80)


# ------------------------------------------------------------------------------------- who is told


def test_persistent_notification_is_sent_each_time_and_another_once() -> None:
    job = accepted(
        notifications=[
            {"event": "*", "url": "http://x/0", "persistent": True},
            {"event": "running", "url": "http://x/1", "persistent": "true"},
            {"event": "RUNNING", "url": "http://x/2"},
            {"event": "*", "url": "http://x/3", "persistent": False},
        ]
    )
    seen = steps("PENDING", "RUNNING", "RUNNING", "FINISHED")
    assert [due(job, seen[: n + 1]) for n in range(4)] == [[0, 3], [0, 1, 2], [0, 1], [0]]


# ---------------------------------------------------------------------------------------- documents


def test_job_id_has_the_form_of_agave_and_depends_on_the_key_alone() -> None:
    assert job_id("launch:1") == job_id("launch:1")
    assert job_id("launch:1") != job_id("launch:2")
    assert agave_kind(job_id("launch:1")) == "job"
    assert len(job_id("launch:1").partition("-")[0]) == 19


def test_callback_says_everything_that_agave_says() -> None:
    theirs = json.loads(
        shared("fixtures", "pipelinejobs", "pipelinejob", "tacobot-agave-run.json").read_text()
    )
    job = accepted(archivePath="/products/v2/x", archiveSystem="data-sd2e-community")
    ours = job_document(job, steps("PENDING", "RUNNING", "CLEANING_UP", "FINISHED"), SITE)
    assert set(theirs) <= set(ours)
    assert {type(value) for value in ours["inputs"].values()} == {list}
    assert {type(value) for value in ours["parameters"].values()} == {list}
    assert ours["_links"]["self"]["href"] == f"https://api.example.org/jobs/v2/{job.id}"


def test_times_are_those_of_the_last_attempt() -> None:
    seen = steps("PENDING", "RUNNING", "STAGING_INPUTS", "RUNNING", "CLEANING_UP", "ARCHIVING", "FINISHED")
    document = job_document(accepted(), seen, SITE)
    assert document["created"] == "2018-12-08T00:08:32.000+00:00"
    assert document["startTime"] == "2018-12-08T00:11:32.000+00:00"
    assert document["endTime"] == "2018-12-08T00:12:32.000+00:00"
    assert document["lastUpdated"] == "2018-12-08T00:14:32.000+00:00"
    before = job_document(accepted(), seen[:2], SITE)
    assert (before["endTime"], job_document(accepted(), seen[:1], SITE)["startTime"]) == (None, None)


@given(name=st.text(max_size=200))
def test_file_name_of_a_job_is_one_harmless_name(name: str) -> None:
    found = file_name(name)
    assert 0 < len(found) <= 100
    assert "/" not in found
    assert not found.startswith((".", "-"))
