"""What a platform's statuses come down to."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from datacatalog.domain.jobs.callbacks import Fact, acts, fact_of
from datacatalog.domain.jobs.lifecycle import Event, State, successor
from datacatalog.domain.jobs.statuses import AGAVE, SLURM, TABLES, TAPIS
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import PlatformCallback
from tests.shared import shared
from tests.unit.memory import SCHEMAS

UUID = TypedUuid("107acb4d-1f93-553a-9e1c-b7b58125bc89")


def fact(body: dict[str, object] | None = None, url: str | None = None, note: str | None = None) -> Fact:
    return fact_of(PlatformCallback(uuid=UUID, body=body or {}, url_status=url, note=note), AGAVE)


def test_statuses_mean_what_was_published_but_for_the_four_that_were_wrong():
    path = shared("fixtures", "pipelinejobs", "derived", "agave_status_to_event.json")
    said = json.loads(path.read_text())
    assert said.pop("*any other*") == "update"
    mended = {"UPDATED": "update", "KILLED": "fail", "ARCHIVING_FAILED": "update"}
    assert {**said, **mended} == {status: event.value for status, event in AGAVE.events.items()}


TAPIS_STATUSES = {
    "PENDING", "PROCESSING_INPUTS", "STAGING_INPUTS", "STAGING_JOB", "SUBMITTING_JOB", "QUEUED", "RUNNING",
    "ARCHIVING", "FINISHED", "CANCELLED", "FAILED", "PAUSED", "BLOCKED",
}  # fmt: skip
"""The published enumeration of the jobs service (job_status_enum)."""

SLURM_STATES = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PENDING",
    "PREEMPTED", "RUNNING", "SUSPENDED", "TIMEOUT",
}  # fmt: skip
SLURM_FLAGS = {
    "COMPLETING", "CONFIGURING", "LAUNCH_FAILED", "POWER_UP_NODE", "RECONFIG_FAIL", "REQUEUED", "REQUEUE_FED",
    "REQUEUE_HOLD", "RESIZING", "RESV_DEL_HOLD", "REVOKED", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED",
    "UPDATE_DB",
}  # fmt: skip
"""The published page on job state codes: states, and flags that stand in their place."""


def test_every_published_status_of_tapis_and_slurm_means_something():
    assert TAPIS.events.keys() == TAPIS_STATUSES
    assert SLURM.events.keys() == SLURM_STATES | SLURM_FLAGS


def test_final_is_what_finishes_or_fails():
    final = {name: {s for s in table.events if table.final(s)} for name, table in TABLES.items()}
    agave = {"FINISHED", "FAILED", "STOPPED", "KILLED", "DELETED"}
    assert final["local"] == final["agave"] == agave
    assert final["tapis"] == {"FINISHED", "FAILED", "CANCELLED"}
    assert {s for s in SLURM.events if SLURM.final(s)} == {
        "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL", "LAUNCH_FAILED",
        "DEADLINE", "PREEMPTED", "REVOKED",
    }  # fmt: skip
    assert not AGAVE.final("a status of one's own")


@pytest.mark.parametrize("status", ["KILLED", "STOPPED", "DELETED", "FAILED"])
def test_what_ends_a_job_without_outputs_fails_it(status: str):
    assert fact({"status": status}).event is Event.FAIL


@pytest.mark.parametrize("status", ["finished", " Finished ", "FINISHED"])
def test_status_is_read_in_any_case(status: str):
    assert fact({"status": status}).event is fact(url=status).event is Event.FINISH


@pytest.mark.parametrize("status", ["ACCEPTED", "UNKNOWN_TERMINATION", "my own event", "", "${JOB_STATUS}"])
def test_unknown_and_unfilled_statuses_are_updates(status: str):
    assert fact({"status": status}).event is Event.UPDATE
    assert fact(url=status).event is Event.UPDATE


@pytest.mark.parametrize("body", [None, {}, {"status": ""}, {"status": "${JOB_STATUS}"}, {"status": 7}])
def test_status_in_the_url_counts_where_the_body_has_none(body):
    found = fact(body, url="FINISHED")
    assert found.status == "FINISHED"
    assert found.data["status"] == ("FINISHED" if not body else body["status"])


@pytest.mark.parametrize(
    ("body", "url", "acts"),
    [
        ("RUNNING", "FINISHED", "FINISHED"),
        ("FINISHED", "RUNNING", "FINISHED"),
        ("FAILED", "FINISHED", "FAILED"),
        ("RUNNING", "QUEUED", "RUNNING"),
    ],
)
def test_where_body_and_url_differ_both_are_kept_and_the_more_final_acts(body: str, url: str, acts: str):
    found = fact({"status": body}, url=url)
    assert found.status == acts
    assert found.data == {"status": body, "url_status": url, "flag": "statuses-differ"}


def test_failed_archiving_is_flagged_and_waits_for_what_decides():
    found = fact({"status": "ARCHIVING_FAILED"})
    assert found.event is Event.UPDATE
    assert found.data["flag"] == "archiving-failed"


def test_body_is_kept_without_what_is_noise():
    body = {"status": "RUNNING", "id": "1", "_links": {}, "retries": 3, "localId": "x", "note": "own"}
    assert fact(body, note="url's").data == {"status": "RUNNING", "id": "1", "note": "own"}


def test_note_of_the_url_is_kept_where_the_body_has_none():
    assert fact({"status": "RUNNING"}, note="why").data["note"] == "why"


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", sorted(set(AGAVE.events.values())))
def test_what_a_platform_says_moves_a_job_where_the_lifecycle_allows_but_fails_none_that_has_finished(
    event: Event, state: State
):
    over = event is Event.FAIL and state in (State.INDEXING, State.VALIDATING)
    assert acts(event, state) is (successor(state, event) is not None and not over)


@given(
    body=st.dictionaries(st.text(max_size=6), st.none() | st.text(max_size=6) | st.integers(), max_size=4),
    status=st.none() | st.text(max_size=8) | st.sampled_from(sorted(AGAVE.events)),
    url=st.none() | st.text(max_size=8) | st.sampled_from(sorted(AGAVE.events)),
)
def test_every_callback_comes_down_to_something(body, status, url):
    if status is not None:
        body["status"] = status
    found = fact(body, url=url)
    assert found.event in {Event.RUN, Event.FINISH, Event.FAIL, Event.UPDATE, Event.RESOURCE}
    assert {k: v for k, v in body.items() if k not in ("_links", "retries", "localId")}.items() <= (
        found.data.items()
    )


TOKEN_URL = "https://catalog.example.org/actors/v2/jobs-manager/messages?token=not-for-readers"


def tapis(type: str, data: object, url: str | None = None, note: str | None = None) -> Fact:
    body = {
        "uuid": "30d70395-d5e9-43a4-ae90-2306b6bb00d6",
        "event": {"type": type, "subject": "ef9004c3-09d5-41d5-acd3-be7c9fd3daf6-007", "data": data},
        "deliveryTarget": {"deliveryMethod": "WEBHOOK", "deliveryAddress": TOKEN_URL},
    }
    callback = PlatformCallback(uuid=UUID, body=body, url_status=url, note=note, platform="tapis")
    return fact_of(callback, TAPIS)


@pytest.mark.parametrize("status", sorted(TAPIS_STATUSES))
def test_notification_of_tapis_tells_the_new_status_in_its_type(status: str):
    found = tapis(f"jobs.JOB_NEW_STATUS.{status}", json.dumps({"newJobStatus": status, "oldJobStatus": "X"}))
    assert (found.status, found.event) == (status, TAPIS.events[status])
    assert found.data["status"] == status
    assert found.data["event"]["data"] == {"newJobStatus": status, "oldJobStatus": "X"}


@pytest.mark.parametrize("type", ["jobs.JOB_ERROR_MESSAGE.FAILED", "jobs.JOB_USER_EVENT.FINISHED", "a.b.c"])
def test_notification_of_tapis_about_anything_else_than_a_new_status_is_an_update(type: str):
    found = tapis(type, None)
    assert (found.event, found.data["status"]) == (Event.UPDATE, type)


def test_history_does_not_keep_the_url_that_tapis_repeats():
    found = tapis("jobs.JOB_NEW_STATUS.RUNNING", "{}", note="why")
    assert "deliveryTarget" not in found.data
    assert "not-for-readers" not in json.dumps(found.data)
    assert found.data["note"] == "why"


@pytest.mark.parametrize(
    "data", ["no JSON", "[1]", "{" * 40, '{"a":' * 40 + "1" + "}" * 40, None, {"a": 1}, 7]
)
def test_data_of_a_notification_of_tapis_that_is_no_object_in_text_is_kept_as_it_is(data: object):
    assert tapis("jobs.JOB_NEW_STATUS.RUNNING", data).data["event"]["data"] == data


def test_unfilled_macro_in_the_url_of_a_tapis_notification_says_nothing():
    found = tapis("jobs.JOB_NEW_STATUS.CANCELLED", None, url="${JOB_STATUS}")
    assert (found.status, found.event) == ("CANCELLED", Event.FAIL)
    assert "flag" not in found.data


WORDS = st.from_regex(r"[A-Za-z][A-Za-z0-9_~-]{0,8}", fullmatch=True) | st.sampled_from(
    [*sorted(TAPIS_STATUSES), "JOB_NEW_STATUS"]
)


@given(
    type=st.tuples(st.sampled_from(["jobs", "apps"]), WORDS, WORDS).map(".".join),
    data=st.none()
    | st.text(max_size=20)
    | st.dictionaries(st.text(max_size=4), st.integers(), max_size=2).map(json.dumps),
    more=st.dictionaries(st.text(max_size=6), st.none() | st.text(max_size=6) | st.integers(), max_size=3),
    url=st.none() | st.text(max_size=8) | st.sampled_from(sorted(TAPIS_STATUSES)),
)
def test_every_notification_of_tapis_that_fits_its_schema_comes_down_to_something(type, data, more, url):
    body = {**more, "uuid": "n", "event": {"source": "s", "type": type, "data": data}}
    assume(SCHEMAS.valid("tapis_job_callback", body))
    found = fact_of(PlatformCallback(uuid=UUID, body=body, url_status=url, platform="tapis"), TAPIS)
    assert found.event in set(TAPIS.events.values()) | {Event.UPDATE}
    assert found.data["event"]["type"] == type
    assert json.dumps(found.data)
