"""A catalog for tests: a real installation in a temporary folder, driven in this process or in processes of its own."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymongo
import requests
import yaml

from datacatalog.bootstrap import App, build_app
from datacatalog.domain.kinds import Kind
from datacatalog.domain.messages import CreatePipeline
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.services import dispatch
from datacatalog.services.jobs import Created, JobPlan, create_job
from datacatalog.services.nonces import create_nonce
from datacatalog.services.records import put_record
from datacatalog.settings import load

SYSTEM = "data-sd2e-community"

HIERARCHY: tuple[tuple[Kind, dict[str, Any]], ...] = (
    (Kind.CHALLENGE_PROBLEM, {"id": "TEST_CHALLENGE", "title": "A challenge"}),
    (
        Kind.EXPERIMENT_DESIGN,
        {"experiment_design_id": "Test-Design", "title": "A design", "uri": "https://example.org/design"},
    ),
    (Kind.EXPERIMENT, {"experiment_id": "experiment.tacc.10001", "title": "An experiment"}),
    (Kind.SAMPLE, {"sample_id": "sample.tacc.20001"}),
    (
        Kind.MEASUREMENT,
        {"measurement_id": "measurement.tacc.0xDEADBEEF", "measurement_type": "AUTOMATED_TEST"},
    ),
)

PIPELINE: dict[str, Any] = {
    "id": "tests/taco:1",
    "name": "Taco",
    "components": [{"id": "taco-1.0.0", "inputs": {}, "parameters": {"smoke": True}}],
    "processing_levels": ["1"],
}


@dataclass(slots=True)
class Catalog:
    """An installation in `home`, opened in this process.

    Attributes:
        nonce: opens all actors, UPDATE.
    """

    home: Path
    app: App
    nonce: str
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    # ------------------------------------------------------------------------------------ in process

    def hierarchy(self) -> dict[Kind, str]:
        """Load one record of each metadata level; return their UUIDs."""
        env, made, parent = self.app.env, {}, None
        for kind, fields in HIERARCHY:
            document = {**fields, **({"child_of": [parent]} if parent else {})}
            written = env.store.transact(lambda w, k=kind, d=document: put_record(k, d, w, env))
            made[kind] = parent = written.record.uuid
        return made

    def pipeline(self, **changes: Any) -> str:
        """Register a pipeline; return its UUID."""
        env = self.app.env
        message = CreatePipeline(document={**PIPELINE, **changes})
        return str(env.store.transact(lambda w: dispatch.handle(message, w, env)).result["uuid"])

    def job(self, pipeline: str | None = None, **changes: Any) -> Created:
        """Create a job of its own (random data, unless given)."""
        plan = JobPlan(
            pipeline_uuid=pipeline or self.pipeline(),  # type: ignore[arg-type]
            data=changes.pop("data", {"n": secrets.token_hex(8)}),
            **changes,
        )
        return create_job(plan, self.app.env)

    def state(self, uuid: str) -> str:
        found = self.app.env.store.read(lambda w: w.records.get(uuid))  # type: ignore[arg-type]
        return str(found.body["state"])

    def history(self, uuid: str) -> list[dict[str, Any]]:
        def whole(work: Any) -> list[dict[str, Any]]:
            entries, after = [], 0
            while page := work.history.page(uuid, after=after, limit=1000):
                entries += [entry.document() for _, entry in page]
                after = page[-1][0]
            return entries

        return self.app.env.store.read(whole)

    def work(self, *queues: str) -> int:
        """Handle every message that is due, in this thread; return how many."""
        worker = Worker(self.app)
        served, count = queues or (*dispatch.ACTORS, *self.app.tasks), 0
        while worker.work_once(served):
            count += 1
        return count

    # ------------------------------------------------------------------------------ own processes

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[bytes]:
        """Start `datacatalog ARGUMENTS` on this installation; `stop_all` ends it."""
        process = subprocess.Popen(
            [sys.executable, "-m", "datacatalog", *arguments],
            env={**os.environ, "DATACATALOG_CONFIG": str(self.home / "config.yml"), **environ},
            cwd=self.home,
        )
        self._processes.append(process)
        return process

    @property
    def url(self) -> str:
        return self.app.settings.api_url

    def wait_ready(self, timeout_s: float = 20) -> None:
        """Wait until the gateway answers."""
        until(lambda: requests.get(f"{self.url}/readyz", timeout=1).ok, timeout_s)

    def stop_all(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def post(
        self,
        actor: str,
        body: Mapping[str, Any] | str | bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> requests.Response:
        """Send a message to the running gateway."""
        data = json.dumps(body) if isinstance(body, Mapping) else body
        return requests.post(
            f"{self.url}/actors/v2/{actor}/messages",
            params={"x-nonce": self.nonce, **query},
            data=data,
            headers=dict(headers or {}),
            timeout=30,
        )


def until(true: Callable[[], bool], timeout_s: float = 20) -> None:
    """Wait until something becomes true; errors of requests count as not yet.

    Raises:
        TimeoutError.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if true():
                return
        except requests.RequestException:
            pass
        time.sleep(0.02)
    raise TimeoutError


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _engines() -> dict[str, dict[str, str]]:
    """Return the engines that the tests are to run on, each installation with a database and queues of its own.

    $DATACATALOG_TEST_STORE is a MongoDB URL without a database, $DATACATALOG_TEST_TRANSPORT an AMQP URL.
    """
    name, sections = f"t{secrets.token_hex(6)}", {}
    if store := os.environ.get("DATACATALOG_TEST_STORE"):
        sections["store"] = {"url": f"{store.rstrip('/')}/{name}"}
        atexit.register(_drop_database, store, name)
    if transport := os.environ.get("DATACATALOG_TEST_TRANSPORT"):
        sections["transport"] = {"url": f"{transport}?prefix={name}&expires=120"}
    return sections


def _drop_database(server: str, name: str) -> None:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(server)
    client.drop_database(name)
    client.close()


def install(home: Path, **sections: Mapping[str, Any]) -> Catalog:
    """Make an installation; `sections` go over the shipped configuration.

    It is closed with `app.close()`, and its processes end with `stop_all()`.
    """
    home.mkdir(parents=True, exist_ok=True)
    gateway = {"port": free_port(), **sections.pop("gateway", {})}
    (home / "config.yml").write_text(yaml.safe_dump({"gateway": gateway, **_engines(), **sections}))
    (home / "apps").mkdir(exist_ok=True)
    keys = home / "secrets.json"
    if not keys.exists():
        names = ("token_key", "administrator_key", "bearer_key")
        keys.touch(mode=0o600)
        keys.write_text(json.dumps({name: secrets.token_urlsafe(48) for name in names}))
    app = build_app(load(home / "config.yml", environ={}))
    if not app.settings.secrets.nonces:
        nonce = create_nonce(app.env, actor="jobs-manager", owner="platform")
        keys.write_text(json.dumps({**json.loads(keys.read_text()), "nonces": {"jobs-manager": nonce}}))
        app.close()
        app = build_app(load(home / "config.yml", environ={}))
    nonce = create_nonce(app.env, actor="*", owner="tests", level="UPDATE", lifetime=timedelta(hours=1))
    return Catalog(home=home, app=app, nonce=nonce)
