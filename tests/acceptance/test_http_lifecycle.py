"""The whole lifecycle over HTTP: what is allowed moves the job, what is not writes nothing."""

from __future__ import annotations

import csv
import json

import pytest

from datacatalog.domain.jobs.lifecycle import MOVES, Event, State
from tests.acceptance.site import Site
from tests.shared import shared

ALL = [(state, event) for state in State for event in Event]


def expected(state: State, event: Event) -> tuple[int, str]:
    """Return status and state after an event by an administrator."""
    sources, target = MOVES[event]
    if event is Event.CREATE:
        return 403, state
    if state not in sources:
        return 409, state
    return 202 if event is Event.INDEX else 200, target or state


@pytest.mark.parametrize(("state", "event"), ALL)
def test_event_does_what_the_table_says_or_nothing(site: Site, state: State, event: Event):
    job = site.job(state)
    http, follows = expected(state, event)
    before, history = site.dump(), site.history(job)
    token = site.admin() if event in (Event.RESET, Event.READY, Event.CREATE) else None
    answer = site.event(job, event, token=token, data={"k": [1]})
    assert answer.status_code == http
    assert site.state(job) == follows
    if http >= 400:
        assert answer.json()["status"] == "error"
        assert {k: v for k, v in site.dump().items() if k != "credentials"} == {
            k: v for k, v in before.items() if k != "credentials"
        }
    else:
        assert answer.json()["result"]["outcome"]["state"] == follows
        assert site.history(job) == [*history, event]


@pytest.mark.parametrize("event", ["reset", "ready"])
@pytest.mark.parametrize("state", State)
def test_update_token_opens_no_administrators_event(site: Site, state: State, event: str):
    job = site.job(state)
    before = site.dump()
    assert site.event(job, event).status_code == 403
    assert site.dump() == before


def test_matrix_as_published_holds_over_http(site: Site):
    text = shared("fixtures", "pipelinejobs", "derived", "fsm_matrix_latest.csv").read_text()
    for row in csv.DictReader(text.splitlines()):
        state = State(row.pop("state"))
        for name, target in row.items():
            assert expected(state, Event(name)) == (
                (403, state) if name == "create" else
                (409, state) if not target else
                (202 if name == "index" else 200, target)
            )  # fmt: skip


def test_sequences_as_published_hold_over_http(site: Site):
    path = shared("fixtures", "pipelinejobs", "derived", "event_sequences.json")
    for sequence in json.loads(path.read_text()):
        job, state = site.job(), "CREATED"
        for name, follows in sequence["events"][1:]:
            answer = site.event(job, name, token=site.admin() if name in ("reset", "ready") else None)
            state = follows or state
            assert answer.status_code == (409 if follows is None else 202 if name == "index" else 200)
            assert site.state(job) == state, sequence["name"]
        assert site.history(job)[0] == "create"


def test_answer_tells_state_execution_and_token(site: Site):
    job = site.job()
    answer = site.event(job, "run", data={"k": 1}).json()
    assert answer["status"] == "success"
    assert answer["result"]["outcome"] == {
        "uuid": job.job.uuid,
        "state": "RUNNING",
        "last_event": "run",
        "token": job.token,
    }
    assert answer["result"]["log"] == ["Job state is now: 'RUNNING'"]
    links = answer["result"]["_links"]
    assert links["self"].endswith(f"/executions/{answer['result']['executionId']}")
    entry = site.catalog.history(job.job.uuid)[-1]
    assert (entry["name"], entry["data"], entry["state"]) == ("run", {"k": 1}, "RUNNING")


def test_token_stays_good_for_as_long_as_the_job_lives(site: Site):
    job = site.job()
    for _ in range(20):
        answer = site.event(job, "run")
        assert answer.status_code == 200
        assert answer.json()["result"]["outcome"]["token"] == job.token


def test_finished_job_is_indexed_in_time_and_only_once(site: Site):
    job = site.job(State.RUNNING)
    assert site.event(job, "finish").status_code == 200
    assert site.event(job, "finish").status_code == 200
    assert site.state(job) == "FINISHED"
    site.catalog.work()
    assert site.state(job) == "FINISHED"
    assert site.history(job) == ["create", "run", "finish", "finish", "index", "indexed"]


def test_index_is_taken_at_once_and_done_by_a_worker(site: Site):
    job = site.job(State.FINISHED)
    site.catalog.work()
    known = len(site.history(job))
    answer = site.event(job, "index", data={"filters": ["x"], "level": "2"})
    assert answer.status_code == 202
    assert site.state(job) == "INDEXING"
    site.catalog.work()
    assert site.state(job) == "FINISHED"
    assert site.history(job)[known:] == ["index", "indexed"]


def test_failed_job_can_be_reset_made_ready_and_run_again(site: Site):
    job = site.job(State.FAILED)
    for name in ("reset", "ready"):
        assert site.event(job, name, token=site.admin()).status_code == 200
    assert site.event(job, "run").status_code == 200
    assert site.history(job) == ["create", "fail", "reset", "ready", "run"]


def test_event_replayed_after_the_job_moved_on_is_refused(site: Site):
    job = site.job()
    site.event(job, "run")
    site.event(job, "finish")
    before = site.dump()
    assert site.event(job, "run").status_code == 409
    assert site.dump() == before
