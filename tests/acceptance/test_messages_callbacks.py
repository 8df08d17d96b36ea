"""Callbacks of platforms are facts: always taken once authenticated, acted on where they are not too late."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.services import dispatch
from datacatalog.services.jobs import Created
from datacatalog.services.reading import Request
from tests.acceptance.site import Site
from tests.shared import shared

BODY = {
    "id": "6874237679603805720-242ac11b-0001-007",
    "name": "a job of its own name",
    "owner": "cook",
    "appId": "taco-1.0.0",
    "executionSystem": "hpc",
    "archivePath": "/products/v2/taco",
    "archiveSystem": "data-sd2e-community",
    "retries": 0,
    "localId": "1264",
    "inputs": {"file1": ["agave://data/x"]},
    "parameters": {},
    "_links": {"self": {"href": "https://api.example.org/jobs/v2/1"}},
}


def call(site: Site, job: Created, body: Any = None, **query: str) -> dict[str, Any]:
    """Post a callback with the job's token, as a platform does; it must be taken."""
    content = json.dumps(body) if isinstance(body, dict) else body
    answer = site.send(
        "jobs-manager",
        content,
        headers={"Content-Type": "application/json"},
        uuid=job.job.uuid,
        token=job.token,
        session="casual-bass",
        **query,
    )
    assert answer.status_code == 200, answer.text
    outcome: dict[str, Any] = answer.json()["result"]["outcome"]
    return outcome


def says(site: Site, job: Created, *statuses: str) -> None:
    for status in statuses:
        call(site, job, {**BODY, "status": status})


IDEAL = [
    "PENDING",
    "PROCESSING_INPUTS",
    "STAGING_INPUTS",
    "STAGED",
    "STAGING_JOB",
    "SUBMITTING",
    "QUEUED",
    "RUNNING",
    "CLEANING_UP",
    "ARCHIVING",
    "ARCHIVING_FINISHED",
    "FINISHED",
]
ORDERS: dict[str, tuple[list[str], str, list[str]]] = {
    "all that there are": (
        IDEAL,
        "FINISHED",
        ["resource"] * 7 + ["run"] + ["resource"] * 3 + ["finish"],
    ),
    "the usual two": (["RUNNING", "FINISHED"], "FINISHED", ["run", "finish"]),
    "run and failure": (["RUNNING", "FAILED"], "FAILED", ["run", "fail"]),
    "failure at once": (["FAILED"], "FAILED", ["fail"]),
    "finish without run": (["FINISHED"], "FINISHED", ["run(implied)", "finish"]),
    "run after finish": (["FINISHED", "RUNNING"], "FINISHED", ["run(implied)", "finish", "run(noted)"]),
    "everything twice": (
        ["RUNNING", "RUNNING", "FINISHED", "FINISHED"],
        "FINISHED",
        ["run", "run", "finish", "finish"],
    ),
    "inputs one by one": (
        ["STAGING_INPUTS"] * 3 + ["RUNNING"],
        "RUNNING",
        ["resource"] * 3 + ["run"],
    ),
    "back to staging and a second run": (
        ["RUNNING", "STAGED", "PENDING", "RUNNING", "FINISHED"],
        "FINISHED",
        ["run", "resource", "resource", "run", "finish"],
    ),
    "archiving failed, finished": (
        ["RUNNING", "ARCHIVING_FAILED", "FINISHED"],
        "FINISHED",
        ["run", "update", "finish"],
    ),
    "archiving failed, failed": (["RUNNING", "ARCHIVING_FAILED", "FAILED"], "FAILED", ["run", "update", "fail"]),
    "killed": (["RUNNING", "KILLED"], "FAILED", ["run", "fail"]),
    "stopped": (["STOPPED"], "FAILED", ["fail"]),
    "deleted": (["RUNNING", "DELETED"], "FAILED", ["run", "fail"]),
    "killed, then late news": (
        ["KILLED", "RUNNING", "CLEANING_UP", "FINISHED"],
        "FAILED",
        ["fail", "run(noted)", "resource(noted)", "finish(noted)"],
    ),
    "finished, then failed": (["RUNNING", "FINISHED", "FAILED"], "FINISHED", ["run", "finish", "fail(noted)"]),
    "paused and back": (["RUNNING", "PAUSED", "RUNNING"], "RUNNING", ["run", "resource", "run"]),
    "heartbeats": (
        ["HEARTBEAT", "RUNNING", "HEARTBEAT", "FINISHED", "HEARTBEAT"],
        "FINISHED",
        ["update", "run", "update", "finish", "update(noted)"],
    ),
    "permissions after the end": (
        ["FINISHED", "PERMISSION_GRANT", "UPDATED", "RESTORED", "DELETED"],
        "FINISHED",
        ["run(implied)", "finish", "resource(noted)", "update(noted)", "update(noted)", "fail(noted)"],
    ),
    "outside the map": (
        ["ACCEPTED", "BLOCKED", "EMPTY_STATUS_RESPONSE", "RUNNING", "UNKNOWN_TERMINATION"],
        "RUNNING",
        ["update", "update", "update", "run", "update"],
    ),
    "lower case": (["running", "finished"], "FINISHED", ["run", "finish"]),
    "empty and unfilled": (["", "${JOB_STATUS}", " "], "CREATED", ["update"] * 3),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_callbacks_in_an_order_that_happens_end_where_they_should(site: Site, name: str):
    statuses, end, history = ORDERS[name]
    job = site.job()
    says(site, job, *statuses)
    assert site.state(job) == end
    assert site.history(job) == ["create", *history]


@pytest.mark.parametrize("name", ["all that there are", "archiving failed, finished", "finish without run"])
def test_callbacks_of_the_url_alone_do_the_same(site: Site, name: str):
    statuses, end, history = ORDERS[name]
    job = site.job()
    for status in statuses:
        call(site, job, " ", status=status, note="")
    assert site.state(job) == end
    assert site.history(job) == ["create", *history]


def test_any_order_with_repeats_ends_in_the_first_end_that_came(site: Site):
    draw = random.Random(20190208)
    ends = {"FINISHED": "FINISHED", "FAILED": "FAILED", "KILLED": "FAILED"}
    for _ in range(40):
        statuses = draw.choices([*IDEAL, *ends, "HEARTBEAT", "STAGED"], k=8)
        job = site.job()
        says(site, job, *statuses)
        first = next((ends[s] for s in statuses if s in ends), None)
        started = "RUNNING" in itertools.takewhile(lambda s: s not in ends, statuses)
        assert site.state(job) == (first or ("RUNNING" if started else "CREATED")), statuses
        names = site.history(job)
        assert len([n for n in names if "implied" not in n]) == 1 + len(statuses)


class CountingStore:
    """A store that counts its commits."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.commits = 0

    def transact(self, body: Callable[[Any], Any]) -> Any:
        self.commits += 1
        return self._store.transact(body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


# ---------------------------------------------------------------------------------------------- Tapis


def notification(status: str, n: int = 1, category: str = "JOB_NEW_STATUS") -> dict[str, Any]:
    """Return what Tapis posts; `n` tells one notification from another."""
    told = {"newJobStatus": status, "oldJobStatus": None, "jobName": "leaf-job", "message": f"now {status}"}
    return {
        "uuid": f"30d70395-d5e9-43a4-ae90-{n:012d}",
        "tenant": "green",
        "subscriptionName": "leaf-job-news",
        "eventUuid": f"50cfb971-c4b3-4d33-89c3-{n:012d}",
        "event": {
            "source": "https://tapis.example.org/jobs",
            "type": f"jobs.{category}.{status}",
            "subject": "ef9004c3-09d5-41d5-acd3-be7c9fd3daf6-007",
            "data": json.dumps(told),
            "timestamp": "2019-02-08T12:00:00.123456789Z",
            "seriesSeqCount": n,
        },
        "deliveryTarget": {
            "deliveryMethod": "WEBHOOK",
            "deliveryAddress": "https://catalog.example.org/actors/v2/jobs-manager/messages?token=not-for-readers",
        },
    }


TAPIS_ORDERS: dict[str, tuple[list[str], str, list[str]]] = {
    "all that there are": (
        ["PENDING", "PROCESSING_INPUTS", "STAGING_INPUTS", "STAGING_JOB", "SUBMITTING_JOB", "QUEUED", "RUNNING",
         "ARCHIVING", "FINISHED"],
        "FINISHED",
        ["resource"] * 6 + ["run", "resource", "finish"],
    ),
    "cancelled": (["RUNNING", "CANCELLED"], "FAILED", ["run", "fail"]),
    "blocked and paused": (["BLOCKED", "RUNNING", "PAUSED", "RUNNING"], "RUNNING",
                           ["resource", "run", "resource", "run"]),
    "finish without run, then late news": (["FINISHED", "RUNNING", "FAILED"], "FINISHED",
                                           ["run(implied)", "finish", "run(noted)", "fail(noted)"]),
    "words of Agave are none of Tapis": (["RUNNING", "STOPPED", "KILLED"], "RUNNING", ["run", "update", "update"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TAPIS_ORDERS)
def test_notifications_of_tapis_end_where_they_should(site: Site, name: str):
    statuses, end, history = TAPIS_ORDERS[name]
    job = site.job()
    for n, status in enumerate(statuses):
        call(site, job, notification(status, n), status="${JOB_STATUS}")
    assert site.state(job) == end
    assert site.history(job) == ["create", *history]


def test_notification_of_tapis_that_comes_again_is_answered_alike_and_adds_nothing(site: Site):
    job = site.job()
    first = call(site, job, notification("FINISHED"))
    before = site.history(job)
    assert call(site, job, notification("FINISHED")) == first
    assert site.history(job) == before
    call(site, job, notification("FINISHED", 2))
    assert site.history(job) == [*before, "finish"]


def test_no_history_tells_the_address_that_tapis_was_given(site: Site):
    job = site.job()
    call(site, job, notification("RUNNING"))
    kept = site.catalog.history(job.job.uuid)[-1]["data"]
    assert kept["event"]["data"]["message"] == "now RUNNING"
    assert "not-for-readers" not in repr(kept)


@pytest.mark.parametrize("category", ["JOB_ERROR_MESSAGE", "JOB_USER_EVENT", "JOB_SUBSCRIPTION"])
def test_notification_of_tapis_about_something_else_ends_no_job(site: Site, category: str):
    job = site.job(State.RUNNING)
    assert call(site, job, notification("FAILED", category=category))["state"] == "RUNNING"
    assert site.history(job)[-1] == "update"


# --------------------------------------------------------------------------------------------- what is kept


def test_implied_run_and_finish_are_one_commit(site: Site):
    job = site.job()
    store = CountingStore(site.app.env.store)
    env = replace(site.app.env, store=store)  # type: ignore[arg-type]
    request = Request(
        actor="jobs-manager",
        body=json.dumps({**BODY, "status": "FINISHED"}).encode(),
        context={"uuid": job.job.uuid, "token": job.token},
    )
    message = dispatch.actor("jobs-manager").read(request, env.schemas)
    env.store.transact(lambda work: dispatch.handle(message, work, env))
    assert store.commits == 1
    assert site.history(job) == ["create", "run(implied)", "finish"]
    entries = site.catalog.history(job.job.uuid)
    assert [(e["state"], e.get("implied", False)) for e in entries[1:]] == [
        ("RUNNING", True),
        ("FINISHED", False),
    ]


def test_published_callback_body_is_taken_and_kept_without_its_noise(site: Site):
    body = json.loads(shared("fixtures", "pipelinejobs", "pipelinejob", "tacobot-agave-run.json").read_text())
    job = site.job(State.RUNNING)
    outcome = call(site, job, body, status="${JOB_STATUS}")
    assert (outcome["state"], outcome["recorded"]) == ("FINISHED", "moved")
    kept = site.catalog.history(job.job.uuid)[-1]["data"]
    assert kept == {k: v for k, v in body.items() if k not in ("_links", "retries", "localId")}


@pytest.mark.parametrize("status", ["QUEUED", "RUNNING", "ARCHIVING", "FINISHED", "FAILED", "HEARTBEAT"])
def test_body_is_kept_for_every_status(site: Site, status: str):
    job = site.job(State.RUNNING)
    call(site, job, {**BODY, "status": status}, note="said in the URL")
    kept = site.catalog.history(job.job.uuid)[-1]["data"]
    assert kept["id"] == BODY["id"]
    assert (kept["status"], kept["note"]) == (status, "said in the URL")
    assert not {"_links", "retries", "localId"} & kept.keys()


@pytest.mark.parametrize(
    ("body", "url", "state", "kept"),
    [
        ("RUNNING", "FINISHED", "FINISHED", {"url_status": "FINISHED", "flag": "statuses-differ"}),
        ("FINISHED", "RUNNING", "FINISHED", {"url_status": "RUNNING", "flag": "statuses-differ"}),
        ("FAILED", "FINISHED", "FAILED", {"url_status": "FINISHED", "flag": "statuses-differ"}),
        ("ARCHIVING_FAILED", "ARCHIVING_FAILED", "RUNNING", {"flag": "archiving-failed"}),
        ("", "FINISHED", "FINISHED", {}),
        ("${JOB_STATUS}", "finished", "FINISHED", {}),
        ("RUNNING", "${JOB_STATUS}", "RUNNING", {}),
    ],
)
def test_statuses_of_body_and_url_are_both_kept_and_the_more_final_acts(
    site: Site, body: str, url: str, state: str, kept: dict[str, str]
):
    job = site.job(State.RUNNING)
    assert call(site, job, {**BODY, "status": body}, status=url)["state"] == state
    data = site.catalog.history(job.job.uuid)[-1]["data"]
    assert {k: data[k] for k in ("url_status", "flag") if k in data} == kept
    assert data["status"] == body


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("status", ["RUNNING", "FINISHED", "FAILED", "UPDATED", "QUEUED"])
def test_callback_in_any_state_is_taken_and_never_lost(site: Site, state: State, status: str):
    job = site.job(state)
    known = len(site.history(job))
    outcome = call(site, job, {**BODY, "status": status})
    assert outcome["state"] == site.state(job)
    added = site.catalog.history(job.job.uuid)[known:]
    assert [e for e in added if not e.get("implied")][-1]["data"]["status"] == status
    if state not in (State.CREATED, State.RUNNING):
        assert site.state(job) == state
    if outcome["recorded"] == "noted":
        assert added[0]["noted"] is True
        assert site.state(job) == state


def test_words_of_the_user_are_kept_with_their_event(site: Site):
    job = site.job(State.RUNNING)
    said = {"step": 3, "of": [1, 2], "text": "x" * 5120}
    call(site, job, said, status="MY_STEP_DONE")
    entry = site.catalog.history(job.job.uuid)[-1]
    assert (entry["name"], entry["data"]) == ("update", {**said, "status": "MY_STEP_DONE"})


def test_callback_moves_a_job_on_to_its_indexing_once(site: Site):
    job = site.job()
    says(site, job, "RUNNING", "FINISHED", "FINISHED")
    site.catalog.work()
    says(site, job, "FINISHED", "DELETED")
    site.catalog.work()
    assert site.history(job) == [
        "create", "run", "finish", "finish", "index", "indexed", "finish", "fail(noted)",
    ]  # fmt: skip
    assert site.state(job) == "FINISHED"


@pytest.mark.parametrize("token", ["", "x" * 17])
def test_callback_without_the_right_token_is_refused_and_writes_nothing(site: Site, token: str):
    job = site.job()
    before = site.dump()
    answer = site.send(
        "jobs-manager", {**BODY, "status": "FINISHED"}, uuid=job.job.uuid, token=token, status="FINISHED"
    )
    assert answer.status_code == 403
    assert site.dump() == before
