"""Subscribers are told what happens: one `datacatalog up`, and a real server that listens."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
import requests
from standardwebhooks import Webhook

from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.services.access import make_admin_token
from datacatalog.services.jobs import Created, reset_job
from tests.acceptance.cli import Shell
from tests.acceptance.receiver import Receiver, port_without_listener
from tests.harness import Catalog, install, until

TRIES = 6


@dataclass(slots=True)
class Service:
    """A running catalog, and a receiver that it may reach."""

    catalog: Catalog
    shell: Shell
    receiver: Receiver
    away: Receiver
    process: Any

    def subscribe(self, subject: str, url: str, *events: str) -> dict[str, Any]:
        """Subscribe over HTTP; return the answer."""
        answer = self.post("/catalog/v1/subscriptions", {"subject": subject, "url": url, "events": events})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()["result"]
        return found

    def post(self, path: str, document: Any) -> requests.Response:
        return requests.post(
            f"{self.catalog.url}{path}",
            params={"x-nonce": self.catalog.nonce},
            json=document,
            timeout=30,
        )

    def event(self, job: Created, name: str, **data: Any) -> None:
        body = {"uuid": job.job.uuid, "name": name, "token": job.token, "data": data}
        assert self.catalog.post("jobs-manager", body).status_code == 200

    def worker(self) -> psutil.Process:
        children = psutil.Process(self.process.pid).children()
        [found] = [child for child in children if "worker" in child.cmdline()]
        return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    receiver, away = (Receiver(port_without_listener()) for _ in range(2))
    catalog = install(
        tmp_path_factory.mktemp("webhooks"),
        outgoing={
            "hosts": [f"127.0.0.1:{receiver.port}", f"127.0.0.1:{away.port}", "10.9.8.7"],
            "private_networks": ["127.0.0.0/8"],
        },
        worker={"retry_base_s": 0.05, "lease_s": 1},
        webhooks={"max_tries": TRIES},
    )
    receiver.start()
    process = catalog.start("up")
    try:
        catalog.wait_ready()
        yield Service(catalog, Shell(catalog.home), receiver, away, process)
    finally:
        receiver.stop()
        away.stop()
        catalog.stop_all()
        catalog.app.close()


def test_every_event_of_a_life_is_delivered_once_with_a_signature_that_the_published_library_verifies(
    service: Service,
):
    pipeline = service.catalog.pipeline(id="webhooks/life:1")
    made = service.subscribe(pipeline, service.receiver.url("/life?key=unguessable"))
    job = service.catalog.job(pipeline)
    for name in ("run", "update", "resource", "finish"):
        service.event(job, name)
    until(lambda: [entry["name"] for entry in service.catalog.history(job.job.uuid)][-1] == "indexed")
    for name in ("validate", "validated", "finalize", "retire"):
        service.event(job, name)
    app = service.catalog.app
    reset_job(job.job.uuid, make_admin_token(app.settings.secrets.administrator_key, app.env), app.env)
    service.event(job, "fail")
    history = service.catalog.history(job.job.uuid)
    until(lambda: len(service.receiver.at("/life?key=unguessable")) == len(history))
    heard = service.receiver.at("/life?key=unguessable")
    for each in heard:
        Webhook(made["secret"]).verify(each.body, dict(each.headers))
        assert each.headers["idempotency-key"] == each.id == f"{made['id']}:{each.event['id']}"
        assert each.headers["content-type"] == "application/cloudevents+json"
    told = sorted(heard, key=lambda each: each.event["data"]["sequence"])
    assert [each.event["id"] for each in told] == [entry["uuid"] for entry in history]
    names = [each.event["data"]["event"] for each in told]
    assert names == [entry["name"] for entry in history]
    assert {*names} == {*map(str, Event)} - {"reject"}
    assert told[0].event["source"] == f"{service.catalog.url}/catalog/v1/jobs/{job.job.uuid}"


def test_receiver_that_is_down_for_a_while_gets_the_delivery_when_it_is_back(service: Service):
    job = service.catalog.job()
    made = service.subscribe(job.job.uuid, service.away.url("/back"))
    service.event(job, "run")
    until(lambda: (service.shell.ask("subscriptions", "show", made["id"])["trouble"] or {}).get("failures"))
    trouble = service.shell.ask("subscriptions", "show", made["id"])["trouble"]
    assert trouble["reason"] == f"http://127.0.0.1:{service.away.port}: nobody takes connections"
    service.away.start()
    until(lambda: len(service.away.at("/back")) > 0)
    assert service.away.at("/back")[0].event["data"]["event"] == "run"
    until(lambda: service.shell.ask("subscriptions", "show", made["id"])["trouble"] is None)


def test_delivery_that_fails_every_time_is_a_dead_letter_that_can_be_retried_under_its_id(service: Service):
    job = service.catalog.job()
    service.receiver.answers["/broken"] = [500] * TRIES
    made = service.subscribe(job.job.uuid, service.receiver.url("/broken"), "run")
    service.event(job, "run")
    until(lambda: len(service.shell.ask("subscriptions", "dead", made["id"])) == 1)
    [dead] = service.shell.ask("subscriptions", "dead", made["id"])
    assert (dead["event"], dead["tries"], dead["reason"]) == ("run", TRIES, "answered 500")
    assert service.shell.ask("subscriptions", "retry", made["id"])["retried"] == 1
    until(lambda: len(service.receiver.at("/broken")) == TRIES + 1)
    assert {each.id for each in service.receiver.at("/broken")} == {dead["delivery"]}
    assert len({each.body for each in service.receiver.at("/broken")}) == 1
    until(lambda: service.shell.ask("subscriptions", "dead", made["id"]) == [])


def test_worker_that_is_killed_while_it_delivers_delivers_again_under_the_same_key(service: Service):
    job = service.catalog.job()
    hold = service.receiver.held["/killed"] = threading.Event()
    service.subscribe(job.job.uuid, service.receiver.url("/killed"), "run")
    service.event(job, "run")
    until(lambda: len(service.receiver.at("/killed")) == 1)
    os.kill(service.worker().pid, signal.SIGKILL)
    until(lambda: len(service.receiver.at("/killed")) == 2)
    hold.set()
    first, second = service.receiver.at("/killed")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://10.9.8.7/hook", "10.9.8.7"),
        ("http://169.254.169.254/latest", "none of the hosts that may be reached"),
        ("https://elsewhere.example.org/hook", "none of the hosts that may be reached"),
        ("ftp://127.0.0.1/hook", "http"),
        ("no url", "http"),
    ],
)
def test_url_that_may_not_be_reached_is_refused_at_once_with_the_reason(
    service: Service, url: str, reason: str
):
    answer = service.post("/catalog/v1/subscriptions", {"subject": service.catalog.pipeline(), "url": url})
    assert answer.status_code == 400
    [error] = answer.json()["result"]["errors"]
    assert error["path"] == "url"
    assert reason in error["message"], error


def test_no_file_of_the_ledger_holds_a_secret_in_the_clear(service: Service):
    made = service.subscribe(service.catalog.pipeline(), service.receiver.url("/quiet"))
    coded = made["secret"].removeprefix("whsec_").encode()
    service.event(service.catalog.job(), "run")
    until(lambda: len(service.receiver.at("/quiet")) == 2)
    for file in service.catalog.home.glob("catalog.db*"):
        assert coded not in file.read_bytes()
