"""What the gateway says of itself, whom it can be asked for, and how it answers when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from datacatalog import __version__
from datacatalog.domain.errors import StaleWrite, StoreDown
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.interfaces.http.gateway import asgi
from datacatalog.services.dispatch import ACTORS
from tests.acceptance.site import Site


def test_process_says_that_it_is_there_without_asking_who_asks(site: Site):
    assert site.get("/", nonce=None).json() == {"service": "datacatalog", "version": __version__}
    assert site.get("/healthz", nonce=None).json() == {"status": "ok"}


def test_readiness_tells_of_store_and_queues(site: Site):
    site.event(site.job(State.RUNNING), "finish")
    ready = site.get("/readyz", nonce=None)
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert ready.json()["store"]
    assert ready.json()["queues"]["jobs-indexer"] >= 1


class FailingStore:
    """A store that cannot be reached, or has an error of its own."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*_: object, **__: object) -> None:
            raise self._error

        return fail


def failing(site: Site, error: Exception) -> TestClient:
    app = replace(site.app, env=replace(site.app.env, store=FailingStore(error)))  # type: ignore[arg-type]
    return TestClient(asgi(app))


@pytest.mark.parametrize(
    "path", ["/readyz", "/actors/v2", "/actors/v2/jobs-manager/executions", "/catalog/v1/samples"]
)
def test_store_that_is_away_is_said_so_and_when_to_come_again(site: Site, path: str):
    client = failing(site, StoreDown("disk full"))
    answer = client.get(path, params={"x-nonce": site.catalog.nonce})
    assert (answer.status_code, answer.json()["result"]["code"]) == (503, "store-down")
    assert int(answer.headers["retry-after"]) > 0
    assert client.get("/healthz").status_code == 200


def test_error_of_our_own_tells_nothing_of_itself(site: Site, caplog):
    client = failing(site, ValueError("secret detail"))
    answer = client.post("/actors/v2/jobs-manager/messages", params={"x-nonce": site.catalog.nonce})
    assert answer.status_code == 500
    assert answer.json()["result"] == {"code": "internal", "errors": []}
    assert "secret detail" not in answer.text
    assert "secret detail" in caplog.text


def test_conflict_of_writers_is_said_so(site: Site):
    answer = failing(site, StaleWrite("107")).get("/actors/v2", params={"x-nonce": site.catalog.nonce})
    assert (answer.status_code, answer.json()["result"]["code"]) == (409, "stale-write")


# ----------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize("actor", ACTORS)
def test_actor_is_reached_by_name_id_and_alias(site: Site, actor: str):
    id_of = site.app.env.rules.actor_ids
    shown = {
        name: site.get(f"/actors/v2/{name}").json()["result"]
        for name in (actor, id_of[actor], f"{actor}.prod")
    }
    assert {json.dumps(s) for s in shown.values()} == {json.dumps(shown[actor])}
    assert (shown[actor]["name"], shown[actor]["id"]) == (actor, id_of[actor])
    assert shown[actor]["accepts"] == list(ACTORS[actor].accepts)
    for name in shown:
        assert site.send(name, "[]").status_code == 400


def test_actors_are_listed(site: Site):
    assert [a["name"] for a in site.get("/actors/v2").json()["result"]] == list(ACTORS)


def test_ids_and_aliases_can_be_configured(new_site):
    site = new_site(actors={"jobs-manager": {"id": "myManager1", "aliases": ["jm", "jobs-manager.dev"]}})
    for name in ("jobs-manager", "myManager1", "jm", "jobs-manager.dev"):
        assert site.get(f"/actors/v2/{name}").json()["result"]["id"] == "myManager1"
    assert site.get("/actors/v2/jobs-manager.prod").status_code == 404
    job = site.job()
    links = site.event(job, "run").json()["result"]["_links"]
    assert links["messages"] == f"{site.app.settings.api_url}/actors/v2/myManager1/messages"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/actors", "/actors/v2/", "/actors/v2/jobs-manager/", "/actors/v1/jobs-manager", "/healthz/", "/%00"],
)  # fmt: skip
def test_unknown_address_is_answered_in_the_envelope_and_never_led_elsewhere(site: Site, path: str):
    answer = site.client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.json()["result"]["code"]) == (404, "not-found")
    assert answer.json()["status"] == "error"


def test_message_to_an_address_with_a_slash_too_many_is_not_led_elsewhere(site: Site):
    job = site.job()
    query = {"x-nonce": site.catalog.nonce, "uuid": job.job.uuid, "token": job.token, "event": "run"}
    answer = site.client.post("/actors/v2/jobs-manager/messages/", params=query, follow_redirects=False)
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert site.state(job) == "CREATED"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/actors/v2/jobs-manager/messages"),
        ("PUT", "/actors/v2/jobs-manager/messages"),
        ("DELETE", "/actors/v2/jobs-manager"),
        ("POST", "/healthz"),
        ("PATCH", "/actors/v2/jobs-manager/nonces"),
    ],
)
def test_wrong_method_is_answered_in_the_envelope(site: Site, method: str, path: str):
    answer = site.client.request(method, path)
    assert (answer.status_code, answer.json()["result"]["code"]) == (405, "method-not-allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/x-www-form-urlencoded", "text/plain; charset=latin-1", "x", ""],
)
def test_body_is_read_as_json_whatever_it_is_called(site: Site, content_type: str):
    job = site.job()
    body = {"uuid": job.job.uuid, "name": "run", "token": job.token, "data": {"ä": "ö"}}
    answer = site.send(
        "jobs-manager", json.dumps(body, ensure_ascii=False).encode(), headers={"Content-Type": content_type}
    )
    assert answer.status_code == 200
    assert site.catalog.history(job.job.uuid)[-1]["data"] == {"ä": "ö"}


def test_answers_name_the_version_and_are_json(site: Site):
    for answer in (site.get("/actors/v2"), site.get("/nothing"), site.get("/actors/v2", nonce="x")):
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["version"] == __version__


# ------------------------------------------------------------------------------------ many at once


def test_twenty_clients_at_once_are_all_answered_and_every_event_is_kept_in_some_order(site: Site):
    jobs = [site.job() for _ in range(4)]

    def client(n: int) -> list[int]:
        job = jobs[n % len(jobs)]
        return [site.event(job, "update", data={"client": n, "step": step}).status_code for step in range(5)]

    with ThreadPoolExecutor(20) as pool:
        codes = [code for answered in pool.map(client, range(20)) for code in answered]
    assert codes == [200] * 100
    for at, job in enumerate(jobs):
        data = [entry["data"] for entry in site.catalog.history(job.job.uuid)[1:]]
        assert len(data) == 25
        for n in range(at, 20, len(jobs)):
            assert [d["step"] for d in data if d["client"] == n] == [0, 1, 2, 3, 4]


def test_of_clients_that_race_only_legal_steps_are_kept(site: Site):
    for _ in range(5):
        job = site.job(State.RUNNING)
        with ThreadPoolExecutor(6) as pool:
            codes = list(pool.map(lambda name: site.event(job, name).status_code, ["finish", "fail"] * 3))  # noqa: B023
        assert set(codes) <= {200, 409}
        assert site.history(job) in (["create", "run", "fail"], ["create", "run", *["finish"] * 3])


# ---------------------------------------------------------------------------------------- OpenAPI


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def test_openapi_document_is_whole(site: Site):
    document = site.get("/openapi.json", nonce=None).json()
    assert document["openapi"].startswith("3.1.")
    assert document["info"] == {"title": "datacatalog", "version": __version__}
    assert document["servers"] == [{"url": site.app.settings.api_url}]
    found = set(refs(document))
    assert found
    for reference in found:
        assert reference.startswith("#/components/schemas/"), reference
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]
    assert '"$id"' not in json.dumps(document)
    assert set(site.app.env.schemas.names()) < set(document["components"]["schemas"])


def test_openapi_document_describes_what_is_answered(site: Site):
    document = site.get("/openapi.json", nonce=None).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert method in ("get", "post", "put", "patch", "delete")
            assert operation["summary"]
            assert {"200", "201"} & operation["responses"].keys()
            at = path.replace("{kind}", "samples").replace("{uuid}", "103246e1-bcdf-5b6e-a8dc-4c7e81b91141")
            answer = site.client.request(method.upper(), at)
            assert str(answer.status_code) in operation["responses"], (method, path)
    for name in ACTORS:
        post = document["paths"][f"/actors/v2/{site.app.env.rules.actor_ids[name]}/messages"]["post"]
        (content,) = post["requestBody"]["content"].values()
        named = [ref["$ref"].rpartition("/")[2] for ref in content["schema"]["anyOf"]]
        assert named == list(ACTORS[name].accepts)
        assert {"200", "400", "401", "403", "404", "409", "413", "429", "503"} <= post["responses"].keys()


def test_events_of_the_openapi_document_are_those_of_the_lifecycle(site: Site):
    schemas = site.get("/openapi.json", nonce=None).json()["components"]["schemas"]
    assert schemas["pipelinejob_eventname"]["enum"] == [event.value for event in Event]
    assert set(schemas["pipelinejob_statename"]["enum"]) == {state.value for state in State}
