"""Reactors, one process per message, are followed like gateway and workers; a collector that is away holds nobody up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.collector import Collector
from tests.acceptance.receiver import port_without_listener
from tests.harness import Catalog, install
from tests.shared import REPOSITORY

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def react(catalog: Catalog, uuid: str, token: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Have the jobs-manager take a `run` event in a process of its own."""
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "reactors" / "jobs-manager" / "reactor.py")],
        env={
            **os.environ,
            "DATACATALOG_CONFIG": str(catalog.home / "config.yml"),
            "MSG": json.dumps({"uuid": uuid, "name": "run", "token": token}),
            "_abaco_execution_id": "abaco-7",
            **variables,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_reactor_writes_the_ids_of_its_execution_and_goes_on_with_the_trace(tmp_path: Path) -> None:
    collector = Collector()
    collector.start()
    catalog = install(tmp_path, log={"format": "json", "level": "info"}, tracing={"endpoint": collector.url})
    try:
        job = catalog.job()
        ended = react(catalog, job.job.uuid, job.token, TRACEPARENT=f"00-{TRACE}-00f067aa0ba902b7-01")
    finally:
        collector.stop()
        catalog.app.close()
    assert ended.returncode == 0, ended.stderr
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    [line] = [each for each in lines if each["logger"] == "datacatalog.reactor"]
    assert (line["message_id"], line["actor"], line["trace_id"]) == ("abaco-7", "jobs-manager", TRACE)
    assert line["job_uuid"] == job.job.uuid
    assert job.token not in ended.stderr
    names = {span.name for span in collector.spans if span.trace == TRACE}
    assert names >= {"handler jobs-manager", "commit"}
    assert {span.service for span in collector.spans} == {"datacatalog-reactor"}


@pytest.mark.parametrize("told", [True, False])
def test_a_collector_that_is_away_holds_nobody_up(tmp_path: Path, told: bool) -> None:
    endpoint = f"http://127.0.0.1:{port_without_listener()}" if told else None
    catalog = install(tmp_path, tracing={"endpoint": endpoint})
    try:
        job = catalog.job()
        began = time.monotonic()
        ended = react(catalog, job.job.uuid, job.token)
        assert time.monotonic() - began < 30
    finally:
        catalog.app.close()
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["state"] == "RUNNING"
