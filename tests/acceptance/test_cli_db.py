"""`datacatalog db`: backup, restore, copy and migration of a whole ledger."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from datacatalog.adapters.stores.sqlite import schema
from datacatalog.bootstrap import build_app
from datacatalog.services.nonces import create_nonce, list_nonces
from datacatalog.settings import load
from tests.acceptance.cli import Shell, made
from tests.harness import until

pytestmark = pytest.mark.skipif(
    "DATACATALOG_TEST_STORE" in os.environ,
    reason="these are about ledger files; see test_db_copies for servers",
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with one job, to be copied."""
    shell = made(tmp_path_factory.mktemp("template") / "catalog")
    shell.job(n=1)
    return shell.home


@pytest.fixture
def shell(template: Path, tmp_path: Path) -> Shell:
    return Shell(shutil.copytree(template, tmp_path / "catalog"))


def ledger(shell: Shell) -> Path:
    return shell.home / "catalog.db"


def query(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(sql).fetchall()
        connection.commit()
    return found


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def gateway(shell: Shell) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway that has the ledger open."""
    process = subprocess.Popen(
        [sys.executable, "-m", "datacatalog", "serve", "--port", "0"],
        env={**os.environ, "DATACATALOG_CONFIG": str(shell.config)},
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b"Uvicorn running" in line or b"serving on" in line:
            break
    yield process
    process.terminate()
    process.wait(20)
    process.stderr.close()


# --------------------------------------------------------------------------------------------- backup


def test_backup_is_a_whole_ledger_in_one_file_for_its_owner_alone(shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "b" / "ledger.db"
    target.parent.mkdir()
    told = shell.ask("db", "backup", str(target))
    assert told["file"] == str(target)
    assert told["bytes"] == target.stat().st_size
    assert files_in(target.parent) == {"ledger.db"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert query(target, "PRAGMA journal_mode") == [("delete",)]
    assert query(target, "SELECT count(*) FROM jobs") == [(1,)]


def test_backup_writes_over_nothing(shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.write_text("keep me")
    assert shell.fails("db", "backup", str(target)) == (4, "already-exists")
    assert target.read_text() == "keep me"


def test_backup_that_cannot_be_written_leaves_nothing(shell: Shell, tmp_path: Path) -> None:
    status, _ = shell.fails("db", "backup", str(tmp_path / "nowhere" / "x"))
    assert status == 1
    assert not (tmp_path / "nowhere").exists()
    assert not [name for name in files_in(shell.home) if name.startswith(".")]


def test_ledger_that_is_not_there_is_not_made_to_be_backed_up(shell: Shell, tmp_path: Path) -> None:
    ledger(shell).unlink()
    assert shell.fails("db", "backup", str(tmp_path / "b.db")) == (3, "no-such-path")
    assert not ledger(shell).exists()


def test_backup_while_a_gateway_runs(shell: Shell, gateway: subprocess.Popen[bytes], tmp_path: Path) -> None:
    shell.ok("db", "backup", str(tmp_path / "b.db"))
    assert gateway.poll() is None
    assert query(tmp_path / "b.db", "SELECT count(*) FROM jobs") == [(1,)]


# -------------------------------------------------------------------------------------------- restore


def test_restore_brings_back_what_was_and_keeps_aside_what_is(shell: Shell, tmp_path: Path) -> None:
    backup = tmp_path / "b.db"
    shell.ok("db", "backup", str(backup))
    before = backup.read_bytes()
    later = shell.job(n=2)
    assert shell.fails("db", "restore", str(backup)) == (4, "already-exists")
    told = shell.ask("db", "restore", str(backup), "--replace")
    assert shell.run("jobs", "show", later).status == 3
    assert len(query(Path(told["aside"]), "SELECT uuid FROM jobs")) == 2
    assert files_in(shell.home) >= {"catalog.db", Path(told["aside"]).name}
    assert not [name for name in files_in(shell.home) if name.startswith(".")]
    assert stat.S_IMODE(ledger(shell).stat().st_mode) == 0o600
    assert backup.read_bytes() == before
    assert shell.ask("db", "check")["well"]
    assert shell.ask_doctor()["well"]


def test_restore_in_the_place_of_a_broken_ledger(shell: Shell, tmp_path: Path) -> None:
    shell.ok("db", "backup", str(tmp_path / "b.db"))
    broken = b"no database at all" * 1000
    ledger(shell).write_bytes(broken)
    told = shell.ask("db", "restore", str(tmp_path / "b.db"), "--replace")
    assert Path(told["aside"]).read_bytes() == broken
    assert shell.ask("db", "check")["well"]


def test_restore_into_a_lost_ledger(shell: Shell, tmp_path: Path) -> None:
    shell.ok("db", "backup", str(tmp_path / "b.db"))
    for path in shell.home.glob("catalog.db*"):
        path.unlink()
    told = shell.ask("db", "restore", str(tmp_path / "b.db"))
    assert told["aside"] is None
    assert shell.ask("db", "check")["well"]
    assert query(ledger(shell), "SELECT count(*) FROM jobs") == [(1,)]


def test_restore_revokes_credentials_but_those_of_callbacks(shell: Shell, tmp_path: Path) -> None:
    def nonce() -> None:
        app = build_app(load(shell.config, environ={}))
        create_nonce(app.env, actor="*", owner="ada", level="UPDATE", lifetime=timedelta(hours=1))
        app.close()

    def labels() -> list[str]:
        app = build_app(load(shell.config, environ={}))
        found = [each.owner for each in list_nonces(app.env)]
        app.close()
        return found

    nonce()
    shell.admin()
    shell.ok("db", "backup", str(tmp_path / "b.db"))
    told = shell.ask("db", "restore", str(tmp_path / "b.db"), "--replace")
    assert told["revoked"]["nonces"] == 1
    assert told["lost_callbacks"] == []
    assert set(labels()) == {"platform"}
    ledger(shell).unlink()
    told = shell.ask("db", "restore", str(tmp_path / "b.db"), "--keep-credentials")
    assert told["revoked"] == {"nonces": 0, "admin_tokens": 0}
    assert sorted(set(labels())) == ["ada", "platform"]


def test_restore_of_another_installation_s_ledger_says_that_callbacks_lack_their_nonces(
    shell: Shell, tmp_path: Path
) -> None:
    shell.ok("db", "backup", str(tmp_path / "b.db"))
    other = made(tmp_path / "other")
    told = other.ask("db", "restore", str(tmp_path / "b.db"), "--replace")
    assert told["lost_callbacks"] == ["jobs-indexer", "jobs-manager"]
    other.ok("init", str(other.home))
    assert other.ask_doctor()["well"]


def test_nothing_is_restored_while_a_gateway_runs(
    shell: Shell, gateway: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    shell.ok("db", "backup", str(tmp_path / "b.db"))
    assert shell.fails("db", "restore", str(tmp_path / "b.db"), "--replace") == (4, "conflict")
    assert not list(shell.home.glob("*.before-*"))
    gateway.terminate()
    until(lambda: gateway.poll() is not None)
    shell.ok("db", "restore", str(tmp_path / "b.db"), "--replace")


def newer(path: Path) -> None:
    query(path, f"PRAGMA user_version = {schema.VERSION + 1}")


def foreign(path: Path) -> None:
    path.unlink()
    query(path, "CREATE TABLE mine (x)")


def text(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8192])


def scratched(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 10 : 4096 * 60] = os.urandom(4096 * 50)
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [newer, foreign, text, empty, cut, scratched])
def test_what_is_no_whole_ledger_of_this_version_is_not_restored(
    shell: Shell, spoil: Any, tmp_path: Path
) -> None:
    backup = tmp_path / "b.db"
    shell.ok("db", "backup", str(backup))
    spoil(backup)
    before = query(ledger(shell), "SELECT uuid, body FROM jobs")
    assert shell.fails("db", "restore", str(backup), "--replace") == (2, "invalid-backup")
    assert query(ledger(shell), "SELECT uuid, body FROM jobs") == before
    assert not list(shell.home.glob("*.before-*"))
    assert not [name for name in files_in(shell.home) if name.startswith(".")]


def older_ledger(path: Path) -> None:
    """Make a ledger as the first version of the schema had it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in schema.MIGRATIONS[1].split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")


def test_backup_of_which_one_bit_changed_is_known_by_its_sha256(shell: Shell, tmp_path: Path) -> None:
    backup, spoiled = tmp_path / "b.db", tmp_path / "spoiled.db"
    sha256 = shell.ask("db", "backup", str(backup))["sha256"]
    content = bytearray(backup.read_bytes())
    content[content.index(b'"state"') + 1] ^= 1
    spoiled.write_bytes(content)
    refused = shell.run("db", "restore", str(spoiled), "--replace", "--sha256", sha256)
    assert (refused.status, "SHA-256" in refused.err) == (2, True)
    shell.ok("db", "restore", str(backup), "--replace", "--sha256", sha256.upper())


def test_older_ledger_is_migrated_where_it_is_restored(shell: Shell, tmp_path: Path) -> None:
    older_ledger(tmp_path / "old.db")
    told = shell.ask("db", "restore", str(tmp_path / "old.db"), "--replace")
    assert told["schema"] == 1
    assert query(ledger(shell), "PRAGMA user_version") == [(schema.VERSION,)]
    assert query(tmp_path / "old.db", "PRAGMA user_version") == [(1,)]


# ----------------------------------------------------------------------------------- migration, copies


def test_migration_is_told_beforehand_and_done(shell: Shell) -> None:
    ledger(shell).unlink()
    older_ledger(ledger(shell))
    steps = [f"schema {n} -> {n + 1}" for n in range(1, schema.VERSION)]
    assert shell.ask("db", "migrate", "--dry-run")["steps"] == steps
    assert query(ledger(shell), "PRAGMA user_version") == [(1,)]
    told = shell.ask("db", "migrate")
    assert (told["steps"], told["migrated"]) == (steps, True)
    assert told["facts"]["schema"] == schema.VERSION
    assert shell.ask("db", "migrate")["migrated"] is False


def test_newer_ledger_is_not_migrated(shell: Shell) -> None:
    newer(ledger(shell))
    assert shell.fails("db", "migrate", "--dry-run") == (2, "invalid-backup")
    assert shell.fails("db", "migrate") == (2, "invalid-backup")


def test_copy_of_a_ledger_is_proved_table_by_table(shell: Shell, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/copy.db"
    told = shell.ask("db", "copy", "store", url)
    assert told["tables"]["records"]["rows"] == 2
    assert len(told["tables"]["records"]["sha256"]) == 64
    assert shell.fails("db", "copy", "store", url) == (4, "already-exists")
    back = shell.ask("db", "copy", url, f"sqlite:///{tmp_path}/back.db")
    assert back["tables"] == told["tables"]
    assert shell.fails("db", "copy", url, url) == (4, "conflict")
    assert shell.fails("db", "copy", f"sqlite:///{tmp_path}/none.db", url) == (3, "no-such-path")


def test_prune_forgets_what_is_old_and_leaves_the_ledger(shell: Shell) -> None:
    assert shell.ask("db", "prune", "--older-than", "1d", "--dead-letters")["dead letters"] == 0
    gone = shell.ask("db", "prune", "--older-than", "0s")
    assert gone["executions"] >= 1
    assert query(ledger(shell), "SELECT count(*) FROM history") == [(1,)]
