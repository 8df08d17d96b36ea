"""Guessing at everything that opens something, over the gateway."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from datacatalog.domain.jobs.lifecycle import State
from datacatalog.services.access import make_admin_token
from datacatalog.services.throttle import FREE_GUESSES, WINDOW
from tests.acceptance.world import Request, World, bearer, nonce

GUESSER = "192.0.2.7"
PER_MINUTE = 500

Guess = Callable[[str], Request]


def _event(made: World, name: str, token: str) -> Request:
    body = {"uuid": made.jobs[State.FINISHED].job.uuid, "name": name, "token": token}
    path, query = "/actors/v2/jobs-manager/messages", {"x-nonce": made.called["good"]}
    return Request("POST", path, query, json.dumps(body).encode(), source=GUESSER)


def targets(made: World) -> Mapping[str, tuple[Guess, str, str]]:
    """Return what is guessed at: how, what opens it, and what the log calls it."""
    made.called["good"] = nonce(made.env)
    job = made.jobs[State.FINISHED]
    return {
        "update token": (lambda text: _event(made, "index", text), job.token, f"token:{job.job.uuid}"),
        "administrative token": (
            lambda text: _event(made, "reset", text),
            make_admin_token("a" * 32, made.env),
            "token:administrator",
        ),
        "nonce": (
            lambda text: Request("GET", "/actors/v2", {"x-nonce": text}, source=GUESSER),
            made.called["good"],
            "credentials",
        ),
        "bearer token": (
            lambda text: Request(
                "GET", "/actors/v2", headers={"authorization": f"Bearer {text}"}, source=GUESSER
            ),
            bearer(),
            "credentials",
        ),
    }


def guess(made: World, target: str, times: int, caplog: pytest.LogCaptureFixture) -> None:
    """Guess so often, `PER_MINUTE`, and hold everything to what was promised."""
    request, right, called = targets(made)[target]
    statuses: Counter[int] = Counter()
    guessed: list[str] = []
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    made.keep()

    async def go() -> None:
        for number in range(times):
            if number and number % PER_MINUTE == 0:
                made.here.clock.at += WINDOW
            guessed.append(secrets.token_urlsafe(13)[:17])
            status, _ = await made.knock(request(guessed[-1]))
            statuses[status] += 1
            if status == 429:
                assert 0 < int(made.headers["retry-after"]) <= 60

    asyncio.run(go())
    minutes = -(-times // PER_MINUTE)
    refused = 403 if "token" in called else 401
    assert statuses == {refused: FREE_GUESSES * minutes, 429: times - FREE_GUESSES * minutes}
    assert made.is_as_kept()
    told = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("datacatalog") and record.levelno >= logging.WARNING
    ]
    assert told == [
        f"{GUESSER} guessed {called} wrong {minute * PER_MINUTE + FREE_GUESSES + 1} times; it is slowed down"
        for minute in range(minutes)
    ]
    everything = caplog.text
    assert not [text for text in guessed if text in everything]
    if target == "administrative token":
        right = make_admin_token("a" * 32, made.env)
    status, answer = asyncio.run(made.knock(request(right)))
    assert status < 300, answer
    elsewhere = replace(request("x" * 17), source="192.0.2.8")
    assert asyncio.run(made.knock(elsewhere))[0] == refused
