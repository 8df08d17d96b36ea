"""A session with planted secrets: none is found again in what is logged, answered to others, listed or kept in the clear."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest

from datacatalog.adapters.stores.memory.tables import Tables
from datacatalog.domain.jobs.lifecycle import State
from datacatalog.interfaces.cli.logs import OneLine
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.ports.platforms import PlatformJob
from datacatalog.services import dispatch
from datacatalog.services.access import make_admin_token
from tests.acceptance.world import Platform, Request, World, bearer, nonce, world

PATH = "/actors/v2/{}/messages"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What services write on standard error, all of it."""
    written, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(written)
    handler.setFormatter(OneLine())
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(level)
    root.removeHandler(handler)


class Tattler(Platform):
    """A platform whose errors tell everything."""

    def job(self, id: str) -> PlatformJob:
        if id == "tattle":
            told = self.notes["tattle"]
            raise RuntimeError(f"GET https://ada:{told}@example.org/?token={told} with Bearer {told} failed")
        return super().job(id)


def planted(made: World) -> Mapping[str, str]:
    """Return every secret of a session: what is right, and what is guessed."""
    job = made.jobs[State.FINISHED]
    return {
        "update token": job.token,
        "administrative token": make_admin_token("a" * 32, made.env),
        "nonce": nonce(made.env),
        "bearer": bearer(),
        "guessed token": "guess" + secrets.token_urlsafe(9),
        "guessed nonce": "TACC_" + secrets.token_urlsafe(24),
        "guessed bearer": "bearer-" + secrets.token_urlsafe(24),
        "administrator key": made.here.app.settings.secrets.administrator_key,
        "token key": made.here.app.settings.secrets.token_key,
    }


def session(made: World, plant: Mapping[str, str]) -> list[Request]:
    """Return requests of all sorts, right and wrong, that carry the secrets wherever they may stand."""
    job = made.jobs[State.FINISHED].job.uuid
    good, right, guessed = {"x-nonce": plant["nonce"]}, plant["update token"], plant["guessed token"]

    def send(actor: str, body: Any, **query: str) -> Request:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Request("POST", PATH.format(actor), {**good, **query}, content)

    event = {"uuid": job, "name": "index"}
    return [
        send("jobs-manager", {**event, "token": right}),
        send("jobs-manager", {**event, "token": guessed}),
        send("jobs-manager", {**event, "token": guessed, "surprise": plant["password"]}),
        send("jobs-manager", {"uuid": job, "name": "reset", "token": plant["administrative token"]}),
        send("jobs-manager", {"uuid": job, "name": "reset", "token": right}),
        send("jobs-manager", b"{" + right.encode(), uuid=job, event="update", token=right),
        send("jobs-manager", {"token": right, "note": 1}, uuid=job, event="update", token=right),
        send("jobs-manager", {**event, "token": right}, token=guessed),
        send("jobs-indexer", {**event, "token": right}),
        send("jobs-indexer", {**event, "token": guessed}),
        send("agave-proxy", {"job_definition": {"appId": "gone", "password": plant["password"]}}),
        send("pipelines-manager", {"action": "retire", "uuid": made.called["pipeline"], "token": guessed}),
        Request("GET", "/actors/v2", {"x-nonce": plant["guessed nonce"]}),
        Request("GET", "/actors/v2", headers={"authorization": f"Bearer {plant['guessed bearer']}"}),
        Request("GET", "/actors/v2", headers={"authorization": f"Basic {plant['guessed bearer']}"}),
        Request("GET", "/actors/v2", headers={"authorization": f"Bearer {plant['bearer']}"}),
        Request("GET", f"/actors/v2/jobs-manager/nonces/{plant['guessed nonce']}", good),
        Request("DELETE", f"/actors/v2/jobs-manager/nonces/{plant['guessed nonce']}", good),
        Request("GET", "/jobs/v2/tattle", good),
        *(Request("GET", path, good) for path in ("/actors/v2/jobs-manager/nonces", "/actors/v2")),
        *(Request("GET", f"/actors/v2/{actor}/executions", good) for actor in dispatch.ACTORS),
    ]


ISSUES = {"update token"}
"""What an answer holds on purpose: the token of a document, for whoever made it or showed it."""


@pytest.mark.parametrize("delivery", ["inline", "queued"])
def test_no_planted_secret_is_found_again(delivery: str, log: io.StringIO):
    password = "password-" + secrets.token_urlsafe(24)
    made = world(Tattler(notes={"tattle": password}))
    for name in dispatch.ACTORS:
        made.here.app.settings.config["actors"][name]["delivery"] = delivery
    plant = {**planted(made), "password": password}
    answers = []

    async def talk() -> None:
        for request in session(made, plant):
            status, answer = await made.knock(request)
            answers.append((status, str(answer)))
            assert status != 405

    asyncio.run(talk())
    kept = {name: getattr(made.env.store._tables, name) for name in _named()}  # type: ignore[attr-defined]
    waiting = str(kept["messages"])
    worker = Worker(made.here.app)
    while worker.work_once((*dispatch.ACTORS, *made.here.app.tasks)):
        pass
    letters = str([(letter.reason, letter.body) for letter in made.env.transport.dead()])
    found = {
        "the log": log.getvalue(),
        "refusals": str([answer for status, answer in answers if status >= 300]),
        "executions": str(kept["executions"]),
        "remembered answers": str(kept["answers"]),
        "histories": str(kept["history"]),
        "credentials": str(kept["credentials"]),
        "what waits": waiting,
        "dead letters": letters,
    }
    assert {status for status, _ in answers} >= {200, 400, 401, 403, 404, 500}
    assert "tattle" in found["the log"]
    for name, secret in plant.items():
        for place, text in found.items():
            assert secret not in text, (name, place)
        if name not in ISSUES:
            assert not [answer for _, answer in answers if secret in answer], name
    if delivery == "queued":
        assert len(letters) > 2


def _named() -> list[str]:
    return [each.name for each in fields(Tables)]


def test_log_hides_what_a_line_may_carry():
    secret = secrets.token_urlsafe(24)
    for line in (
        f"GET http://127.0.0.1/actors/v2?x-nonce=TACC_{secret} failed",
        f"DELETE /actors/v2/jobs-manager/nonces/guests_{secret}",
        f"Authorization: Bearer {secret}",
        f'refused {{"token": "{secret}"}}',
        f"https://ada:{secret}@example.org/hook",
    ):
        record = logging.LogRecord("datacatalog", logging.ERROR, "x.py", 1, "%s", (line,), None)
        assert secret not in OneLine().format(record)
        assert OneLine().format(replace_text(record, "a line that tells nothing")).endswith("tells nothing")


def replace_text(record: logging.LogRecord, text: str) -> logging.LogRecord:
    return logging.makeLogRecord({**record.__dict__, "args": (text,)})
