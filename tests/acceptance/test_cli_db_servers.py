"""`datacatalog db` between ledger files and a MongoDB server; the server is that of $DATACATALOG_TEST_MONGODB."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli import Shell, made

SERVER = os.environ.get("DATACATALOG_TEST_MONGODB", "")

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not SERVER, reason="$DATACATALOG_TEST_MONGODB names no MongoDB server"),
    pytest.mark.skipif("DATACATALOG_TEST_STORE" in os.environ, reason="begins with ledger files"),
]


@pytest.fixture
def url() -> Iterator[str]:
    """A database that is not there yet, and is gone afterwards."""
    from pymongo import MongoClient

    name = f"e_{secrets.token_hex(6)}"
    yield f"{SERVER.rstrip('/')}/{name}"
    with MongoClient[dict[str, Any]](SERVER) as client:
        client.drop_database(name)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = made(tmp_path / "catalog")
    job = shell.job(n=1)
    for event in ("run", "finish"):
        shell.ok("jobs", "event", job, event)
    shell.ok("load", "-", "--kind", "sample", stdin=json.dumps([{"sample_id": f"s.{n}"} for n in range(50)]))
    return shell


def at(shell: Shell, url: str) -> None:
    """Have a catalog's store elsewhere from now on."""
    secrets_file = shell.home / "secrets.json"
    secrets_file.write_text(json.dumps({**shell.secrets, "store_url": url}))


def test_catalog_moves_to_a_server_and_back(shell: Shell, url: str, tmp_path: Path) -> None:
    told = shell.ask("db", "copy", "store", url)
    assert told["tables"]["records"]["rows"] >= 50
    assert shell.fails("db", "copy", "store", url) == (4, "already-exists")
    back = f"sqlite:///{tmp_path}/back.db"
    assert shell.ask("db", "copy", url, back)["tables"] == told["tables"]
    jobs = shell.ask("jobs", "list")
    at(shell, url)
    assert shell.ask("jobs", "list") == jobs
    assert shell.ask("db", "check")["well"]
    shell.work()
    assert shell.ask("jobs", "show", jobs[0]["uuid"])["last_event"] == "indexed"
    assert shell.ask("db", "check")["well"]


def test_backup_of_a_server_is_a_ledger_file_and_goes_back(shell: Shell, url: str, tmp_path: Path) -> None:
    shell.ok("db", "copy", "store", url)
    jobs = shell.ask("jobs", "list")
    at(shell, url)
    shell.ok("db", "backup", str(tmp_path / "b.db"))
    assert shell.fails("db", "restore", str(tmp_path / "b.db")) == (4, "already-exists")
    at(shell, "sqlite:///restored.db")
    shell.ok("db", "restore", str(tmp_path / "b.db"))
    assert shell.ask("jobs", "list") == jobs
    at(shell, f"{url}_2")
    shell.ok("db", "restore", str(tmp_path / "b.db"))
    assert shell.ask("jobs", "list") == jobs
    assert shell.ask("db", "check")["well"]
    from pymongo import MongoClient

    with MongoClient[dict[str, Any]](SERVER) as client:
        client.drop_database(f"{url.rpartition('/')[2]}_2")


def test_new_database_is_set_up_by_migration(shell: Shell, url: str) -> None:
    at(shell, url)
    assert shell.ask("db", "migrate", "--dry-run")["steps"][0].startswith("schema 0 ->")
    assert shell.ask("db", "migrate")["facts"]["engine"] == "mongodb"
    assert shell.ask("db", "migrate", "--dry-run")["steps"] == []
