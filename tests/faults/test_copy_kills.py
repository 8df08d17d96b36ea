"""Copies, backups and restores are killed at any moment: none passes for whole, and a copy goes on where it was."""

from __future__ import annotations

import json
import os
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from datacatalog.domain.kinds import PREFIXES, Kind
from datacatalog.ports.stores.copying import Copyable
from datacatalog.services.copying import sums_of
from tests.harness import Catalog, install

RECORDS = 8_000
SEED = int(os.environ.get("DATACATALOG_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
SERVER = os.environ.get("DATACATALOG_TEST_MONGODB", "")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = install(tmp_path / "home", store={"url": "sqlite:///catalog.db"}, transport={"url": None})
    rows = (
        {
            "uuid": f"{PREFIXES[Kind.FILE]}00000-0000-5000-8000-{n:012x}",
            "kind": "file",
            "body": {"name": f"/products/v2/{n}.csv", "type": "CSV", "level": "1"},
            "revision": 0,
            "visible": True,
            "salt": "s",
            "admin": {},
            "created": n,
            "modified": n,
        }
        for n in range(RECORDS)
    )
    cast(Copyable, catalog.app.env.store).load("records", rows)
    yield catalog
    catalog.app.close()


def start(home: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "datacatalog", "--json", "db", *words],
        env={**os.environ, "DATACATALOG_CONFIG": str(home / "config.yml")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[bytes]) -> Any:
    said, wrong = process.communicate(timeout=120)
    assert process.returncode == 0, wrong
    return json.loads(said)


def killed(process: subprocess.Popen[bytes], after_s: float) -> bool:
    """Kill a process after a while; tell whether it still ran."""
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    process.communicate()
    return False


@pytest.fixture(params=["sqlite", "mongodb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/copy.db"
        return
    if not SERVER:
        pytest.skip("$DATACATALOG_TEST_MONGODB names no MongoDB server")
    from pymongo import MongoClient

    name = f"e_{secrets.token_hex(6)}"
    yield f"{SERVER.rstrip('/')}/{name}"
    with MongoClient[dict[str, Any]](SERVER) as client:
        client.drop_database(name)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_copy_that_is_killed_again_and_again_is_whole_in_the_end(catalog: Catalog, url: str) -> None:
    rng = random.Random(SEED)
    began = time.monotonic()
    other = url.replace("copy.db", "measure.db") if url.startswith("sqlite") else None
    if other is not None:
        ended(start(catalog.home, "copy", "store", other))
    whole_s = time.monotonic() - began if other is not None else 20.0
    kills = 0
    for _ in range(6):
        kills += killed(
            start(catalog.home, "copy", "store", url, "--resume"), rng.uniform(0.3, 1.1) * whole_s
        )
    assert kills > 0, f"seed {SEED}"
    process = start(catalog.home, "copy", "store", url, "--resume")
    said, wrong = process.communicate(timeout=300)
    if process.returncode == 4:
        # One of those before came to the end before it was to be killed: there is nothing to go on with any more.
        assert b"not empty" in wrong
        said, _ = start(
            catalog.home,
            "copy",
            url,
            f"{url}.back" if url.startswith("sqlite") else f"sqlite:///{catalog.home}/back.db",
        ).communicate()
    found = json.loads(said)["tables"]
    wanted = {
        table: {"rows": each.rows, "sha256": each.sha256}
        for table, each in sums_of(cast(Copyable, catalog.app.env.store)).items()
    }
    assert found == wanted


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_backup_and_restore_that_are_killed_leave_nothing_half(catalog: Catalog, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    backup = tmp_path / "whole.db"
    began = time.monotonic()
    ended(start(catalog.home, "backup", str(backup)))
    whole_s = time.monotonic() - began
    wanted = sums_of(cast(Copyable, catalog.app.env.store))
    catalog.app.close()
    for number in range(5):
        target = tmp_path / f"{number}.db"
        killed(start(catalog.home, "backup", str(target)), rng.uniform(0.3, 1.1) * whole_s)
        if target.exists():
            fresh = install(
                tmp_path / f"other-{number}", store={"url": "sqlite:///catalog.db"}, transport={"url": None}
            )
            fresh.app.close()
            ended(start(fresh.home, "restore", str(target), "--replace", "--keep-credentials"))
        killed(
            start(catalog.home, "restore", str(backup), "--replace", "--keep-credentials"),
            rng.uniform(0.3, 1.1) * whole_s,
        )
        assert ended(start(catalog.home, "check"))["well"], f"seed {SEED}"
        copy = f"sqlite:///{tmp_path}/copy-{number}.db"
        found = ended(start(catalog.home, "copy", "store", copy))["tables"]
        assert {table: each["sha256"] for table, each in found.items()} == {
            t: each.sha256 for t, each in wanted.items()
        }
