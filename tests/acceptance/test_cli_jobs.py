"""`datacatalog jobs`: created, moved, watched, reset, deleted."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from datacatalog.bootstrap import build_app
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.settings import load
from tests.acceptance.cli import Shell, made

NAP = [{"id": "nap-1.0", "inputs": {}, "parameters": {}}]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = made(tmp_path_factory.mktemp("cli") / "catalog")
    records = [
        {"experiment_id": "experiment.tacc.10001", "title": "An experiment"},
        {"sample_id": "sample.tacc.20001"},
        {"sample_id": "sample.tacc.20002"},
    ]
    shell.ok("load", "-", stdin=json.dumps(records))
    return shell


def names(shell: Shell, job: str) -> list[str]:
    return [entry["name"] for entry in shell.ask("jobs", "history", job)]


def test_same_run_again_is_the_same_job(shell: Shell) -> None:
    words = (
        "jobs",
        "create",
        "--pipeline",
        shell.pipeline(),
        "--data",
        '{"n": 1}',
        "--sample",
        "sample.tacc.20001",
    )
    first, again = shell.ask(*words), shell.ask(*words)
    assert (first["created"], again["created"]) == (True, False)
    assert {**first, "created": False} == again
    assert first["state"] == "CREATED"
    assert first["archive_uri"].startswith("agave://data-sd2e-community/products/v2/")
    assert "token" not in first


def test_what_a_job_is_about_may_be_said_by_several_options(shell: Shell) -> None:
    pipeline = shell.pipeline()
    linked = ("--sample", "sample.tacc.20001", "--sample", "sample.tacc.20002")
    job = shell.ask("jobs", "create", "--pipeline", pipeline, *linked)["uuid"]
    document = shell.ask("jobs", "show", job)
    samples = {shell.ask("lineage", s)["start"] for s in ("sample.tacc.20001", "sample.tacc.20002")}
    assert set(document["child_of"]) == samples
    assert document["generated_by"] == [pipeline]
    words = ("jobs", "create", "--pipeline", pipeline, "--experiment", "experiment.nobody")
    assert shell.fails(*words) == (3, "unknown-record")


def test_data_may_come_from_a_file(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"alpha": 0.5}')
    words = ("jobs", "create", "--pipeline", shell.pipeline(), "--data")
    job = shell.ask(*words, f"@{tmp_path / 'data.json'}")
    assert shell.ask(*words, "@-", stdin='{"alpha": 0.5}')["uuid"] == job["uuid"]
    assert shell.ask("jobs", "show", job["uuid"])["data"] == {"alpha": 0.5}
    assert shell.fails(*words, "[1]") == (2, "invalid-json")
    assert shell.fails(*words, f"@{tmp_path / 'none.json'}") == (1, "io")


def test_places_sessions_and_patterns_are_what_was_asked_for(shell: Shell) -> None:
    pipeline = shell.pipeline()
    uri = "agave://data-sd2e-community/products/v2/by-hand"
    words = ("jobs", "create", "--pipeline", pipeline, "--data")
    job = shell.ask(*words, '{"n": 2}', "--archive-path", uri, "--pattern", r"\.csv$", "--level", "2")
    assert job["archive_uri"] == uri
    assert shell.ask("jobs", "show", job["uuid"])["archive_patterns"] == [
        {"patterns": [r"\.csv$"], "level": "2"}
    ]
    named = shell.ask(*words, '{"n": 3}', "--session", "casual-bass")
    assert named["session"] == "casual-bass"
    assert "/casual-bass-" in named["archive_uri"]
    plain = shell.ask(*words, '{"n": 4}', "--session", "casual-bass", "--no-instance")
    assert "casual-bass" not in plain["archive_uri"]


def test_events_move_a_job_and_are_kept(shell: Shell) -> None:
    job = shell.job(move=1)
    assert shell.ask("jobs", "event", job, "run")["state"] == "RUNNING"
    moved = shell.ask("jobs", "event", job, "UPDATE", "--data", '{"leaves": 12}')
    assert (moved["last_event"], "token" in moved) == ("update", False)
    assert names(shell, job) == ["create", "run", "update"]
    assert shell.ask("jobs", "history", job)[-1]["data"] == {"leaves": 12}
    lines = shell.ok("jobs", "history", job).splitlines()
    assert [line.split()[1:3] for line in lines] == [
        ["create", "CREATED"],
        ["run", "RUNNING"],
        ["update", "RUNNING"],
    ]


def test_reason_that_came_in_body_and_url_is_told_once(shell: Shell) -> None:
    job = shell.job()
    said = {"status": "STOPPED", "lastStatusMessage": "on request", "note": "on request"}
    shell.ok("jobs", "event", job, "run", "--data", json.dumps(said))
    assert shell.ok("jobs", "history", job).splitlines()[-1].endswith("STOPPED: on request")


def test_owner_of_the_files_is_held_to_the_same_rules(shell: Shell) -> None:
    job = shell.job(rules=1)
    event = ("jobs", "event", job)
    assert shell.fails(*event, "validate") == (4, "illegal-transition")
    assert shell.fails(*event, "create") == (77, "reserved-event")
    assert shell.fails(*event, "reset") == (77, "invalid-admin-token")
    assert shell.fails(*event, "ready") == (77, "invalid-admin-token")
    assert shell.fails(*event, "sleep") == (2, "invalid-field")
    assert shell.fails(*event, "run", "--token", "x" * 17) == (77, "invalid-token")
    assert names(shell, job) == ["create"]


def test_update_token_and_administrative_token_open_what_they_should(shell: Shell) -> None:
    job = shell.job(tokens=1)
    token = shell.ok("jobs", "token", job).strip()
    assert shell.ask("jobs", "token", job) == {"uuid": job, "token": token}
    assert shell.ask("jobs", "event", job, "run", "--token", token)["state"] == "RUNNING"
    assert shell.fails("jobs", "reset", job, "--token", token) == (77, "invalid-admin-token")
    assert shell.fails("jobs", "delete", job, "--token", token) == (77, "invalid-admin-token")
    assert shell.ask("jobs", "event", job, "reset", "--token", shell.admin())["state"] == "RESET"
    assert shell.ask("jobs", "event", job, "ready", "--token", shell.admin())["state"] == "CREATED"


@pytest.mark.parametrize("clear", [True, False])
def test_reset_takes_a_job_back_and_clears_its_archive_unless_told_not_to(clear: bool, shell: Shell) -> None:
    job = shell.job(reset=clear)
    archive = (
        shell.home
        / "storage/data-sd2e-community"
        / shell.ask("jobs", "show", job)["archive_path"].lstrip("/")
    )
    (archive / "old.csv").write_text("1\n")
    shell.ok("jobs", "event", job, "fail")
    options = [] if clear else ["--no-clear"]
    assert shell.ask("jobs", "reset", job, "--token", shell.admin(), *options)["state"] == "CREATED"
    assert (archive / "old.csv").exists() == (not clear)
    assert names(shell, job) == ["create", "fail", "reset", "ready"]


def test_token_may_come_from_the_environment(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    job = shell.job(environ=1)
    monkeypatch.setenv("DATACATALOG_TOKEN", shell.admin())
    assert shell.ask("jobs", "reset", job)["state"] == "CREATED"


def test_deleted_job_is_hidden_and_removed_where_that_is_forced(shell: Shell) -> None:
    job = shell.job(delete=1)
    assert shell.ask("jobs", "delete", job, "--token", shell.admin())["deleted"] == "hidden"
    assert shell.fails("jobs", "show", job) == (3, "unknown-record")
    assert job not in {j["uuid"] for j in shell.ask("jobs", "list", "--limit", "1000")}
    [hidden] = [j for j in shell.ask("jobs", "list", "--all", "--limit", "1000") if j["uuid"] == job]
    assert hidden["hidden"] is True
    assert shell.ask("jobs", "delete", job, "--force", "--token", shell.admin())["deleted"] == "purged"
    assert job not in {j["uuid"] for j in shell.ask("jobs", "list", "--all", "--limit", "1000")}


def test_list_is_of_the_state_and_the_pipeline_that_are_asked_for(shell: Shell) -> None:
    pipeline = shell.pipeline(id="tests/listed:1")
    words = ("jobs", "create", "--pipeline", pipeline, "--data")
    one, two = (shell.ask(*words, json.dumps({"n": n}))["uuid"] for n in range(2))
    shell.ok("jobs", "event", two, "run")
    listed = ("jobs", "list", "--pipeline", "tests/listed:1")
    assert {j["uuid"] for j in shell.ask(*listed)} == {one, two}
    [running] = shell.ask(*listed, "--state", "running")
    assert (running["uuid"], running["state"]) == (two, "RUNNING")


# -------------------------------------------------------------------------------------------- watching


def test_watch_ends_well_once_the_outputs_are_indexed(shell: Shell) -> None:
    job = shell.job(watch=1)
    for event in ("run", "finish"):
        shell.ok("jobs", "event", job, event)
    assert shell.run("jobs", "watch", job, "--timeout", "0").status == 75
    worker = threading.Thread(target=shell.work)
    worker.start()
    ran = shell.run("jobs", "watch", job, "--timeout", "20")
    worker.join()
    assert (ran.status, ran.err) == (0, "")
    assert [line.split()[1] for line in ran.out.splitlines()] == [
        "create",
        "run",
        "finish",
        "index",
        "indexed",
    ]
    document = shell.ask("jobs", "watch", job)
    assert (document["state"], document["history"][-1]["name"]) == ("FINISHED", "indexed")


def test_watch_ends_badly_where_the_job_fails(shell: Shell) -> None:
    job = shell.job(watch="fail")
    shell.ok("jobs", "event", job, "fail", "--data", '{"reason": "no disk"}')
    ran = shell.run("jobs", "watch", job)
    assert ran.status == 1
    assert ran.out.splitlines()[-1].split()[1:] == ["fail", "FAILED", "no", "disk"]
    assert shell.run("jobs", "watch", job, "--until", "FINISHED").status == 1
    assert shell.run("jobs", "watch", job, "--until", "failed").status == 0


def test_watch_sees_a_state_that_was_passed_by_but_not_one_before_a_reset(shell: Shell) -> None:
    job = shell.job(watch="until")
    for event in ("run", "finish"):
        shell.ok("jobs", "event", job, event)
    assert shell.run("jobs", "watch", job, "--until", "RUNNING").status == 0
    shell.ok("jobs", "reset", job, "--token", shell.admin())
    assert shell.run("jobs", "watch", job, "--until", "RUNNING", "--timeout", "0").status == 75


def test_history_is_followed_as_it_happens(shell: Shell) -> None:
    job = shell.job(follow=1)
    words = [
        sys.executable,
        "-m",
        "datacatalog",
        "--config",
        str(shell.config),
        "--json",
        "jobs",
        "history",
        job,
    ]
    with subprocess.Popen([*words, "--follow"], stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        seen = [json.loads(following.stdout.readline())["name"]]
        shell.ok("jobs", "event", job, "run")
        began = time.monotonic()
        seen.append(json.loads(following.stdout.readline())["name"])
        took_s = time.monotonic() - began
        following.terminate()
    assert seen == ["create", "run"]
    assert took_s < 5


def test_job_that_its_platform_is_told_to_stop_stops_before_it_ran(shell: Shell) -> None:
    (shell.home / "apps").mkdir(exist_ok=True)
    (shell.home / "apps/nap-1.0.yml").write_text(
        'id: nap-1.0\ncommand: ["{python}", "-c", "import time; time.sleep(60)"]\n'
    )
    shell.ok(
        "pipelines", "create", "-", stdin=json.dumps({"id": "nap-1.0", "name": "Nap", "components": NAP})
    )
    launch = {
        "job_definition": {"appId": "nap-1.0", "name": "nap"},
        "parameters": {"sample_id": "sample.tacc.20001"},
    }
    job = shell.ask("send", "agave-proxy", "-", stdin=json.dumps(launch))["outcome"]["uuid"]
    assert shell.run("jobs", "cancel", job).status == 3, "no platform has it yet"
    app = build_app(load(shell.config))
    while Worker(app).work_once(["launch-job"]):
        pass
    told = shell.ask("jobs", "cancel", job)
    while Worker(app).work_once(["platform-stops"]):
        pass
    assert told["uuid"] == job
    assert app.env.platform.job(told["job_id"]).status == "STOPPED"
    app.close()
