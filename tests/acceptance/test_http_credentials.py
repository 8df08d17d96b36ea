"""Tokens: on every way in, only the right one opens, and a wrong one writes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.services.access import token_of
from datacatalog.services.jobs import Created
from datacatalog.services.records import revoke_token
from tests.acceptance.site import Site

CALLBACK = {
    "appId": "taco-1",
    "executionSystem": "hpc",
    "owner": "cook",
    "archivePath": None,
    "archiveSystem": None,
    "status": "RUNNING",
    "inputs": {},
    "parameters": {},
    "_links": {},
}


@dataclass(frozen=True)
class Guarded:
    """What tokens guard: a finished job and a pipeline, with their tokens."""

    job: Created
    document: dict[str, Any]
    pipeline: str
    pipeline_token: str
    another_job: str


def guard(site: Site) -> Guarded:
    name = secrets.token_hex(8)
    document = {"id": name, "name": name, "components": [{"uri": f"https://{name}.example.org"}]}
    pipeline = site.catalog.pipeline(**document)
    record = site.app.env.store.read(lambda work: work.records.get(pipeline))  # type: ignore[arg-type]
    return Guarded(
        job=site.job(State.FINISHED),
        document=document,
        pipeline=pipeline,
        pipeline_token=token_of(record, site.app.env),
        another_job=site.job().token,
    )


@pytest.fixture
def guarded(site: Site) -> Guarded:
    return guard(site)


@pytest.fixture(scope="module")
def untouched(shared_site: Site) -> Guarded:
    """One for all tests that are refused."""
    return guard(shared_site)


Way = Callable[[Site, Guarded, str | None], httpx.Response]


def _of_job(actor: str, body: dict[str, Any] | str, *, in_url: bool, **query: str) -> Way:
    def send(site: Site, guarded: Guarded, token: str | None) -> httpx.Response:
        said = {"uuid": guarded.job.job.uuid, **({"token": token} if token is not None else {})}
        if in_url or not isinstance(body, dict):
            return site.send(actor, body, **said, **query)
        return site.send(actor, {**body, **said}, **query)

    return send


def _of_pipeline(body: dict[str, Any] | str, *, in_url: bool, **query: str) -> Way:
    def send(site: Site, guarded: Guarded, token: str | None) -> httpx.Response:
        said = {"uuid": guarded.pipeline, **({"token": token} if token is not None else {})}
        if in_url:
            return site.send("pipelines-manager", body, **said, **query)
        assert isinstance(body, dict)
        return site.send("pipelines-manager", {**body, **said}, **query)

    return send


def _document(site: Site, guarded: Guarded, token: str | None) -> httpx.Response:
    query = {"token": token} if token is not None else {}
    document = {**guarded.document, "name": "Other"}
    return site.send("pipelines-manager", document, action="update", **query)


def _delete_by_url(site: Site, guarded: Guarded, token: str | None) -> httpx.Response:
    query = {"token": token} if token is not None else {}
    body = {"uuid": guarded.job.job.uuid, "action": "delete", "force": True}
    return site.send("jobs-manager", body, **query)


JOB_WAYS: Mapping[str, Way] = {
    "JSON event": _of_job("jobs-manager", {"name": "finish"}, in_url=False),
    "URL event": _of_job("jobs-manager", "", in_url=True, event="finish"),
    "URL event with data": _of_job("jobs-manager", '{"a": 1}', in_url=True, name="validate"),
    "callback": _of_job("jobs-manager", CALLBACK, in_url=True, status="${JOB_STATUS}"),
    "callback of the URL alone": _of_job("jobs-manager", " ", in_url=True, status="FINISHED"),
    "callback that names an event": _of_job("jobs-manager", CALLBACK, in_url=True, event="finish"),
    "index event": _of_job("jobs-manager", {"name": "index"}, in_url=False),
    "indexed event": _of_job("jobs-manager", {"name": "indexed"}, in_url=False),
    "index": _of_job("jobs-indexer", {"name": "index"}, in_url=False),
    "index by URL": _of_job("jobs-indexer", '{"filters": ["x"]}', in_url=True),
    "indexed": _of_job("jobs-indexer", {"name": "indexed"}, in_url=False),
}
PIPELINE_WAYS: Mapping[str, Way] = {
    "update": _of_pipeline({"action": "update", "body": {"name": "Other"}}, in_url=False),
    "document": _document,
    "retire": _of_pipeline({"action": "retire"}, in_url=False),
    "delete a pipeline": _of_pipeline({"action": "delete"}, in_url=False),
    "disable": _of_pipeline("{}", in_url=True, action="disable"),
    "enable": _of_pipeline("", in_url=True, action="enable"),
    "undelete": _of_pipeline({"action": "undelete"}, in_url=False),
}
ADMIN_WAYS: Mapping[str, Way] = {
    "reset": _of_job("jobs-manager", {"name": "reset"}, in_url=False),
    "reset by URL": _of_job("jobs-manager", "", in_url=True, event="reset"),
    "delete": _of_job("jobs-manager", {"action": "delete"}, in_url=False),
    "delete, token in URL": _delete_by_url,
    "purge a pipeline": _of_pipeline({"action": "delete", "force": True}, in_url=False),
}
WAYS = {**JOB_WAYS, **PIPELINE_WAYS, **ADMIN_WAYS}


def _expired(site: Site, after: timedelta) -> str:
    token = site.admin()
    site.clock.ahead += after
    return token


WRONG: Mapping[str, Callable[[Site, Guarded, str], str | None]] = {
    "none": lambda site, guarded, way: None,
    "empty": lambda site, guarded, way: "",
    "made up": lambda site, guarded, way: "x" * 17,
    "made up, as long as of old": lambda site, guarded, way: "0dc73dc3ff39b49a",
    "another job's": lambda site, guarded, way: guarded.another_job,
    "of the other kind": lambda site, guarded, way: (
        guarded.job.token if way in PIPELINE_WAYS else guarded.pipeline_token
    ),
    "nearly right": lambda site, guarded, way: guarded.job.token[:-1] + "*",
    "in the other case": lambda site, guarded, way: guarded.job.token.swapcase(),
    "not ASCII": lambda site, guarded, way: "é" * 17,
    "administrator's, 30 s old": lambda site, guarded, way: _expired(site, timedelta(seconds=30)),
    "administrator's, clock set back": lambda site, guarded, way: _expired(site, timedelta(hours=-1)),
    "a nonce": lambda site, guarded, way: site.catalog.nonce[:17],
    "the administrator key": lambda site, guarded, way: site.app.settings.secrets.administrator_key[:17],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_token_is_refused_on_every_way_in(site: Site, untouched: Guarded, way: str, wrong: str):
    token = WRONG[wrong](site, untouched, way)
    before = site.dump()
    answer = WAYS[way](site, untouched, token)
    assert answer.status_code in ((400, 403) if wrong == "empty" else (403,)), answer.text
    assert answer.json()["status"] == "error"
    assert not token or token not in answer.text
    assert site.dump() == before


@pytest.mark.parametrize("way", WAYS)
def test_token_that_was_revoked_opens_nothing_and_the_next_one_does(site: Site, guarded: Guarded, way: str):
    pipelines = way in PIPELINE_WAYS or way == "purge a pipeline"
    uuid = guarded.pipeline if pipelines else guarded.job.job.uuid
    record = revoke_token(uuid, site.admin(), site.app.env)  # type: ignore[arg-type]
    before = site.dump()
    old = guarded.pipeline_token if pipelines else guarded.job.token
    assert WAYS[way](site, guarded, old).status_code == 403
    assert site.dump() == before
    if way not in ADMIN_WAYS:
        assert WAYS[way](site, guarded, token_of(record, site.app.env)).status_code in (200, 202)


@pytest.mark.parametrize("way", ADMIN_WAYS)
def test_update_token_opens_nothing_of_administrators(site: Site, untouched: Guarded, way: str):
    before = site.dump()
    token = untouched.pipeline_token if way == "purge a pipeline" else untouched.job.token
    answer = ADMIN_WAYS[way](site, untouched, token)
    assert (answer.status_code, answer.json()["result"]["code"]) == (403, "invalid-admin-token")
    assert site.dump() == before


@pytest.mark.parametrize("way", WAYS)
def test_right_token_opens_each_of_these_ways(site: Site, guarded: Guarded, way: str):
    token = (
        site.admin()
        if way in ADMIN_WAYS
        else guarded.pipeline_token
        if way in PIPELINE_WAYS
        else guarded.job.token
    )
    assert WAYS[way](site, guarded, token).status_code in (200, 202)


@pytest.mark.parametrize("way", [*JOB_WAYS, *PIPELINE_WAYS])
def test_administrative_token_opens_everything_for_29_seconds(site: Site, guarded: Guarded, way: str):
    token = site.admin()
    site.clock.ahead += timedelta(seconds=29)
    assert WAYS[way](site, guarded, token).status_code in (200, 202)


# ------------------------------------------------------------------------------------- guessing


@pytest.mark.parametrize("way", ["JSON event", "URL event", "callback", "index"])
def test_guessing_a_token_is_slowed_down_and_the_right_one_still_passes(
    site: Site, guarded: Guarded, way: str
):
    codes = [WAYS[way](site, guarded, f"guess-{n:011}").status_code for n in range(14)]
    assert codes == [403] * 10 + [429] * 4
    held = WAYS[way](site, guarded, "guess-again-again")
    assert 0 < int(held.headers["retry-after"]) <= 60
    assert held.json()["result"]["code"] == "throttled"
    assert WAYS[way](site, guarded, guarded.job.token).status_code in (200, 202)
    other = site.job()
    assert site.event(other, "run", token="guess-elsewhere-1").status_code == 403
    site.clock.ahead += timedelta(seconds=61)
    assert WAYS[way](site, guarded, "guess-a-min-later").status_code == 403


def test_guesses_are_counted_per_document_however_its_uuid_is_spelled(site: Site):
    job = site.job()
    spellings = [
        job.job.uuid,
        job.job.uuid.upper(),
        job.job.uuid.replace("-", ""),
        f"uri:urn:{job.job.uuid}",
    ] * 4
    codes = [
        site.send("jobs-manager", uuid=uuid, event="run", token="x" * 17).status_code for uuid in spellings
    ]
    assert codes == [403] * 10 + [429] * 6


def test_guessing_an_administrative_token_is_slowed_down(site: Site, guarded: Guarded):
    codes = [ADMIN_WAYS["delete"](site, guarded, f"guess-{n:011}").status_code for n in range(12)]
    assert codes == [403] * 10 + [429] * 2
    assert ADMIN_WAYS["delete"](site, guarded, site.admin()).status_code == 200
