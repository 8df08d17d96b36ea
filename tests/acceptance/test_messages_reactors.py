"""Reactors: one process per message, told by its environment, ending with the exit code of what came of it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from datacatalog.domain.errors import DatacatalogError
from datacatalog.domain.jobs.lifecycle import State
from datacatalog.interfaces.reactor.once import serve
from datacatalog.services.dispatch import ACTORS
from tests.acceptance.site import Site, changed

REACTORS = Path(__file__).parents[2] / "reactors"
NOBODY = "107acb4d-1f93-553a-9e1c-b7b58125bc89"


@dataclass(frozen=True)
class Ended:
    """How a reactor ended."""

    code: int
    out: str

    @property
    def outcome(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


def run(site: Site, actor: str, message: Any = None, *, stdin: str = "", **variables: str) -> Ended:
    """Run a reactor in this process."""
    environ = {"DATACATALOG_CONFIG": str(site.catalog.home / "config.yml"), **variables}
    if message is not None:
        environ["MSG"] = message if isinstance(message, str) else json.dumps(message)
    out = io.StringIO()
    config = REACTORS / actor / "config.yml"
    return Ended(serve(actor, config, environ, io.StringIO(stdin), out), out.getvalue())


def start(site: Site, actor: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a reactor as it is deployed: a process of its own."""
    return subprocess.run(
        [sys.executable, str(REACTORS / actor / "reactor.py")],
        env={**os.environ, "DATACATALOG_CONFIG": str(site.catalog.home / "config.yml"), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def event(job: Any, name: str, **fields: Any) -> dict[str, Any]:
    return {"uuid": job.job.uuid, "name": name, "token": job.token, **fields}


def test_process_handles_its_message_and_says_what_came_of_it(site: Site):
    job = site.job()
    ended = start(site, "jobs-manager", MSG=json.dumps(event(job, "run", data={"k": 1})))
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["state"] == site.state(job) == "RUNNING"
    assert "Job state is now: 'RUNNING'" in ended.stderr


@pytest.mark.parametrize(
    ("change", "code"),
    [({"name": "explode"}, 2), ({"uuid": NOBODY}, 3), ({"name": "finish"}, 4), ({"token": "x" * 17}, 77)],
)
def test_process_ends_with_the_code_of_its_error_and_writes_nothing(site: Site, change: Any, code: int):
    job = site.job()
    before = site.dump()
    ended = start(site, "jobs-manager", MSG=json.dumps({**event(job, "run"), **change}))
    assert (ended.returncode, ended.stdout) == (code, "")
    assert len(ended.stderr.strip().splitlines()) == 1
    assert job.token not in ended.stderr
    assert site.dump() == before


def test_process_without_a_catalog_ends_as_misconfigured(site: Site, tmp_path):
    ended = start(site, "jobs-manager", DATACATALOG_CONFIG=str(tmp_path / "none.yml"), MSG="{}")
    assert ended.returncode == 78
    assert "datacatalog init" in ended.stderr


def test_every_reactor_that_is_deployed_takes_its_own_messages(site: Site):
    assert {path.name for path in REACTORS.iterdir() if path.is_dir()} == set(ACTORS)
    app = {"id": "tests/reactor-1", "inputs": {}, "parameters": {}}
    made = run(site, "pipelines-manager", {"id": app["id"], "name": "R", "components": [app]})
    launched = run(site, "agave-proxy", {"job_definition": {"appId": app["id"]}})
    job = site.job(State.FINISHED)
    indexed = run(site, "jobs-indexer", "", uuid=job.job.uuid, token=job.token, level="2")
    assert (made.code, launched.code, indexed.code) == (0, 0, 0)
    assert made.outcome["created"] is True
    assert launched.outcome["state"] == "CREATED"
    assert indexed.outcome["state"] == "INDEXING"


@pytest.mark.parametrize(
    ("message", "variables"),
    [
        (None, {"event": "run"}),
        ("", {"name": "run"}),
        ('{"k": 1}', {"event": "RUN"}),
        (" ", {"status": "RUNNING", "session": "casual-bass", "note": "n"}),
    ],
)
def test_fields_may_stand_in_the_environment(site: Site, message: str | None, variables: dict[str, str]):
    job = site.job()
    assert run(site, "jobs-manager", message, uuid=job.job.uuid, token=job.token, **variables).code == 0
    assert site.state(job) == "RUNNING"


def test_message_may_come_on_standard_input(site: Site):
    job = site.job()
    assert run(site, "jobs-manager", stdin=json.dumps(event(job, "run"))).code == 0
    assert site.state(job) == "RUNNING"


def test_same_execution_twice_has_one_effect_and_one_answer(site: Site):
    job = site.job()
    first = run(site, "jobs-manager", event(job, "update"), _abaco_execution_id="one")
    before = site.dump()
    again = run(site, "jobs-manager", event(job, "update"), _abaco_execution_id="one")
    assert again == first
    assert site.dump() == before
    assert run(site, "jobs-manager", event(job, "run"), _abaco_execution_id="one").code == 4
    run(site, "jobs-manager", event(job, "update"), _abaco_execution_id="two")
    assert site.history(job) == ["create", "update", "update"]


@pytest.mark.parametrize(
    ("actor", "message", "variables", "code"),
    [
        ("jobs-manager", "{", {}, 2),
        ("jobs-manager", None, {}, 2),
        ("jobs-manager", "[]", {}, 2),
        ("jobs-manager", '{"uuid": "\udcff"}', {}, 2),
        ("jobs-manager", None, {"uuid": NOBODY, "event": "run", "token": "\udcff"}, 2),
        ("jobs-manager", None, {"uuid": NOBODY, "event": "run", "note": "\udcff"}, 2),
        ("jobs-manager", None, {"uuid": NOBODY, "event": "run"}, 3),
        ("jobs-manager", None, {"uuid": NOBODY, "event": "run", "name": "fail"}, 2),
        ("jobs-indexer", None, {"uuid": NOBODY, "level": "7"}, 2),
        ("pipelines-manager", "{}", {"action": "explode", "uuid": NOBODY}, 2),
        ("agave-proxy", '{"job_definition": {"appId": "nobody"}}', {}, 3),
        ("agave-proxy", '{"job_definition": {"appId": "a"}, "trusted": true}', {}, 2),
    ],
)
def test_message_that_cannot_be_taken_ends_with_its_code_and_writes_nothing(
    site: Site, actor: str, message: str | None, variables: dict[str, str], code: int
):
    before = site.dump()
    ended = run(site, actor, message, **variables)
    assert (ended.code, ended.out) == (code, "")
    assert changed(before, site.dump()) == set()


@pytest.mark.parametrize("token", ["", "x" * 17, "another's"])
@pytest.mark.parametrize("way", ["message", "variables"])
def test_wrong_token_is_refused_in_a_process_too(site: Site, token: str, way: str):
    job, shown = site.job(), site.job().token if token == "another's" else token
    before = site.dump()
    said = {"uuid": job.job.uuid, "name": "run", **({"token": shown} if shown else {})}
    ended = run(site, "jobs-manager", said) if way == "message" else run(site, "jobs-manager", **said)
    assert ended.code == 77
    assert site.dump() == before


def test_what_is_said_of_a_message_stays_on_one_line(site: Site):
    ended = start(
        site, "agave-proxy", MSG=json.dumps({"job_definition": {"appId": "x\nCRITICAL forged\r\n\x1b[31m"}})
    )
    assert ended.returncode == 3
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "\x1b" not in ended.stderr


def test_every_error_ends_with_a_code_that_tells_whether_to_try_again():
    codes = {}
    waiting = [DatacatalogError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        codes[error.code] = (error.exit, error.http)
    assert {exit_ for exit_, http in codes.values() if http in (429, 503)} == {75}
    assert {exit_ for exit_, http in codes.values() if http in (401, 403)} == {77}
    assert {exit_ for exit_, http in codes.values() if 400 <= http < 500} == {2, 3, 4, 75, 77}
