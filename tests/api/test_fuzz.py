"""A hundred thousand broken messages: each is answered as meant, and none with an error of the catalog's own."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from datacatalog.bootstrap import App
from datacatalog.interfaces.http.gateway import asgi
from datacatalog.services.access import token_of
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.env import Env
from datacatalog.services.jobs import Created
from datacatalog.services.nonces import create_nonce
from tests.api.mutations import Good, Sent, mutated
from tests.harness import install
from tests.unit.memory import memory

IN_MEMORY = int(os.environ.get("DATACATALOG_FUZZ_MESSAGES", "90000"))
ON_DISK = IN_MEMORY // 9
JOBS = 200
SEED = int(os.environ.get("DATACATALOG_FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)

MEANT = frozenset({200, 201, 202, 400, 401, 403, 404, 409, 413, 429})


def good_messages(env: Env, jobs: Sequence[Created]) -> list[Good]:
    """Return every example of the messages' schemas, about jobs and a pipeline that are there, with their tokens."""
    pipeline = env.store.read(lambda work: work.records.get(jobs[0].job.pipeline_uuid))
    about = {"pipelines-manager": [{"uuid": pipeline.uuid, "token": token_of(pipeline, env)}]}
    of_jobs = [{"uuid": made.job.uuid, "token": made.token} for made in jobs]
    found = []
    for actor, one in ACTORS.items():
        examples = [e for name in one.accepts for e in env.schemas.get(name).get("examples", [])]
        for example, keys in product(examples, about.get(actor, of_jobs)):
            if "uuid" in example:
                found.append(Good(actor=actor, body={**example, **keys}))
            else:
                found.append(Good(actor=actor, body=example, query=keys if actor == "jobs-manager" else {}))
    for keys, name in product(of_jobs, ("run", "update", "resource", "index", "indexed")):
        found.append(Good(actor="jobs-manager", body={"name": name, **keys, "data": {"n": [1, {"a": "b"}]}}))
        found.append(Good(actor="jobs-manager", body=None, query={**keys, "status": "RUNNING"}))
        found.append(Good(actor="jobs-manager", body={"any": "thing"}, query={**keys, "event": name}))
    return found


class Door:
    """The gateway, called as a server calls it, without one."""

    def __init__(self, app: App, nonce: str) -> None:
        self._asgi: Any = asgi(app)
        self._nonce = nonce
        self._numbers = iter(range(10**9))

    async def send(self, sent: Sent) -> tuple[int, bytes]:
        """Send a request, from an address of its own; return the status and the body of its answer."""
        number = next(self._numbers)
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": f"/actors/v2/{sent.actor}/messages",
            "raw_path": f"/actors/v2/{sent.actor}/messages".encode(),
            "query_string": f"x-nonce={self._nonce}&{sent.query}".encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.headers.items()],
            "client": (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1),
            "server": ("127.0.0.1", 1),
        }
        told: list[dict[str, Any]] = []
        parts: Iterator[dict[str, Any]] = iter(
            [{"type": "http.request", "body": sent.body, "more_body": False}]
        )

        async def receive() -> dict[str, Any]:
            return next(parts, {"type": "http.disconnect"})

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        await self._asgi(scope, receive, send)
        return told[0]["status"], b"".join(part.get("body", b"") for part in told[1:])


def answers(door: Door, messages: Iterable[Sent]) -> Counter[int]:
    """Send messages one after the other; return how often each status was answered."""

    async def all_sent() -> Counter[int]:
        seen: Counter[int] = Counter()
        for sent in messages:
            status, body = await door.send(sent)
            assert status in MEANT, (sent, status, body)
            assert json.loads(body)["status"] == ("success" if status < 300 else "error"), (sent, body)
            seen[status] += 1
        return seen

    return asyncio.run(all_sent())


@pytest.mark.api
@pytest.mark.timeout(1200)
def test_no_broken_message_meets_an_error_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    site = memory()
    jobs = [site.job() for _ in range(JOBS)]
    nonce = create_nonce(site.env, actor="*", owner="fuzz", level="UPDATE")
    seeds = good_messages(site.env, jobs)
    seen = answers(Door(site.app, nonce), mutated(seeds, SEED, IN_MEMORY))
    with capsys.disabled():
        print(f"\n{seen.total()} messages, DATACATALOG_FUZZ_SEED={SEED}: {dict(sorted(seen.items()))}")
    assert seen.total() == IN_MEMORY
    assert seen[200] > IN_MEMORY // 10  # else nothing of them gets beyond the door
    assert seen[400] > IN_MEMORY // 10


@pytest.mark.api
@pytest.mark.timeout(1200)
def test_no_broken_message_troubles_the_ledger_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = install(tmp_path / "home")
    try:
        pipeline = catalog.pipeline()
        seeds = good_messages(catalog.app.env, [catalog.job(pipeline) for _ in range(JOBS)])
        seen = answers(Door(catalog.app, catalog.nonce), mutated(seeds, SEED + 1, ON_DISK))
        with capsys.disabled():
            print(f"\n{seen.total()} messages, DATACATALOG_FUZZ_SEED={SEED}: {dict(sorted(seen.items()))}")
        assert seen.total() == ON_DISK
        assert seen[200] > ON_DISK // 10
    finally:
        catalog.app.close()
