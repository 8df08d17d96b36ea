"""`datacatalog token`, `nonce`, `send` and `queue`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datacatalog.adapters.bearer import Bearer
from datacatalog.bootstrap import build_app
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.settings import load
from tests.acceptance.cli import PIPELINE, Shell, made


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return made(tmp_path_factory.mktemp("cli") / "catalog")


# ----------------------------------------------------------------------------------------------- tokens


def test_administrative_token_is_made_with_the_key_alone(shell: Shell, tmp_path: Path) -> None:
    assert len(shell.admin()) == 17
    key = tmp_path / "key"
    key.write_text(shell.secrets["administrator_key"] + "\n")
    assert shell.ask("token", "admin", "--key-file", str(key)).keys() == {"token", "lifetime_s"}
    stdin = shell.secrets["administrator_key"]
    assert len(shell.ok("token", "admin", "--key-file", "-", stdin=stdin).strip()) == 17
    key.write_text("x" * 64)
    assert shell.fails("token", "admin", "--key-file", str(key)) == (77, "bad-credentials")


def test_bearer_token_says_who_runs_a_request_and_for_how_long(shell: Shell) -> None:
    made_one = shell.ask("token", "bearer", "--user", "ada", "--level", "READ", "--lifetime", "5m")
    assert made_one["lifetime_s"] == 300
    app = build_app(load(shell.config, environ={}))
    assert app.bearer.read(made_one["token"]) == Bearer(name="ada", level="READ")
    app.close()
    assert shell.ok("token", "bearer", "--user", "ada").count(".") == 2
    assert shell.fails("token", "bearer", "--user", "ada", "--lifetime", "long") == (2, "usage")


def test_bearer_tokens_that_are_issued_elsewhere_are_not_made_here(tmp_path: Path) -> None:
    shell = made(tmp_path / "catalog")
    (tmp_path / "key.pem").write_text("-----BEGIN PUBLIC KEY-----\n")
    with shell.config.open("a") as config:
        config.write(f"\nbearer: {{algorithm: ES256, public_key_file: {tmp_path / 'key.pem'}}}\n")
    assert shell.fails("token", "bearer", "--user", "ada") == (78, "misconfigured")


def test_rotated_token_opens_nothing_any_more(shell: Shell) -> None:
    job = shell.job(rotate=1)
    old = shell.ok("jobs", "token", job).strip()
    assert shell.fails("token", "rotate", job, "--token", old) == (77, "invalid-admin-token")
    assert shell.ask("token", "rotate", job, "--token", shell.admin()) == {"uuid": job, "revoked": True}
    assert shell.fails("jobs", "event", job, "run", "--token", old) == (77, "invalid-token")
    new = shell.ok("jobs", "token", job).strip()
    assert new != old
    assert shell.ask("jobs", "event", job, "run", "--token", new)["state"] == "RUNNING"


def test_token_may_come_by_standard_input_and_stands_on_no_command_line(shell: Shell) -> None:
    job = shell.job(stdin=1)
    token = shell.ok("jobs", "token", job)
    assert json.loads(shell.ok("--json", "jobs", "event", job, "run", "--token", "-", stdin=token))["state"]
    admin = shell.admin()
    assert "revoked" in shell.ok("token", "rotate", job, "--token", "-", stdin=f"{admin}\n")
    assert shell.fails("jobs", "event", job, "update", "--token", "-", stdin="\n") == (2, "usage")


# ----------------------------------------------------------------------------------------------- nonces


def test_nonce_is_shown_once_listed_without_itself_and_revoked_by_its_reference(shell: Shell) -> None:
    options = ("--actor", "jobs-manager.prod", "--level", "READ", "--max-uses", "3", "--lifetime", "7d")
    nonce = shell.ok("nonce", "create", *options).strip()
    [listed] = [n for n in shell.ask("nonce", "list") if n["uses_left"] == 3]
    assert (listed["actor"], listed["level"], listed["owner"]) == ("jobs-manager", "READ", "local")
    assert nonce not in json.dumps(shell.ask("nonce", "list"))
    assert shell.ask("nonce", "revoke", listed["ref"]) == {"revoked": True}
    assert shell.fails("nonce", "revoke", listed["ref"]) == (3, "unknown-record")
    assert listed["ref"] not in {n["ref"] for n in shell.ask("nonce", "list")}


def test_nonce_may_be_revoked_by_itself_and_is_not_said_again(shell: Shell) -> None:
    nonce = shell.ask("nonce", "create", "--actor", "*")["nonce"]
    assert shell.ask("nonce", "revoke", nonce) == {"revoked": True}
    ran = shell.run("nonce", "revoke", nonce)
    assert ran.status == 3
    assert nonce not in ran.err


def test_nonce_and_bearer_token_are_for_people_of_a_tenant(shell: Shell) -> None:
    nonce = shell.ok("nonce", "create", "--actor", "*", "--tenant", "guests", "--user", "ada").strip()
    assert nonce.startswith("guests_")
    (row,) = [row for row in shell.ask("nonce", "list") if row["tenant"] == "guests"]
    assert row["owner"] == "ada"
    assert shell.ask("nonce", "create", "--actor", "*")["tenant"] == "default"
    app = build_app(load(shell.config, environ={}))
    token = shell.ask("token", "bearer", "--user", "ada", "--tenant", "guests", "--project", "p")["token"]
    assert app.bearer.read(token) == Bearer(name="ada", level="EXECUTE", tenant="guests", project="p")
    app.close()
    assert "revoked" in shell.ok("nonce", "revoke", "-", stdin=nonce)
    assert not [row for row in shell.ask("nonce", "list") if row["tenant"] == "guests"]


# ----------------------------------------------------------------------------------------------- grants


def test_grants_are_given_listed_and_revoked(shell: Shell) -> None:
    one = shell.ask("grants", "add", "hosts", "--to", "guests")
    two = shell.ask("grants", "add", "hosts", "--to", "guests/ada", "--level", "UPDATE", "--days", "7")
    assert (one["to"], one["level"], one["expires"]) == ("guests", "READ", None)
    assert (two["to"], two["level"]) == ("guests/ada", "UPDATE")
    assert two["expires"]
    assert [row["id"] for row in shell.ask("grants", "list")] == [one["id"], two["id"]]
    assert shell.ask("grants", "remove", one["id"]) == {"id": one["id"], "revoked": True}
    assert [row["id"] for row in shell.ask("grants", "list")] == [two["id"]]
    assert shell.fails("grants", "remove", one["id"]) == (3, "unknown-record")


@pytest.mark.parametrize("to", ["", "/ada", "hosts", "guests/"])
def test_grant_to_nobody_or_to_oneself_is_refused(to: str, shell: Shell) -> None:
    assert shell.fails("grants", "add", "hosts", "--to", to) == (2, "invalid-field")


def test_nonce_for_an_unknown_actor_is_refused(shell: Shell) -> None:
    assert shell.fails("nonce", "create", "--actor", "nobody") == (3, "unknown-actor")


# ------------------------------------------------------------------------------------------------- send


def test_message_is_handled_here_as_a_gateway_would(shell: Shell) -> None:
    document = json.dumps({**PIPELINE, "id": "tests/sent:1"})
    answer = shell.ask("send", "pipelines-manager", "-", stdin=document)
    assert answer["outcome"]["created"] is True
    assert len(answer["outcome"]["token"]) == 17
    assert answer["executionId"]
    job = shell.job(sent=1)
    query = ("-q", f"uuid={job}", "-q", "name=run", "-q", f"token={shell.ok('jobs', 'token', job).strip()}")
    answer = shell.ask("send", "jobs-manager.prod", "-", *query, stdin="")
    assert answer["outcome"]["state"] == "RUNNING"
    assert answer["log"] == ["Job state is now: 'RUNNING'"]


def test_sender_needs_the_token_that_any_sender_needs(shell: Shell) -> None:
    job = shell.job(sent=2)
    message = json.dumps({"uuid": job, "name": "run"})
    assert shell.fails("send", "jobs-manager", "-", stdin=message) == (77, "missing-token")
    assert shell.fails("send", "jobs-manager", "-", stdin="{") == (2, "invalid-json")
    assert shell.ask("jobs", "show", job)["state"] == "CREATED"


@pytest.mark.parametrize("query", [("-q", "uuid"), ("-q", "=x"), ("-q", "a=1", "-q", "a=2")])
def test_url_parameter_that_is_none_is_refused(query: tuple[str, ...], shell: Shell) -> None:
    assert shell.fails("send", "jobs-manager", "-", *query, stdin="") == (2, "usage")


def test_message_waits_for_a_worker_where_the_actor_is_so_configured(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = shell.job(sent="queued")
    token = shell.ok("jobs", "token", job).strip()
    message = json.dumps({"uuid": job, "name": "run", "token": token})
    with monkeypatch.context() as environ:
        environ.setenv("DATACATALOG_ACTORS__JOBS-MANAGER__DELIVERY", "queued")
        assert shell.ask("send", "jobs-manager", "-", stdin=message)["outcome"] == {"queued": "JobEvent"}
    assert shell.ask("jobs", "show", job)["state"] == "CREATED"
    shell.work()
    assert shell.ask("jobs", "show", job)["state"] == "RUNNING"


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", "http://ada@localhost"])
def test_url_that_cannot_be_a_gateways_is_refused(url: str, shell: Shell) -> None:
    assert shell.fails("send", "jobs-manager", "-", "--url", url, stdin="") == (2, "usage")


def test_gateway_that_is_not_there_is_worth_another_try_and_hears_no_secret(shell: Shell) -> None:
    words = ("send", "jobs-manager", "-", "--url", "http://127.0.0.1:9", "--nonce", "TACC_hidden")
    ran = shell.run("--json", *words, stdin="{}")
    assert (ran.status, ran.error["code"]) == (75, "unreachable")
    assert "TACC_hidden" not in ran.err


# ----------------------------------------------------------------------------------------------- queues


def test_queues_tell_what_waits_and_what_was_given_up(tmp_path: Path) -> None:
    shell = made(tmp_path / "catalog")
    job = shell.job(queue=1)
    for event in ("run", "finish"):
        shell.ok("jobs", "event", job, event)
    depth = {each["queue"]: each["depth"] for each in shell.ask("queue", "list")}
    assert depth["jobs-indexer"] == 1
    assert depth["index-archive"] == depth["launch-job"] == 0
    assert shell.ask("queue", "dead") == []

    app = build_app(load(shell.config, environ={}))
    delivery = app.env.transport.claim(["jobs-indexer"], lease=Worker(app)._lease)
    assert delivery is not None
    app.env.transport.bury(delivery, reason="its time had come")
    app.close()
    [letter] = shell.ask("queue", "dead")
    assert (letter["queue"], letter["reason"], letter["tries"]) == ("jobs-indexer", "its time had come", 1)
    assert shell.ask("queue", "dead", "launch-job") == []
    assert not shell.ask_doctor()["well"]

    assert shell.ask("queue", "revive", "jobs-indexer", letter["id"])["revived"] is True
    assert shell.fails("queue", "revive", "jobs-indexer", letter["id"]) == (3, "unknown-record")
    assert shell.work() == 2
    assert shell.ask("jobs", "show", job)["last_event"] == "indexed"
    assert shell.ask_doctor()["well"]
