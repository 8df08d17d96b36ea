"""One request, followed from its answer to its last effect: by the log, by traces, by metrics. Real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from datacatalog.adapters.telemetry.metrics import METRICS
from datacatalog.interfaces.cli.logs import FIELDS
from datacatalog.services.jobs import Created
from tests.acceptance.collector import Collector
from tests.acceptance.receiver import Receiver, port_without_listener
from tests.harness import SYSTEM, Catalog, free_port, install, until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
REQUEST = {"X-Request-ID": "request-7", "Idempotency-Key": "key-7", "traceparent": f"00-{TRACE}-{PARENT}-01"}


@dataclass(slots=True)
class Followed:
    """A catalog in which one request was followed.

    Attributes:
        log: all lines of gateway and worker, but for the last one.
        answer: to the request.
    """

    catalog: Catalog
    job: Created
    answer: dict[str, Any]
    log: list[dict[str, Any]]
    gateway: str
    worker: str
    receiver: Receiver
    collector: Collector

    def about(self, **known: str) -> list[dict[str, Any]]:
        return [line for line in self.log if known.items() <= line.items()]


def _start(catalog: Catalog, log: Path, *words: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "datacatalog", *words],
            env={**os.environ, "DATACATALOG_CONFIG": str(catalog.home / "config.yml")},
            stderr=file,
            cwd=catalog.home,
        )


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    receiver, collector, port = Receiver(port_without_listener()), Collector(), free_port()
    receiver.start()
    collector.start()
    folder = tmp_path_factory.mktemp("watching")
    catalog = install(
        folder / "home",
        outgoing={"hosts": [f"127.0.0.1:{receiver.port}"], "private_networks": ["127.0.0.0/8"]},
        log={"format": "json", "level": "debug"},
        tracing={"endpoint": collector.url},
        worker={"metrics_port": port, "retry_base_s": 0.05},
        actors={"jobs-indexer": {"delivery": "queued"}},
    )
    job = catalog.job()
    archive = catalog.app.env.storage
    archive.make_directory(SYSTEM, job.job.archive_path)
    body = {"uuid": job.job.uuid, "token": job.token}
    processes = [
        _start(catalog, folder / "gateway.log", "serve"),
        _start(catalog, folder / "worker.log", "worker"),
    ]
    try:
        catalog.wait_ready()
        subscription = {"subject": job.job.uuid, "url": receiver.url("/hook"), "events": ["indexed"]}
        query = {"x-nonce": catalog.nonce}
        requests.post(f"{catalog.url}/catalog/v1/subscriptions", params=query, json=subscription, timeout=30)
        assert catalog.post("jobs-manager", {**body, "name": "run"}).status_code == 200
        answer = catalog.post("jobs-manager", {**body, "name": "finish"}, headers=REQUEST)
        assert answer.status_code == 200, answer.text
        until(lambda: bool(receiver.at("/hook")))
        worker = f"http://127.0.0.1:{port}"
        until(
            lambda: (
                'deliveries_total{outcome="ok",queue="webhooks"}' in requests.get(f"{worker}/metrics").text
            )
        )
        metrics = requests.get(f"{catalog.url}/metrics", params=query, timeout=30)
        told = requests.get(f"{worker}/metrics", timeout=30)
        assert (metrics.status_code, told.status_code) == (200, 200)
    finally:
        for process in processes:
            process.terminate()
        assert [process.wait(30) for process in processes] == [0, 0]
    lines = [json.loads(line) for name in ("gateway", "worker") for line in (folder / f"{name}.log").open()]
    yield Followed(catalog, job, answer.json()["result"], lines, metrics.text, told.text, receiver, collector)
    receiver.stop()
    collector.stop()
    catalog.app.close()


# ------------------------------------------------------------------------------------------------ log


def test_every_line_of_the_log_of_one_request_has_its_ids(followed: Followed):
    execution = followed.answer["executionId"]
    lines = followed.about(message_id=execution)
    loggers = {line["logger"] for line in lines}
    assert {"datacatalog.gateway", "datacatalog.worker"} <= loggers
    queues = {line.get("queue") for line in lines}
    assert queues >= {None, "jobs-indexer", "index-archive", "webhooks"}
    for line in lines:
        assert line["request_id"] == "request-7"
        assert line["delivery_id"] == "idempotency-key:key-7"
        assert line["job_uuid"] == followed.job.job.uuid
        assert line["trace_id"] == TRACE
        if "queue" in line:
            assert line["task_id"]


def test_each_execution_has_its_own_id_and_actor(followed: Followed):
    manager, indexer = (
        {
            line["execution_id"]
            for line in followed.about(request_id="request-7", **known)
            if "execution_id" in line
        }
        for known in ({"actor": "jobs-manager"}, {"queue": "jobs-indexer"})
    )
    assert manager == {followed.answer["executionId"]}
    assert len(indexer) == 1
    assert indexer != manager


def test_lines_have_no_fields_but_those_that_are_told(followed: Followed):
    known = {name for line in followed.log for name in line}
    assert known <= {*FIELDS}
    assert known >= {*FIELDS} - {"exception"}


def test_no_line_tells_a_secret(followed: Followed):
    text = json.dumps(followed.log)
    assert followed.job.token not in text
    assert followed.catalog.nonce not in text


def test_ids_are_in_no_body_that_a_handler_or_an_operator_sees(followed: Followed):
    assert all("_facts" not in heard.body.decode() for heard in followed.receiver.heard)
    assert not followed.catalog.app.env.transport.dead()


# --------------------------------------------------------------------------------------------- traces


def test_one_trace_goes_from_the_request_to_the_last_delivery(followed: Followed):
    spans = [span for span in followed.collector.spans if span.trace == TRACE]
    names = {span.name for span in spans}
    assert names >= {
        "POST /actors/v2/{actor}/messages",
        "handler jobs-manager",
        "commit",
        "publish jobs-indexer",
        "work jobs-indexer",
        "handler jobs-indexer",
        "publish index-archive",
        "work index-archive",
        "task index-archive",
        "publish webhooks",
        "work webhooks",
        "task webhooks",
        "POST webhooks",
    }
    known = {span.id: span for span in spans}
    assert len(known) == len(spans)
    for span in spans:
        assert span.parent in known or span.parent == PARENT, span
    [request] = [span for span in spans if span.parent == PARENT]
    assert request.name == "POST /actors/v2/{actor}/messages"
    assert {span.service for span in spans} == {"datacatalog-gateway", "datacatalog-worker"}


def test_work_of_a_worker_hangs_on_what_sent_it(followed: Followed):
    spans = {span.id: span for span in followed.collector.spans if span.trace == TRACE}
    for span in spans.values():
        if span.name.startswith("work "):
            assert spans[span.parent].name == span.name.replace("work", "publish")


def test_requests_to_others_carry_the_trace_on(followed: Followed):
    [heard] = followed.receiver.at("/hook")
    version, trace, span, flags = heard.headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    [sent] = [each for each in followed.collector.spans if each.id == span]
    assert sent.name == "POST webhooks"
    assert sent.attributes["datacatalog.job_uuid"] == followed.job.job.uuid


# -------------------------------------------------------------------------------------------- metrics


def families(text: str) -> dict[str, Any]:
    """Return {name as published: family}."""
    found = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = family
    return found


def value(text: str, name: str, **labels: str) -> float:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    raise AssertionError((name, labels))


@pytest.mark.parametrize("service", ["gateway", "worker"])
def test_what_is_published_is_what_is_told(followed: Followed, service: str):
    published = families(getattr(followed, service))
    ours = {name: family for name, family in published.items() if name.startswith("datacatalog_")}
    told = {metric.name: metric for metric in METRICS.values() if service in metric.of}
    assert set(ours) <= set(told)
    # What has not happened yet has no sample, but it is named all the same.
    assert set(told) - set(ours) == set()
    for name, family in ours.items():
        assert family.type == told[name].kind
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels <= {*told[name].labels}
    assert "process_resident_memory_bytes" in published


def test_figures_are_those_of_what_happened(followed: Followed):
    gateway, worker = followed.gateway, followed.worker
    route = "/actors/v2/{actor}/messages"
    assert value(gateway, "datacatalog_http_requests_total", route=route, method="POST", status="200") == 2
    assert value(gateway, "datacatalog_messages_total", actor="jobs-manager", outcome="ok") == 2
    assert value(worker, "datacatalog_messages_total", actor="jobs-indexer", outcome="ok") == 1
    assert value(worker, "datacatalog_deliveries_total", queue="index-archive", outcome="ok") == 1
    assert value(worker, "datacatalog_outgoing_requests_total", purpose="webhooks", outcome="2xx") == 1
    assert value(gateway, "datacatalog_jobs", state="FINISHED") == 1
    assert value(gateway, "datacatalog_ledger_up") == 1


def test_labels_hold_nothing_that_names_a_job_or_a_sender(followed: Followed):
    for text in (followed.gateway, followed.worker):
        for secret in (
            followed.job.job.uuid,
            followed.job.token,
            followed.catalog.nonce,
            "request-7",
            "key-7",
        ):
            assert secret not in text
