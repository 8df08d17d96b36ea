"""What a platform's statuses come down to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.jobs.callbacks import AGAVE, Fact, acts, fact_of
from datacatalog.domain.jobs.lifecycle import Event, State, successor
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import PlatformCallback
from tests.shared import shared

UUID = TypedUuid("107acb4d-1f93-553a-9e1c-b7b58125bc89")


def fact(body: dict[str, object] | None = None, url: str | None = None, note: str | None = None) -> Fact:
    return fact_of(PlatformCallback(uuid=UUID, body=body or {}, url_status=url, note=note))


def test_statuses_mean_what_was_published_but_for_the_four_that_were_wrong():
    path = shared("fixtures", "pipelinejobs", "derived", "agave_status_to_event.json")
    said = json.loads(path.read_text())
    assert said.pop("*any other*") == "update"
    mended = {"UPDATED": "update", "KILLED": "fail", "ARCHIVING_FAILED": "update"}
    assert {**said, **mended} == {status: event.value for status, event in AGAVE.items()}


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
@pytest.mark.parametrize("event", sorted(set(AGAVE.values())))
def test_what_a_platform_says_moves_a_job_where_the_lifecycle_allows_but_fails_none_that_has_finished(
    event: Event, state: State
):
    over = event is Event.FAIL and state in (State.INDEXING, State.VALIDATING)
    assert acts(event, state) is (successor(state, event) is not None and not over)


@given(
    body=st.dictionaries(st.text(max_size=6), st.none() | st.text(max_size=6) | st.integers(), max_size=4),
    status=st.none() | st.text(max_size=8) | st.sampled_from(sorted(AGAVE)),
    url=st.none() | st.text(max_size=8) | st.sampled_from(sorted(AGAVE)),
)
def test_every_callback_comes_down_to_something(body, status, url):
    if status is not None:
        body["status"] = status
    found = fact(body, url=url)
    assert found.event in {Event.RUN, Event.FINISH, Event.FAIL, Event.UPDATE, Event.RESOURCE}
    assert {k: v for k, v in body.items() if k not in ("_links", "retries", "localId")}.items() <= (
        found.data.items()
    )
