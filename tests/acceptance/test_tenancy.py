"""Two tenants in one catalog: each sees and changes its own, and what it was granted, on every way in."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.privileges import NEEDS, Shows
from datacatalog.interfaces.http.gateway import asgi
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.services import dispatch
from datacatalog.services.access import make_admin_token, token_of
from datacatalog.services.env import Principal
from datacatalog.services.granting import give_grant, revoke_grant
from datacatalog.services.nonces import create_nonce
from datacatalog.services.reading import Request as Message
from datacatalog.services.reception import Envelope, receive
from tests.acceptance.doors import DOORS, Door
from tests.acceptance.world import ELSEWHERE, HOME, Request, World, nonce, world
from tests.unit.memory import APP, SYSTEM

OWN_ONLY = {"execution", "nonce", "subscription", "direct"}
"""What is granted to nobody."""
DOCUMENTS = [door for door in DOORS if (door.of or door.state) and door.of not in OWN_ONLY and not door.makes]
CHANGES = [door for door in DOCUMENTS if door.writes and NEEDS[door.act].shows is not Shows.NOBODY]
READS = [door for door in DOCUMENTS if not door.writes]
LEAVES_ALONE = {("subscriptions", "create"), ("agave-proxy", "launch")}
"""What writes, and changes no record that is there: seeing one is enough."""


@pytest.fixture(scope="module")
def made() -> World:
    return world()


def token_for(door: Door, made: World) -> str | None:
    """Return what a request shows so that nothing but its tenant can be wrong with it."""
    shows = NEEDS[door.act].shows
    if shows is Shows.ADMIN_TOKEN:
        return make_admin_token("a" * 32, made.env)
    if shows is not Shows.UPDATE_TOKEN:
        return None
    uuid: Any = door.uuid(made)
    return token_of(made.env.store.read(lambda work: work.records.get(uuid)), made.env)


def ask(made: World, secret: str, *doors: Door) -> dict[str, tuple[int, Any]]:
    """Go through doors; what each does is taken back before the next one."""
    found = {}

    async def all_of_them() -> None:
        made.keep()
        for door in doors:
            request = door.request(made, token_for(door, made))
            shown = replace(request, query={**request.query, "x-nonce": secret})
            found[door.name] = await made.knock(shown)
            made.restore()

    asyncio.run(all_of_them())
    return found


def codes(found: Mapping[str, tuple[int, Any]]) -> set[Any]:
    return {(status, answer["result"]["code"]) if status >= 300 else 200 for status, answer in found.values()}


def test_grant_to_see_opens_reading_and_a_change_is_told_to_lack_leave(made: World):
    guest = nonce(made.env, tenant=ELSEWHERE, owner="grace")
    assert codes(ask(made, guest, *DOCUMENTS)) == {(404, "unknown-record")}
    grant = give_grant(HOME, ELSEWHERE, made.env, lifetime=timedelta(hours=1))
    assert codes(ask(made, guest, *READS)) == {200}
    for door in CHANGES:
        [(status, answer)] = ask(made, guest, door).values()
        if door.act in LEAVES_ALONE:
            assert status < 300, (door.name, answer)
        else:
            assert (status, answer["result"].get("code")) == (403, "not-granted"), (door.name, answer)
    made.here.clock.move(hours=1)
    assert codes(ask(made, guest, *DOCUMENTS)) == {(404, "unknown-record")}
    revoke_grant(grant.id, made.env)


def test_grant_to_change_opens_both_to_the_one_it_names_until_it_is_revoked(made: World):
    guest, other = (nonce(made.env, tenant=ELSEWHERE, owner=name) for name in ("grace", "linus"))
    grant = give_grant(HOME, f"{ELSEWHERE}/grace", made.env, level="UPDATE")
    assert codes(ask(made, guest, *READS, *CHANGES)) == {200}
    assert codes(ask(made, other, *DOCUMENTS)) == {(404, "unknown-record")}
    revoke_grant(grant.id, made.env)
    assert codes(ask(made, guest, *DOCUMENTS)) == {(404, "unknown-record")}


def test_executions_nonces_subscriptions_and_platform_jobs_are_granted_to_nobody(made: World):
    guest = nonce(made.env, tenant=ELSEWHERE)
    grant = give_grant(HOME, ELSEWHERE, made.env, level="UPDATE")
    doors = [door for door in DOORS if door.of in OWN_ONLY]
    assert {status for status, _ in ask(made, guest, *doors).values()} == {404}
    assert doors
    for path in ("/actors/v2/jobs-manager/executions", "/jobs/v2", "/catalog/v1/subscriptions"):
        _, answer = get(made, path, guest)
        listed = answer["result"]
        assert [] in (listed, *(listed.values() if isinstance(listed, dict) else ()))
    _, answer = get(made, "/actors/v2/jobs-manager/nonces", guest)
    assert answer["result"]
    assert {each["label"][: len(ELSEWHERE)] for each in answer["result"]} == {ELSEWHERE}
    revoke_grant(grant.id, made.env)


def get(made: World, path: str, secret: str, **query: str) -> tuple[int, Any]:
    return asyncio.run(made.knock(Request("GET", path, {"x-nonce": secret, **query})))


def post(made: World, path: str, secret: str, body: Any, **query: str) -> tuple[int, Any]:
    content = json.dumps(body).encode()
    return asyncio.run(made.knock(Request("POST", path, {"x-nonce": secret, **query}, content)))


def message(made: World, actor: str, secret: str, body: Any, **query: str) -> tuple[int, Any]:
    return post(made, f"/actors/v2/{actor}/messages", secret, body, **query)


# --------------------------------------------------------------------------------- a tenant's own work


@pytest.fixture
def guests() -> World:
    """A world in which the other tenant has a pipeline, and a sample with the job's own linkage."""
    made = world()
    made.called["guest"] = guest = nonce(made.env, tenant=ELSEWHERE, owner="grace")
    made.env.platform.known = (*made.env.platform.known, "guests/app")  # type: ignore[attr-defined]
    document = {"id": "guests/app", "name": "theirs", "components": [{"id": "theirs-1"}]}
    status, answer = message(made, "pipelines-manager", guest, document)
    assert status == 201, answer
    made.called["theirs"] = answer["result"]["outcome"]["uuid"]
    return made


def admin_of(made: World, uuid: str) -> dict[str, str]:
    found = made.env.store.read(lambda work: work.records.get(TypedUuid(uuid)))
    return dict(found.admin)


def work(made: World) -> None:
    worker = Worker(made.here.app)
    while worker.work_once((*dispatch.ACTORS, *made.here.app.tasks)):
        pass


def launch(made: World) -> str:
    """Launch a job of the other tenant; return its UUID once the platform has it."""
    definition = {"job_definition": {"appId": "guests/app", "parameters": {"n": 1}}}
    status, answer = message(made, "agave-proxy", made.called["guest"], definition)
    assert status == 202, answer
    work(made)
    return str(answer["result"]["outcome"]["uuid"])


def test_records_are_of_their_makers_tenant_and_so_is_all_that_long_work_makes_of_them(guests: World):
    guest = guests.called["guest"]
    job = launch(guests)
    theirs = {"owner": "grace", "project": "p", "tenant": ELSEWHERE}
    assert admin_of(guests, guests.called["theirs"]) == admin_of(guests, job) == theirs
    record = guests.env.store.read(lambda work: work.records.get(TypedUuid(job)))
    path, token = record.body["archive_path"], token_of(record, guests.env)
    guests.env.storage.put(SYSTEM, f"{path}/out.csv", io.BytesIO(b"a,b"))
    for name in ("run", "finish"):
        status, answer = message(guests, "jobs-manager", guest, {"uuid": job, "name": name, "token": token})
        assert status == 200, answer
    work(guests)
    status, answer = get(guests, f"/catalog/v1/jobs/{job}/files", guest)
    [file] = answer["result"]["files"]
    assert (status, file["name"]) == (200, f"{path}/out.csv")
    assert admin_of(guests, file["uuid"]) == admin_of(guests, file["fixity"]["uuid"]) == theirs
    at_home = nonce(guests.env)
    for kind, uuid in (("jobs", job), ("files", file["uuid"]), ("fixities", file["fixity"]["uuid"])):
        assert get(guests, f"/catalog/v1/{kind}/{uuid}", guest)[0] == 200
        assert get(guests, f"/catalog/v1/{kind}/{uuid}", at_home)[0] == 404
        assert uuid not in json.dumps(get(guests, f"/catalog/v1/{kind}", at_home)[1])
    assert get(guests, "/catalog/v1/lookup", at_home, ref=f"agave://{SYSTEM}{path}/out.csv")[0] == 404


def test_outputs_come_from_no_file_of_another_tenant_however_it_is_named(guests: World):
    guest = guests.called["guest"]
    kept = {"name": "/doors/kept.txt", "storage_system": SYSTEM, "type": "PLAIN"}
    status, answer = post(guests, "/catalog/v1/files", nonce(guests.env), kept)
    assert status == 201, answer
    hidden = answer["result"]["uuid"]
    job = launch(guests)
    record = guests.env.store.read(lambda work: work.records.get(TypedUuid(job)))
    said = {"uuid": job, "token": token_of(record, guests.env)}
    for name in ("run", "finish"):
        assert message(guests, "jobs-manager", guest, {**said, "name": name})[0] == 200
    work(guests)
    guests.env.storage.put(SYSTEM, f"{record.body['archive_path']}/out.csv", io.BytesIO(b"a,b"))
    filters = [{"patterns": ["out"], "derived_from": [hidden], "derived_using": []}]
    message(guests, "jobs-indexer", guest, {**said, "name": "index", "filters": filters})
    work(guests)
    assert guests.env.store.read(lambda work: work.links.to(TypedUuid(hidden))) == []
    _, answer = get(guests, f"/catalog/v1/jobs/{job}/history", guest)
    assert "unknown-record" in json.dumps(answer)


def test_callbacks_of_a_tenants_job_get_through_with_the_installations_nonce_and_the_jobs_token(
    guests: World,
):
    job = launch(guests)
    [submitted] = [
        each for each in guests.here.platform.submitted.values() if each.get("appId") == "guests/app"
    ]
    url = submitted["notifications"][0]["url"]
    query = dict(pair.split("=", 1) for pair in url.partition("?")[2].split("&"))
    query.pop("x-nonce")
    installation = create_nonce(guests.env, actor="jobs-manager", owner="platform")
    rules = guests.env.rules
    calling = replace(rules, callback_nonces={"jobs-manager": installation})
    here = replace(guests.here, app=replace(guests.here.app, env=replace(guests.env, rules=calling)))
    called = World(
        here=here,
        served=asgi(here.app),
    )
    said = {"uuid": job, "token": query["token"], "status": "RUNNING"}
    assert message(called, "jobs-manager", installation, {}, **said)[0] == 200
    assert state(guests, job) == "RUNNING"
    assert message(called, "jobs-manager", installation, {}, **{**said, "token": "x" * 17})[0] == 403
    assert (
        message(called, "jobs-manager", installation, {}, uuid=job, event="finish", token=query["token"])[0]
        == 200
    )
    assert state(guests, job) == "FINISHED"
    # Nothing else is within its reach: neither what administrators do, nor to see it.
    admin = make_admin_token("a" * 32, guests.env)
    assert (
        message(called, "jobs-manager", installation, {"uuid": job, "name": "reset", "token": admin})[0]
        == 404
    )
    # A nonce of one's own tenant, which is not that of callbacks, does not get through.
    assert message(called, "jobs-manager", nonce(guests.env), {}, **said)[0] == 404


def state(made: World, job: str) -> str:
    found = made.env.store.read(lambda work: work.records.get(TypedUuid(job)))
    return str(found.body["state"])


def test_queued_message_acts_for_its_senders_tenant_and_is_told_of_to_nobody_else(guests: World):
    for name in dispatch.ACTORS:
        guests.here.app.settings.config["actors"][name]["delivery"] = "queued"
    guest, at_home = guests.called["guest"], nonce(guests.env)
    document = {"id": "guests/later", "name": "later", "components": [{"id": "later-1"}]}
    status, answer = message(guests, "pipelines-manager", guest, document)
    taken = answer["result"]["executionId"]
    assert status == 202
    job = guests.jobs[State.FINISHED]
    status, refused = message(
        guests, "jobs-manager", guest, {"uuid": job.job.uuid, "name": "validate", "token": job.token}
    )
    assert status == 202
    work(guests)
    for actor, execution, done in (
        ("pipelines-manager", taken, "COMPLETE"),
        ("jobs-manager", refused["result"]["executionId"], "ERROR"),
    ):
        status, answer = get(guests, f"/actors/v2/{actor}/executions/{execution}", guest)
        assert (status, answer["result"]["status"]) == (200, done)
        assert get(guests, f"/actors/v2/{actor}/executions/{execution}", at_home)[0] == 404
    assert guests.here.state(job) == "FINISHED"
    found = guests.env.store.read(lambda w: w.records.identified("pipeline", "id", "guests/later"))  # type: ignore[arg-type]
    assert found is not None
    assert found.admin["tenant"] == ELSEWHERE


@pytest.mark.parametrize("queued", [False, True])
def test_operator_acts_on_whatever_there_is(guests: World, queued: bool):
    document = {"uuid": guests.called["theirs"], "action": "retire"}
    record = guests.env.store.read(lambda w: w.records.get(TypedUuid(guests.called["theirs"])))
    content = json.dumps({**document, "token": token_of(record, guests.env)}).encode()
    operator = Principal(name="root", via="process", operates=True)
    sent = Envelope(request=Message(actor="pipelines-manager", body=content), principal=operator)
    assert receive(sent, guests.env, queued=queued).http == (202 if queued else 200)
    work(guests)
    assert not guests.env.store.read(lambda w: w.records.get(record.uuid)).visible
    assert admin_of(guests, record.uuid)["tenant"] == ELSEWHERE


def test_same_request_id_of_two_tenants_is_two_requests(guests: World):
    body = {"id": "twice", "name": "twice", "components": [{"id": "twice-1"}]}
    content = json.dumps(body).encode()
    path = "/actors/v2/pipelines-manager/messages"

    def send(secret: str) -> tuple[int, Any]:
        headers = {"idempotency-key": "one"}
        return asyncio.run(guests.knock(Request("POST", path, {"x-nonce": secret}, content, headers)))

    first, answer = send(nonce(guests.env, owner="ada"))
    other, refused = send(nonce(guests.env, owner="ada", tenant=ELSEWHERE))
    assert (first, other, refused["result"]["code"]) == (201, 409, "already-exists")
    assert answer["result"]["outcome"]["uuid"] not in json.dumps(refused)


def test_name_that_looks_like_another_tenants_user_is_told_none_of_their_answers(guests: World):
    path = "/actors/v2/pipelines-manager/messages"
    content = json.dumps({"id": "alike", "name": "alike", "components": [{"id": "alike-1"}]}).encode()

    def send(secret: str) -> tuple[int, Any]:
        headers = {"idempotency-key": "one"}
        return asyncio.run(guests.knock(Request("POST", path, {"x-nonce": secret}, content, headers)))

    assert send(nonce(guests.env, owner="ada", tenant=ELSEWHERE))[0] == 201
    status, told = send(nonce(guests.env, owner=f"{ELSEWHERE}/ada"))
    assert (status, told["result"]["code"]) == (409, "already-exists")


def test_linkage_parameters_find_nothing_of_another_tenant(guests: World):
    definition = {
        "job_definition": {"appId": "guests/app"},
        "parameters": {"sample_id": "sample.doors.sample"},
    }
    status, answer = message(guests, "agave-proxy", guests.called["guest"], definition)
    assert (status, answer["result"]["code"]) == (404, "unknown-record")
    definition["job_definition"]["appId"] = APP
    status, answer = message(guests, "agave-proxy", guests.called["guest"], definition)
    assert (status, answer["result"]["code"]) == (404, "unknown-record")


def test_archive_path_of_another_tenants_job_is_taken(guests: World):
    record = guests.jobs[State.CREATED].job.record
    definition = {
        "job_definition": {"appId": "guests/app"},
        "archive_path": f"agave://{SYSTEM}{record.body['archive_path']}/mine",
    }
    status, answer = message(guests, "agave-proxy", guests.called["guest"], definition)
    assert (status, answer["result"]["code"]) == (409, "already-exists")


def test_archive_of_another_tenants_job_is_read_and_changed_by_those_alone_who_may_do_so_with_the_job(
    guests: World,
):
    job = launch(guests)
    record = guests.env.store.read(lambda work: work.records.get(TypedUuid(job)))
    archive, here = record.body["archive_path"], f"/files/v2/{{}}/system/{SYSTEM}"
    storage, file = guests.env.storage, f"{archive}/out.txt"
    storage.put(SYSTEM, file, io.BytesIO(b"theirs"))
    storage.put(SYSTEM, "/sample/tacc-cloud/mine.txt", io.BytesIO(b"mine"))
    above = archive.rpartition("/")[0]
    outside = f"{here.format('media')}/sample/tacc-cloud"
    reads = [
        ("GET", f"{here.format('media')}{file}", None),
        ("GET", f"{here.format('listings')}{archive}", None),
        ("PUT", f"{here.format('media')}{file}", {"action": "copy", "path": "/sample/tacc-cloud/copy.txt"}),
        ("POST", outside, {"urlToIngest": f"agave://{SYSTEM}{file}", "fileName": "fetched.txt"}),
        ("POST", "/jobs/v2", {"appId": APP, "name": "x", "inputs": {"a": f"agave://{SYSTEM}{file}"}}),
        ("POST", "/jobs/v2", {"appId": APP, "name": "x", "inputs": {"a": ["/no", file]}}),
        ("POST", "/jobs/v2", {"appId": APP, "name": "x", "inputs": {"a": f"tapis://{SYSTEM}{file}"}}),
        (
            "POST",
            "/actors/v2/agave-proxy/messages",
            {"job_definition": {"appId": APP, "inputs": {"a": file}}},
        ),
    ]
    changes = [
        ("POST", f"{here.format('media')}{archive}", {"urlToIngest": f"agave://{SYSTEM}/doors/kept.txt"}),
        ("PUT", f"{here.format('media')}{archive}", {"action": "mkdir", "path": "made"}),
        ("PUT", f"{here.format('media')}{file}", {"action": "rename", "path": "renamed"}),
        ("PUT", f"{here.format('media')}{above}", {"action": "move", "path": "/sample/tacc-cloud/moved"}),
        ("PUT", f"{outside}/mine.txt", {"action": "move", "path": f"{archive}/mine.txt"}),
        ("DELETE", f"{here.format('media')}{file}", None),
        ("DELETE", f"{here.format('media')}{above}", None),
    ]

    def ask_all(secret: str, asked: Any) -> set[int]:
        async def all_of_them() -> set[int]:
            found = set()
            for method, path, body in asked:
                content = b"" if body is None else json.dumps(body).encode()
                headers = {"content-type": "application/json"}
                status, _ = await guests.knock(Request(method, path, {"x-nonce": secret}, content, headers))
                found.add(status)
            return found

        return asyncio.run(all_of_them())

    at_home = nonce(guests.env)
    before = guests._files()
    assert ask_all(at_home, [*reads, *changes]) == {404}
    assert guests._files() == before
    grant = give_grant(ELSEWHERE, HOME, guests.env)
    assert ask_all(at_home, reads) <= {200, 201, 202}
    assert ask_all(at_home, changes) == {403}
    revoke_grant(grant.id, guests.env)
    assert ask_all(guests.called["guest"], [*reads[:2], *changes[-2:]]) == {200}
    assert file not in guests._files()


def test_lineage_and_exports_leave_out_what_is_of_another_tenant(guests: World):
    grant = give_grant(HOME, ELSEWHERE, guests.env)
    definition = {
        "job_definition": {"appId": "guests/app"},
        "parameters": {"sample_id": "sample.doors.sample"},
    }
    guest = guests.called["guest"]
    status, answer = message(guests, "agave-proxy", guest, definition)
    assert status == 202, answer
    job, sample = answer["result"]["outcome"]["uuid"], guests.called["sample"]

    def shown(secret: str) -> str:
        told = [
            get(guests, f"/catalog/v1/jobs/{job}{part}", secret, **query)
            for part, query in (("", {}), ("/lineage", {}), ("/export", {"format": "prov-json"}))
        ]
        assert {status for status, _ in told} == {200}
        return str(told)

    assert sample in shown(guest)
    revoke_grant(grant.id, guests.env)
    assert sample not in shown(guest)
    assert job not in str(
        get(guests, f"/catalog/v1/samples/{sample}/lineage", nonce(guests.env), direction="descendants")
    )
