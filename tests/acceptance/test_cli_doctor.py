"""`datacatalog doctor`: it finds what is wrong, and says what to do."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from tests.acceptance.cli import Shell, made
from tests.contracts.fake_site import serving
from tests.contracts.fake_tapis import app, fake_tapis
from tests.integration import wire


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return made(tmp_path / "catalog")


def test_fresh_catalog_is_well(shell: Shell) -> None:
    told = shell.ask("doctor")
    assert told["well"] is True
    assert told["url"].startswith("http://127.0.0.1:")
    assert [each["check"] for each in told["checks"]] == [
        "settings", "secrets", "store", "store place", "store durability", "store log", "storage", "apps", "commands", "callbacks",
        "clock", "disk", "queue", "dead letters", "stuck jobs", "gateway",
    ]  # fmt: skip
    assert all(line.startswith("ok ") for line in shell.ok("doctor").splitlines())


def test_ledger_is_where_the_secrets_say(shell: Shell, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    assert shell.ok("db", "copy", "store", f"sqlite:///{elsewhere}")
    (shell.home / "catalog.db").unlink()
    secrets = shell.home / "secrets.json"
    secrets.write_text(json.dumps({**json.loads(secrets.read_text()), "store_url": f"sqlite:///{elsewhere}"}))
    assert all(line.startswith("ok ") for line in shell.ok("doctor", "--offline").splitlines())


def lose_config(home: Path) -> None:
    (home / "config.yml").unlink()


def open_secrets(home: Path) -> None:
    (home / "secrets.json").chmod(0o644)


def open_home(home: Path) -> None:
    home.chmod(0o777)


def open_apps(home: Path) -> None:
    (home / "apps").chmod(0o777)


def lose_store(home: Path) -> None:
    (home / "catalog.db").unlink()


def break_store(home: Path) -> None:
    (home / "catalog.db").write_bytes(b"no database at all" * 1000)


def lose_apps(home: Path) -> None:
    (home / "apps").rmdir()


def break_app(home: Path) -> None:
    (home / "apps" / "taco-1.0.0.yml").write_text("id: taco-1.0.0\n")


def future(home: Path) -> None:
    os.utime(home / "secrets.json", (4e9, 4e9))


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lose_config, "settings"),
        (open_secrets, "settings"),
        (open_home, "secrets"),
        (open_apps, "secrets"),
        (lose_store, "store"),
        (break_store, "start"),
        (break_app, "start"),
        (lose_apps, "apps"),
        (future, "clock"),
    ],
)
def test_doctor_finds_what_is_wrong_and_says_what_to_do(
    spoil: Callable[[Path], None], check: str, shell: Shell
) -> None:
    spoil(shell.home)
    told = shell.ask_doctor()
    bad = [each for each in told["checks"] if not each["well"]]
    assert told["well"] is False
    assert [each["check"] for each in bad] == [check]
    assert bad[0]["found"]
    assert bad[0]["do"]
    ran = shell.run("doctor", "--offline")
    assert ran.status == 1
    assert f"BAD  {check}: " in ran.out
    assert "     do: " in ran.out


def test_disk_is_looked_at_where_the_ledger_cannot_be_opened(shell: Shell) -> None:
    (shell.home / "catalog.db").unlink()
    (shell.home / "catalog.db").mkdir()
    assert [each["check"] for each in shell.ask_doctor()["checks"]] == [
        "settings",
        "secrets",
        "store",
        "disk",
    ]


def test_storage_that_cannot_be_written_is_found(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATACATALOG_STORAGE__SYSTEMS__DATA__ROOT", "/proc")
    told = shell.ask_doctor()
    assert [each["check"] for each in told["checks"] if not each["well"]] == ["storage"]


def test_job_that_nobody_indexes_any_more_is_found(shell: Shell) -> None:
    job = shell.job(stuck=1)
    for event in ("run", "finish", "index"):
        shell.ok("jobs", "event", job, event)
    assert shell.ask_doctor()["well"]
    bury_index_task(shell)
    found = {each["check"]: each for each in shell.ask_doctor()["checks"]}
    assert job in found["stuck jobs"]["found"]


def bury_index_task(shell: Shell) -> None:
    from datetime import timedelta

    from datacatalog.bootstrap import build_app
    from datacatalog.settings import load

    app = build_app(load(shell.config, environ={}))
    delivery = app.env.transport.claim(["index-archive"], lease=timedelta(seconds=30))
    assert delivery is not None
    app.env.transport.bury(delivery, reason="for the test")
    app.close()


def test_something_else_at_the_gateways_address_is_found(shell: Shell) -> None:
    url = shell.ask_doctor()["url"]
    with socket.create_server(("127.0.0.1", int(url.rpartition(":")[2]))) as other:
        other.settimeout(0.1)
        found: dict[str, Any] = {each["check"]: each for each in shell.ask_doctor(offline=False)["checks"]}
    assert found["gateway"]["well"] is False
    assert "taken" in found["gateway"]["found"]


def test_platform_of_another_site_is_asked(shell: Shell) -> None:
    token = "doctors-own-token"
    with serving(fake_tapis(token, app("tacobot9000", "0.1.0"))) as there:
        config = yaml.safe_load(shell.config.read_text()) | {"platform": {"kind": "tapis", "url": there.url}}
        shell.config.write_text(yaml.safe_dump(config))
        keys = json.loads((shell.home / "secrets.json").read_text())
        (shell.home / "secrets.json").write_text(json.dumps({**keys, "platform_token": token}))
        found = {each["check"]: each for each in shell.ask("doctor")["checks"]}
        assert found["platform"]["found"] == f"1 apps at {there.url}"
        there.token = "another one by now"
        found = {each["check"]: each for each in shell.run("--json", "doctor").json["checks"]}
        assert "platform_token of secrets.json" in found["platform"]["found"]
        asked = len(there.calls)
        shell.run("doctor", "--offline")
        assert len(there.calls) == asked


def test_cluster_that_cannot_be_asked_is_told(shell: Shell) -> None:
    config = (
        shell.config.read_text()
        .replace("kind: local", "kind: slurm")
        .replace("commands: null", "commands: nowhere")
    )
    shell.config.write_text(config)
    found = {each["check"]: each for each in shell.run("--json", "doctor", "--offline").json["checks"]}
    assert not found["commands"]["well"]
    assert "scontrol cannot be run" in found["commands"]["found"]


def test_issuer_of_tokens_is_asked_for_its_keys(shell: Shell) -> None:
    entry = jwt.get_algorithm_by_name("ES256").to_jwk(
        ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True
    )
    published: list[object] = [{"keys": [entry]}, {"keys": []}, {"error": "no such page"}]
    pages = iter(published)
    with wire.serving(lambda asked: asked.say("200 OK", body=json.dumps(next(pages)).encode())) as there:
        url = f"http://127.0.0.1:{there.port}"
        bearer = {"algorithm": "ES256", "jwks_url": f"{url}/keys"}
        config = yaml.safe_load(shell.config.read_text()) | {"bearer": bearer}
        shell.config.write_text(yaml.safe_dump(config))
        told = [shell.ask_doctor(offline=False)["checks"] for _ in published]
        offline = {each["check"]: each["found"] for each in shell.ask_doctor()["checks"]}
        assert offline["issuer"] == "not asked (--offline)"
    issuer = [{each["check"]: each for each in checks}["issuer"] for checks in told]
    assert [each["well"] for each in issuer] == [True, False, False]
    assert issuer[0]["found"] == f"1 keys of ES256 at {url}/keys"
    assert "no key of ES256" in issuer[1]["found"]
    assert "no key set" in issuer[2]["found"]
    checks = {each["check"]: each for each in shell.ask_doctor(offline=False)["checks"]}
    assert "nobody takes connections" in checks["issuer"]["found"]
