"""A request that carries an id of its own has one effect, however often it comes."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from datacatalog.bootstrap import build_app
from datacatalog.domain.jobs.lifecycle import State
from datacatalog.services.access import make_admin_token
from datacatalog.services.nonces import create_nonce
from datacatalog.services.records import revoke_token
from tests.acceptance.site import Site, opened
from tests.harness import Catalog

HEADERS = ("Idempotency-Key", "X-Agave-Delivery")


def said(answer: httpx.Response) -> dict[str, Any]:
    """Return what an answer says, but for the mark that it is a repeat and the log, which is not repeated."""
    assert answer.status_code in (200, 201, 202), answer.text
    result = dict(answer.json()["result"])
    result.pop("repeated", None)
    result.pop("log")
    return result


@pytest.mark.parametrize("header", HEADERS)
def test_same_id_again_gets_the_same_answer_and_has_no_second_effect(site: Site, header: str):
    job = site.job()
    body = {"uuid": job.job.uuid, "name": "update", "token": job.token}
    first = site.send("jobs-manager", body, headers={header: "one"})
    before = site.dump()
    for _ in range(3):
        again = site.send("jobs-manager", body, headers={header: "one"})
        assert said(again) == said(first)
        assert again.status_code == first.status_code
        assert again.json()["result"]["repeated"] is True
    assert site.dump() == before
    assert site.history(job) == ["create", "update"]
    assert site.send("jobs-manager", body, headers={header: "two"}).json()["result"].get("repeated") is None
    assert site.history(job) == ["create", "update", "update"]


def test_the_answer_stays_the_same_when_the_job_has_moved_on(site: Site):
    job = site.job()
    headers = {HEADERS[0]: f"run of {job.job.uuid}"}
    run = {"uuid": job.job.uuid, "name": "run", "token": job.token}
    first = site.send("jobs-manager", run, headers=headers)
    site.event(job, "finish")
    assert said(site.send("jobs-manager", run, headers=headers)) == said(first)
    assert site.history(job) == ["create", "run", "finish"]


@pytest.mark.parametrize(
    "change", [{"body": {"data": {"n": 1}}}, {"query": {"note": "other"}}, {"body": {"name": "fail"}}]
)
def test_same_id_for_another_message_is_refused(site: Site, change: dict[str, Any]):
    job = site.job()
    headers = {HEADERS[0]: f"change of {job.job.uuid}"}
    body = {"uuid": job.job.uuid, "name": "update", "token": job.token}
    site.send("jobs-manager", body, headers=headers)
    before = site.dump()
    other = site.send(
        "jobs-manager", {**body, **change.get("body", {})}, headers=headers, **change.get("query", {})
    )
    assert (other.status_code, other.json()["result"]["code"]) == (409, "already-exists")
    assert site.dump() == before


def test_refused_request_is_not_remembered(site: Site):
    job = site.job()
    headers = {HEADERS[0]: f"finish of {job.job.uuid}"}
    body = {"uuid": job.job.uuid, "name": "finish", "token": job.token}
    assert site.send("jobs-manager", body, headers=headers).status_code == 409
    site.event(job, "run")
    assert site.send("jobs-manager", body, headers=headers).status_code == 200


@pytest.mark.parametrize("differs", ["principal", "actor", "header"])
def test_ids_are_told_apart_by_who_sends_them_to_whom_and_how(site: Site, differs: str):
    job = site.job(State.FINISHED)
    body = {"uuid": job.job.uuid, "name": "indexed", "token": job.token}
    key = f"apart by {differs}"
    other = create_nonce(site.app.env, actor="*", owner="somebody else")
    site.send("jobs-manager", body, headers={HEADERS[0]: key})
    again = site.send(
        "jobs-indexer" if differs == "actor" else "jobs-manager",
        body,
        headers={HEADERS[differs == "header"]: key},
        nonce=other if differs == "principal" else "",
    )
    assert again.json()["result"].get("repeated") is None
    assert site.history(job)[-2:] == ["indexed", "indexed"]


def test_two_nonces_of_one_owner_are_the_same_sender(site: Site):
    job = site.job()
    body = {"uuid": job.job.uuid, "name": "update", "token": job.token}
    headers = {HEADERS[0]: f"of one owner {job.job.uuid}"}
    site.send("jobs-manager", body, headers=headers)
    other = create_nonce(site.app.env, actor="*", owner="tests")
    assert site.send("jobs-manager", body, headers=headers, nonce=other).json()["result"]["repeated"] is True


@pytest.mark.parametrize("header", HEADERS)
def test_same_request_from_eight_threads_at_once_has_one_effect(site: Site, header: str):
    job = site.job()
    body = {"uuid": job.job.uuid, "name": "update", "token": job.token}
    headers = {header: f"at once {job.job.uuid}"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: site.send("jobs-manager", body, headers=headers), range(16)))
    assert len({json.dumps(said(a), sort_keys=True) for a in answers}) == 1
    assert Counter("repeated" in a.json()["result"] for a in answers) == {False: 1, True: 15}
    assert site.history(job) == ["create", "update"]


def test_answer_is_still_known_when_the_store_was_opened_anew(new_site):
    site = new_site()
    job = site.job()
    body = {"uuid": job.job.uuid, "name": "run", "token": job.token}
    headers = {HEADERS[1]: "before"}
    first = site.send("jobs-manager", body, headers=headers)
    reopened = opened(
        Catalog(home=site.catalog.home, app=build_app(site.app.settings), nonce=site.catalog.nonce)
    )
    again = reopened.send("jobs-manager", body, headers=headers)
    assert said(again) == said(first)
    assert again.json()["result"]["repeated"] is True
    assert reopened.history(job) == ["create", "run"]
    reopened.catalog.app.close()


def test_pipeline_created_twice_by_one_request_shows_its_token_both_times(site: Site):
    document = {"id": "tests/twice", "name": "Twice", "components": [{"uri": "https://twice.example.org"}]}
    headers = {HEADERS[0]: "twice"}
    first = site.send("pipelines-manager", document, headers=headers)
    again = site.send("pipelines-manager", document, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert said(again) == said(first)
    token = first.json()["result"]["outcome"]["token"]
    assert token not in str(site.dump())


def test_repeat_of_an_old_message_does_not_tell_the_token_that_replaced_a_revoked_one(site: Site):
    job, env = site.job(), site.app.env
    headers = {HEADERS[0]: f"revoked {job.job.uuid}"}
    body = {"uuid": job.job.uuid, "name": "update", "token": job.token}
    assert said(site.send("jobs-manager", body, headers=headers))["outcome"]["token"] == job.token
    revoke_token(job.job.uuid, make_admin_token(env.keys.administrator, env), env)
    again = said(site.send("jobs-manager", body, headers=headers))
    assert "token" not in again["outcome"]


def test_launch_repeated_after_its_pipeline_was_retired_is_still_answered_as_before(site: Site):
    app = {"id": "tests/repeated-1", "inputs": {}, "parameters": {}}
    pipeline = site.catalog.pipeline(id=app["id"], components=[app])
    body, headers = {"job_definition": {"appId": app["id"]}}, {HEADERS[0]: "launch"}
    first = site.send("agave-proxy", body, headers=headers)
    retire = {"uuid": pipeline, "action": "retire", "token": site.admin()}
    assert site.send("pipelines-manager", retire).status_code == 200
    assert said(site.send("agave-proxy", body, headers=headers)) == said(first)


def test_repeat_of_the_last_use_of_a_nonce_is_answered_as_before(site: Site):
    job = site.job()
    nonce = create_nonce(site.app.env, actor="jobs-manager", owner="o", max_uses=1)
    body = {"uuid": job.job.uuid, "name": "run", "token": job.token}
    headers = {HEADERS[1]: "last use"}
    first = site.send("jobs-manager", body, headers=headers, nonce=nonce)
    again = site.send("jobs-manager", body, headers=headers, nonce=nonce)
    assert said(again) == said(first)
    other = site.send("jobs-manager", body, headers={HEADERS[1]: "one more"}, nonce=nonce)
    assert other.status_code == 401
    assert site.send("jobs-manager", body, nonce=nonce).status_code == 401
    assert site.history(job) == ["create", "run"]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("value", ["x" * 201, "é" * 201])
def test_id_that_is_too_long_is_refused(site: Site, header: str, value: str):
    job = site.job()
    body = {"uuid": job.job.uuid, "name": "run", "token": job.token}
    before = site.dump()
    answer = site.send("jobs-manager", body, headers={header: value.encode("latin-1")})  # type: ignore[dict-item]
    assert (answer.status_code, answer.json()["result"]["errors"][0]["path"]) == (400, header.lower())
    assert site.dump() == before


def test_without_an_id_the_same_message_twice_is_two_events(site: Site):
    job = site.job()
    assert site.event(job, "update").status_code == site.event(job, "update").status_code == 200
    assert site.history(job) == ["create", "update", "update"]


def test_repeats_are_forgotten_after_the_retention_and_not_before(site: Site):
    job = site.job()
    body = {"uuid": job.job.uuid, "name": "update", "token": job.token}
    headers = {HEADERS[0]: f"remembered {job.job.uuid}"}
    first = site.send("jobs-manager", body, headers=headers)
    now = site.clock.now()
    site.app.env.store.prune(before=now - timedelta(seconds=60))
    assert said(site.send("jobs-manager", body, headers=headers)) == said(first)
    site.app.env.store.prune(before=now + timedelta(seconds=1))
    assert site.send("jobs-manager", body, headers=headers).json()["result"].get("repeated") is None
