"""Messages that are taken in and handled by workers: promised with 202, and told of afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.records import revoke_token
from tests.acceptance.site import Site, changed, closed, opened
from tests.harness import install

QUEUED = {name: {"delivery": "queued"} for name in ACTORS}
CALLBACK = {
    "appId": "taco-1",
    "executionSystem": "hpc",
    "owner": "cook",
    "archivePath": None,
    "archiveSystem": None,
    "status": "FINISHED",
    "inputs": {},
    "parameters": {},
    "_links": {},
}


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = opened(install(tmp_path_factory.mktemp("queued"), actors=QUEUED))
    yield site
    closed(site)


def taken(answer: httpx.Response) -> str:
    """Return the execution of a message that was taken in."""
    assert answer.status_code == 202, answer.text
    return str(answer.json()["result"]["executionId"])


def execution(site: Site, id: str, actor: str = "jobs-manager") -> dict[str, Any]:
    answer = site.get(f"/actors/v2/{actor}/executions/{id}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()["result"]
    return found


def logs(site: Site, id: str, actor: str = "jobs-manager") -> str:
    return str(site.get(f"/actors/v2/{actor}/executions/{id}/logs").json()["result"]["logs"])


def test_message_is_promised_handled_and_told_of(site: Site):
    job = site.job()
    answer = site.event(job, "run", data={"k": 1})
    taken_as = taken(answer)
    assert answer.json()["result"]["outcome"] == {"queued": "JobEvent"}
    assert site.state(job) == "CREATED"
    promised = execution(site, taken_as)
    assert (promised["status"], promised["finishTime"]) == ("SUBMITTED", None)
    site.catalog.work()
    assert site.history(job) == ["create", "run"]
    done = execution(site, taken_as)
    assert (done["status"], done["httpStatus"]) == ("COMPLETE", 200)
    assert done["outcome"] == {"uuid": job.job.uuid, "state": "RUNNING", "last_event": "run"}
    assert done["finishTime"] >= done["receivedTime"] == promised["receivedTime"]
    assert logs(site, taken_as) == "Job state is now: 'RUNNING'"
    newest = site.get("/actors/v2/jobs-manager/executions", limit="1").json()["result"]
    assert [e["id"] for e in newest["executions"]] == [taken_as]


@pytest.mark.parametrize(
    ("name", "body", "query"),
    [
        ("jobs-manager", CALLBACK, {"status": "${JOB_STATUS}"}),
        ("jobs-manager", " ", {"status": "FINISHED"}),
        ("jobs-manager", '{"k": 1}', {"event": "run"}),
        ("jobs-indexer", '{"filters": ["x"]}', {"level": "2"}),
        ("jobs-indexer", "", {"name": "indexed"}),
    ],
)
def test_everything_that_can_be_sent_can_be_queued(site: Site, name: str, body: Any, query: dict[str, str]):
    job = site.job(State.FINISHED if name == "jobs-indexer" else State.CREATED)
    taken_as = taken(site.send(name, body, uuid=job.job.uuid, token=job.token, **query))
    site.catalog.work()
    assert execution(site, taken_as, name)["status"] == "COMPLETE"
    assert len(site.history(job)) >= 2


def test_pipelines_and_launches_can_be_queued(site: Site):
    app = {"id": "tests/queued-1", "inputs": {}, "parameters": {}}
    taken_as = taken(site.send("pipelines-manager", {"id": app["id"], "name": "Q", "components": [app]}))
    site.catalog.work()
    assert execution(site, taken_as, "pipelines-manager")["httpStatus"] == 201
    launch = {"job_definition": {"appId": app["id"]}}
    first, second = (taken(site.send("agave-proxy", launch)) for _ in range(2))
    site.catalog.work()
    done = [execution(site, one, "agave-proxy") for one in (first, second)]
    assert [(e["status"], e["httpStatus"]) for e in done] == [("COMPLETE", 202), ("ERROR", 409)]


def test_queued_launch_makes_nothing_before_its_turn_comes(site: Site):
    root = site.catalog.home / "storage"
    app = {"id": "tests/queued-2", "inputs": {}, "parameters": {}}
    pipeline = site.catalog.pipeline(id=app["id"], components=[app])
    before = set(root.rglob("*"))
    first = taken(site.send("agave-proxy", {"job_definition": {"appId": app["id"]}}))
    assert set(root.rglob("*")) == before
    retire = {"uuid": pipeline, "action": "retire", "token": site.admin()}
    taken(site.send("pipelines-manager", retire))
    site.catalog.work("pipelines-manager")
    site.catalog.work("agave-proxy")
    assert execution(site, first, "agave-proxy")["outcome"]["code"] == "not-in-service"
    assert set(root.rglob("*")) == before


@pytest.mark.parametrize(
    "body", [b"{", {"name": "run"}, {"uuid": "107", "name": "run"}, {"uuid": "", "name": "", "token": ""}]
)
def test_what_cannot_be_read_is_refused_at_the_door(site: Site, body: Any):
    before = site.dump()
    assert site.send("jobs-manager", body).status_code == 400
    assert site.dump() == before


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "illegal event": ({"name": "finish"}, 409, "illegal-transition"),
    "unknown job": ({"uuid": "107acb4d-1f93-553a-9e1c-b7b58125bc89"}, 404, "unknown-record"),
    "filters that are none": ({"name": "index", "data": {"filters": 7}}, 400, "invalid-message"),
}
NOT_LET_IN: dict[str, tuple[dict[str, Any], str]] = {
    "reserved event": ({"name": "create"}, "reserved-event"),
    "no token": ({"token": None}, "missing-token"),
    "wrong token": ({"token": "x" * 17}, "invalid-token"),
    "event of administrators": ({"name": "reset"}, "invalid-admin-token"),
    "trusted, it says": ({"token": None, "data": {"trusted": True}}, "missing-token"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_later_shows_as_error_becomes_a_dead_letter_and_changes_nothing(
    site: Site, name: str
):
    changes, http, code = REFUSED[name]
    job = site.job()
    body = {"uuid": job.job.uuid, "name": "run", "token": job.token, **changes}
    taken_as = taken(site.send("jobs-manager", {k: v for k, v in body.items() if v is not None}))
    before = site.dump()
    site.catalog.work()
    assert changed(before, site.dump()) == {"executions", "messages"}
    done = execution(site, taken_as)
    assert (done["status"], done["httpStatus"], done["outcome"]["code"]) == ("ERROR", http, code)
    assert logs(site, taken_as).startswith("Refused: ")
    (dead, *_) = site.app.env.transport.dead("jobs-manager")
    assert (dead.id, dead.reason.partition(":")[0]) == (taken_as, code)
    assert site.app.env.transport.depth().get("jobs-manager", 0) == 0


@pytest.mark.parametrize("name", NOT_LET_IN)
def test_message_without_its_documents_token_is_refused_at_the_door(site: Site, name: str):
    changes, code = NOT_LET_IN[name]
    job = site.job()
    body = {"uuid": job.job.uuid, "name": "run", "token": job.token, **changes}
    before = site.dump()
    answer = site.send("jobs-manager", {k: v for k, v in body.items() if v is not None})
    assert (answer.status_code, answer.json()["result"]["code"]) == (403, code)
    assert site.dump() == before


def test_message_that_looks_like_the_catalogs_own_is_not_trusted(site: Site):
    job = site.job()
    answer = site.send("jobs-manager", {"message": {"uuid": job.job.uuid, "name": "run"}})
    assert (answer.status_code, answer.json()["result"]["code"]) == (403, "missing-token")
    assert site.history(job) == ["create"]


def test_token_that_was_revoked_while_the_message_waited_opens_nothing(site: Site):
    job = site.job()
    taken_as = taken(site.event(job, "run"))
    revoke_token(job.job.uuid, site.admin(), site.app.env)
    site.catalog.work()
    assert execution(site, taken_as)["outcome"]["code"] == "invalid-token"
    assert site.history(job) == ["create"]


def test_queue_shows_no_secret_of_a_message_that_waits(site: Site):
    job = site.job()
    taken(site.event(job, "update", data={"callback": f"https://example.org/?token={job.token}"}))
    kept = str(site.dump()["messages"])
    assert job.token not in kept
    assert "example.org" not in kept
    site.catalog.work()
    assert site.history(job)[-1] == "update"


def test_token_that_expired_while_it_waited_opens_nothing(site: Site):
    job = site.job(State.FAILED)
    token = site.admin()
    taken_as = taken(site.event(job, "reset", token=token))
    site.clock.ahead += timedelta(seconds=30)
    site.catalog.app, kept = site.app, site.catalog.app
    try:
        site.catalog.work()
    finally:
        site.catalog.app = kept
    assert execution(site, taken_as)["outcome"]["code"] == "invalid-admin-token"
    assert site.state(job) == "FAILED"


def test_messages_of_one_job_are_handled_in_the_order_they_came(site: Site):
    job = site.job()
    for name in ("run", "update", "finish"):
        taken(site.event(job, name))
    site.catalog.work("jobs-manager")
    assert site.history(job) == ["create", "run", "update", "finish"]


def test_repeat_of_a_queued_request_is_queued_once(site: Site):
    job = site.job()
    body = {"uuid": job.job.uuid, "name": "update", "token": job.token}
    ids = {
        taken(site.send("jobs-manager", body, headers={"Idempotency-Key": f"q {job.job.uuid}"}))
        for _ in range(3)
    }
    assert len(ids) == 1
    site.catalog.work()
    assert site.history(job) == ["create", "update"]


def test_executions_can_be_read_page_by_page_and_only_of_their_actor(site: Site):
    job = site.job()
    ids = [taken(site.event(job, "update")) for _ in range(5)][::-1]
    site.catalog.work()
    base = "/actors/v2/jobs-manager/executions"
    first = [e["id"] for e in site.get(base, limit="3").json()["result"]["executions"]]
    rest = [e["id"] for e in site.get(base, limit="2", after=first[-1]).json()["result"]["executions"]]
    assert first + rest == ids
    for path in (f"/actors/v2/jobs-indexer/executions/{ids[0]}", f"{base}/none", f"{base}/none/logs"):
        assert (site.get(path).status_code, site.get(path).json()["result"]["code"]) == (
            404,
            "unknown-record",
        )


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "1e3", "٣", "", "9" * 5000])
def test_page_size_that_is_none_is_refused(site: Site, limit: str):
    assert site.get("/actors/v2/jobs-manager/executions", limit=limit).status_code == 400


# ------------------------------------------------------------------------------------- secrets


def test_no_secret_gets_into_executions_answers_to_others_or_the_log(site: Site, caplog):
    caplog.set_level("DEBUG")
    job, other = site.job(), site.job()
    secrets = {
        "token": job.token,
        "nonce": site.catalog.nonce,
        "administrative token": site.admin(),
        "administrator key": site.app.settings.secrets.administrator_key,
        "token key": site.app.settings.secrets.token_key,
        "bearer": site.app.bearer.make(
            "canary", level="EXECUTE", at=site.clock.now(), lifetime=timedelta(minutes=1)
        ),
    }
    header = {"Authorization": f"Bearer {secrets['bearer']}"}
    texts = []
    for body, query in (
        ({"uuid": job.job.uuid, "name": "run", "token": job.token}, {}),
        ({"uuid": job.job.uuid, "name": "finish", "token": job.token, "surprise": job.token}, {}),
        ({"uuid": other.job.uuid, "name": "run", "token": job.token}, {}),
        ({"uuid": job.job.uuid, "name": "reset", "token": secrets["administrative token"]}, {}),
        ("{", {"uuid": job.job.uuid, "event": "run", "token": job.token}),
        (json.dumps(CALLBACK), {"uuid": job.job.uuid, "token": job.token, "status": "FINISHED"}),
        ({"uuid": job.job.uuid, "name": "validate", "token": job.token}, {"token": "x" * 17}),
    ):
        for headers, nonce in ((header, None), ({}, "")):
            answer = site.send("jobs-manager", body, headers=headers, nonce=nonce, **query)
            texts.append(answer.text)
    site.catalog.work()
    texts += [
        site.get(f"/actors/v2/jobs-manager/{path}").text
        for path in (
            "executions",
            "nonces",
            *(f"executions/{e}{t}" for e in ids(site) for t in ("", "/logs")),
        )
    ]
    texts.append(str(site.dump()["executions"]) + str(site.dump()["history"]) + str(site.dump()["answers"]))
    ours = [
        record for record in caplog.records if not record.name.startswith("httpx")
    ]  # the tests' own client
    texts += [record.getMessage() + str(record.exc_text) for record in ours]
    texts += [dead.reason for dead in site.app.env.transport.dead()]
    assert [name for name, secret in secrets.items() if any(secret in text for text in texts)] == []


def ids(site: Site) -> list[str]:
    found = site.get("/actors/v2/jobs-manager/executions").json()["result"]["executions"]
    return [e["id"] for e in found]
