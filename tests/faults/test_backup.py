"""Backups are taken while clients write; each is restored, checked, and asked for everything that was acknowledged before it began."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from datacatalog.bootstrap import build_app
from datacatalog.domain.kinds import TypedUuid
from datacatalog.settings import load
from tests.harness import Catalog, free_port, install, until

CLIENTS = 8
BACKUPS = 4
PAUSE_S = 1.5
DRAINED_WITHIN_S = 120


class Writer(threading.Thread):
    """Sends events to a job of its own, each with a mark, and notes those that were acknowledged."""

    def __init__(self, catalog: Catalog, pipeline: str) -> None:
        super().__init__(daemon=True)
        job = catalog.job(pipeline)
        self.job, self._token = job.job.uuid, job.token
        self.acknowledged: list[str] = []
        self.faults: list[str] = []
        self.stopping = threading.Event()
        self._catalog, self._session = catalog, requests.Session()

    def run(self) -> None:
        while not self.stopping.is_set():
            mark = secrets.token_hex(8)
            event = {"uuid": self.job, "name": "update", "token": self._token, "data": {"mark": mark}}
            answer = self._session.post(
                f"{self._catalog.url}/actors/v2/jobs-manager/messages",
                params={"x-nonce": self._catalog.nonce},
                data=json.dumps(event),
                timeout=30,
            )
            if answer.ok:
                self.acknowledged.append(mark)
            elif answer.status_code in (429, 503):
                time.sleep(float(answer.headers.get("Retry-After", "1")))
            else:
                self.faults.append(f"{answer.status_code} {answer.text[:200]}")


def datacatalog(home: Path, *words: str) -> Any:
    """Run a command as a process; return what it says as JSON.  Raises AssertionError: it went wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "datacatalog", "--json", *words],
        env={**os.environ, "DATACATALOG_CONFIG": str(home / "config.yml")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return json.loads(done.stdout)


def marks_in(home: Path, jobs: list[str]) -> Counter[tuple[str, str]]:
    """Return how often each mark stands in the history of each job."""
    app = build_app(load(home / "config.yml", environ={}))
    found: Counter[tuple[str, str]] = Counter()
    try:
        for job in jobs:
            after = 0
            while page := app.env.store.read(
                lambda work, job=job, after=after: work.history.page(TypedUuid(job), after=after, limit=1000)  # type: ignore[misc]
            ):
                found.update(
                    (job, entry.data["mark"]) for _, entry in page if entry.data and "mark" in entry.data
                )
                after = page[-1][0]
    finally:
        app.close()
    return found


def elsewhere(home: Path, original: Path, sections: dict[str, Any]) -> Path:
    """Make a place for a restored ledger: an installation of the same secrets, with a ledger file that is not there yet."""
    place = install(home, store={"url": "sqlite:///catalog.db"}, transport={"url": None}, **sections)
    place.app.close()
    for path in home.glob("catalog.db*"):
        path.unlink()
    shutil.copy(original / "secrets.json", home / "secrets.json")
    return home


def drained(home: Path) -> None:
    """Run the restored catalog until nothing is left to do."""
    process = subprocess.Popen(
        [sys.executable, "-m", "datacatalog", "up", "--port", str(free_port())],
        env={**os.environ, "DATACATALOG_CONFIG": str(home / "config.yml")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: not any(row["depth"] for row in datacatalog(home, "queue", "list")), DRAINED_WITHIN_S)
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("delivery", ["inline", "queued"])
def test_backup_under_load_holds_all_that_was_acknowledged_before(
    delivery: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sections = {"actors": {"jobs-manager": {"delivery": delivery}}}
    catalog = install(tmp_path / "home", **sections)
    pipeline = catalog.pipeline()
    writers = [Writer(catalog, pipeline) for _ in range(CLIENTS)]
    taken: list[tuple[Path, dict[str, list[str]]]] = []
    try:
        catalog.start("serve")
        catalog.start("worker")
        catalog.wait_ready()
        for writer in writers:
            writer.start()
        for number in range(BACKUPS):
            time.sleep(PAUSE_S)
            before = {writer.job: list(writer.acknowledged) for writer in writers}
            datacatalog(catalog.home, "db", "backup", str(tmp_path / f"{number}.db"))
            taken.append((tmp_path / f"{number}.db", before))
    finally:
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            if writer.is_alive():
                writer.join(60)
        catalog.stop_all()
        catalog.app.close()
    assert [fault for writer in writers for fault in writer.faults] == []
    counts = []
    for number, (backup, before) in enumerate(taken):
        home = elsewhere(tmp_path / f"restored-{number}", catalog.home, sections)
        datacatalog(home, "db", "restore", str(backup))
        assert datacatalog(home, "db", "check")["well"]
        if delivery == "queued":
            drained(home)
            assert datacatalog(home, "db", "check")["well"]
        found = marks_in(home, list(before))
        wanted = {(job, mark) for job, marks in before.items() for mark in marks}
        assert wanted - found.keys() == set(), "acknowledged before the backup began, and not in it"
        assert max(found.values()) == 1
        counts.append((len(wanted), len(found)))
    assert all(acknowledged > 0 for acknowledged, _ in counts)
    assert counts == sorted(counts)
    with capsys.disabled():
        print(f"\n{delivery}: acknowledged before each backup began, and found in it: {counts}")
