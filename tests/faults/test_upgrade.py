"""The version before and this one at the same ledger file: the old processes go on until they end, and cannot be started again."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from datacatalog.adapters.stores.sqlite import schema
from tests.harness import PIPELINE, free_port, until
from tests.shared import REPOSITORY

BEFORE = "889f05e"
"""A commit whose ledger has schema 2."""

ROUNDS = 12


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the version before."""
    folder = tmp_path_factory.mktemp("before")
    command = ["git", "-C", str(REPOSITORY), "archive", BEFORE, "src", "schemas", "config.yml"]
    archive = subprocess.run(command, capture_output=True)
    if archive.returncode:
        pytest.skip(f"the history of this repository does not have {BEFORE}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder / "src"


class Site:
    """One home, and processes of either version at it."""

    def __init__(self, home: Path, source: Path) -> None:
        self.home, self._source = home, source
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str, old: bool = False) -> subprocess.Popen[bytes]:
        environ = {**os.environ, "DATACATALOG_CONFIG": str(self.home / "config.yml")}
        if old:
            environ["PYTHONPATH"] = str(self._source)
        process = subprocess.Popen(
            [sys.executable, "-m", "datacatalog", *words], env=environ, stdout=subprocess.PIPE
        )
        self._running.append(process)
        return process

    def gateway(self, *, old: bool) -> str:
        port = free_port()
        self.start("serve", "--port", str(port), old=old)
        url = f"http://127.0.0.1:{port}"
        until(lambda: requests.get(f"{url}/readyz", timeout=2).ok, 60)
        return url

    def run(self, *words: str, old: bool = False) -> tuple[int, Any]:
        """Run a command; return its exit status, and what it said."""
        process = self.start("--json", *words, old=old)
        said, _ = process.communicate(timeout=60)
        return process.returncode, json.loads(said or "null")

    def ask(self, *words: str, old: bool = False) -> Any:
        status, said = self.run(*words, old=old)
        assert status == 0, (words, said)
        return said

    def send(self, url: str, job: str, name: str, **data: str) -> None:
        nonce = json.loads((self.home / "secrets.json").read_text())["nonces"]["jobs-manager"]
        event = {"uuid": job, "name": name, "token": self.ask("jobs", "token", job)["token"], "data": data}
        answer = requests.post(
            f"{url}/actors/v2/jobs-manager/messages", params={"x-nonce": nonce}, json=event, timeout=30
        )
        assert answer.ok, answer.text

    def schema(self) -> int:
        with closing(sqlite3.connect(self.home / "catalog.db")) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def stop(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.terminate()
        for process in self._running:
            process.communicate(timeout=30)


@pytest.fixture
def site(tmp_path: Path, before: Path) -> Iterator[Site]:
    site = Site(tmp_path / "home", before)
    yield site
    site.stop()


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_both_versions_write_until_the_old_one_ends(site: Site, tmp_path: Path) -> None:
    site.ask("init", str(site.home), "--port", "free", old=True)
    assert site.schema() == 2 < schema.VERSION
    old = site.gateway(old=True)
    site.start("worker", old=True)
    (tmp_path / "pipeline.json").write_text(json.dumps(PIPELINE))
    pipeline = site.ask("pipelines", "create", str(tmp_path / "pipeline.json"), old=True)["uuid"]
    job = site.ask("jobs", "create", "--pipeline", pipeline, "--data", "{}", old=True)["uuid"]

    steps = [f"schema {version} -> {version + 1}" for version in range(2, schema.VERSION)]
    assert site.ask("db", "migrate", "--dry-run")["steps"] == steps
    assert site.schema() == 2
    site.ask("db", "migrate")
    assert site.schema() == schema.VERSION
    new = site.gateway(old=False)
    site.start("worker")

    sent = [f"mark-{number}" for number in range(ROUNDS)]
    for number, mark in enumerate(sent):
        site.send((old, new)[number % 2], job, "update", mark=mark)
    site.send(old, job, "run")
    site.send(new, job, "finish")
    until(lambda: site.ask("jobs", "show", job)["last_event"] == "indexed", 60)
    history = site.ask("jobs", "history", job)
    assert [each["data"]["mark"] for each in history if each["name"] == "update"] == sent
    assert site.ask("db", "check")["well"]
    assert site.start("serve", "--port", "0", old=True).wait(60) == 78, "it does not open a newer ledger"
