"""`datacatalog init`: what it makes, what it leaves alone, and that it can be cut off anywhere."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from pathlib import Path

import pytest
import yaml

from datacatalog.domain.tokens import SECRET_BYTES_MIN, digest_of
from datacatalog.interfaces.cli.installation import configured
from datacatalog.settings import shipped_config
from tests.acceptance.cli import Shell, made


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return made(tmp_path / "catalog")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def kept(home: Path) -> dict[str, bytes]:
    """The files that are never written over."""
    return {name: (home / name).read_bytes() for name in ("config.yml", "secrets.json")}


def test_init_makes_everything_that_a_catalog_needs(tmp_path: Path) -> None:
    home = tmp_path / "new" / "catalog"
    shell = Shell(home)
    told = shell.ask("init", str(home), "--port", "8123")
    assert told["home"] == str(home)
    assert told["url"] == "http://127.0.0.1:8123"
    assert sorted(told["created"]) == [str(home / "config.yml"), str(home / "secrets.json")]
    assert told["next"] == ["datacatalog up", "datacatalog doctor"]
    for name in ("apps", "storage/data-sd2e-community"):
        assert (home / name).is_dir()
    assert (home / "catalog.db").stat().st_size > 0
    assert shell.ask("doctor", "--offline")["well"]
    assert [path.name for path in home.iterdir() if path.name.endswith(".new")] == []


def test_secrets_are_long_random_and_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        shells = [made(tmp_path / name) for name in ("one", "two")]
    finally:
        os.umask(old)
    one, two = (shell.secrets for shell in shells)
    for key in ("token_key", "administrator_key", "bearer_key"):
        assert len(one[key]) >= SECRET_BYTES_MIN * 2
        assert one[key] != two[key]
    assert {mode(shell.home / "secrets.json") for shell in shells} == {0o600}
    assert {mode(shell.home) for shell in shells} == {0o700}
    assert mode(shells[0].home / "catalog.db") & 0o077 == 0


def test_callback_nonces_are_in_the_store_and_open_one_actor_each(shell: Shell) -> None:
    listed = {nonce["ref"]: nonce for nonce in shell.ask("nonce", "list")}
    for actor in ("jobs-manager", "jobs-indexer"):
        found = listed[digest_of(shell.secrets["nonces"][actor])[:12]]
        assert (found["actor"], found["level"], found["uses_left"]) == (actor, "EXECUTE", None)


def test_second_init_changes_nothing_and_says_so(shell: Shell) -> None:
    before, nonces = kept(shell.home), shell.ask("nonce", "list")
    assert shell.fails("init", str(shell.home)) == (4, "already-exists")
    assert shell.fails("init", str(shell.home), "--port", "9999") == (4, "already-exists")
    assert kept(shell.home) == before
    assert shell.ask("nonce", "list") == nonces


def test_options_are_what_the_settings_then_say(tmp_path: Path) -> None:
    home, root = tmp_path / "catalog", tmp_path / "my: archive"
    options = ("--port", "8123", "--host", "::1", "--storage-root", str(root), "--tenant", "yeast")
    Shell(home).ok("init", str(home), *options)
    config = yaml.safe_load((home / "config.yml").read_text())
    assert (config["gateway"]["port"], config["gateway"]["host"]) == (8123, "::1")
    assert config["storage"]["systems"]["data-sd2e-community"]["root"] == str(root)
    assert config["admin"]["tenant"] == "yeast"
    assert root.is_dir()


def test_configuration_without_choices_is_the_shipped_one() -> None:
    assert yaml.safe_load(configured({})) == shipped_config()


@pytest.mark.parametrize("choice", [("--tenant", "a: b"), ("--port", "http"), ("--port", "70000")])
def test_choice_that_cannot_be_is_refused_before_anything_is_made(
    choice: tuple[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "catalog"
    assert Shell(home).fails("init", str(home), *choice) == (2, "usage")
    assert not home.exists()


def test_init_goes_on_with_a_config_that_was_written_before(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("gateway: {port: 8123}\n")
    shell = Shell(tmp_path)
    told = shell.ask("init", str(tmp_path))
    assert told["created"] == [str(tmp_path / "secrets.json")]
    assert (tmp_path / "config.yml").read_text() == "gateway: {port: 8123}\n"
    assert told["url"] == "http://127.0.0.1:8123"


def test_config_that_cannot_be_used_leaves_nothing_else_behind(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("gateway: {port: soon}\n")
    assert Shell(tmp_path).fails("init", str(tmp_path)) == (78, "misconfigured")
    assert [path.name for path in tmp_path.iterdir()] == ["config.yml"]


@pytest.mark.parametrize("lost", ["nonces", "nonces secrets-draft", "apps", "config", "store"])
def test_init_that_was_cut_off_can_be_done_again(lost: str, shell: Shell) -> None:
    home, secrets = shell.home, shell.secrets
    nonces = secrets["nonces"]
    if "nonces" in lost:
        (home / "secrets.json").write_text(json.dumps({**secrets, "nonces": {}}))
    if "draft" in lost:
        (home / ".secrets.json.new").write_text('{"token_k')
    if lost == "apps":
        (home / "apps").rmdir()
        (home / "secrets.json").write_text(json.dumps({**secrets, "nonces": {}}))
    if lost == "config":
        (home / "config.yml").unlink()
    if lost == "store":
        for path in home.glob("catalog.db*"):
            path.unlink()
    shell.ok("init", str(home))
    assert {key: shell.secrets[key] for key in secrets if key != "nonces"} == {
        key: secrets[key] for key in secrets if key != "nonces"
    }
    assert (shell.secrets["nonces"] == nonces) == (lost == "config")
    assert len(shell.ask("nonce", "list")) == 2
    assert shell.ask("doctor", "--offline")["well"]
    assert mode(home / "secrets.json") == 0o600
    assert list(home.glob(".*.new")) == []


def test_store_whose_secrets_are_lost_gets_no_new_ones(shell: Shell) -> None:
    (shell.home / "secrets.json").unlink()
    assert shell.fails("init", str(shell.home)) == (4, "conflict")
    assert not (shell.home / "secrets.json").exists()


def test_two_inits_at_a_time_do_not_mix(tmp_path: Path) -> None:
    held = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert Shell(tmp_path).fails("init", str(tmp_path)) == (4, "conflict")
    finally:
        os.close(held)
    assert list(tmp_path.iterdir()) == []


def test_catalog_that_is_not_found_by_itself_is_named_for_the_shell(tmp_path: Path) -> None:
    home = tmp_path / "elsewhere"
    told = Shell(tmp_path / "usual").ask("init", str(home))
    assert told["next"][0] == f"export DATACATALOG_CONFIG={home / 'config.yml'}"
