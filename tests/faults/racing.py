"""Clients that send conflicting events to one job at the same instant, over connections of their own."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from datacatalog.services.jobs import Created
from tests.faults.clients import new_mark
from tests.faults.ledger import look_at
from tests.faults.model import ALLOWED, Seen, Sent, check
from tests.harness import Catalog, free_port, install, until

CLIENTS = 8
EVENTS = (
    *("run", "update", "resource", "fail", "finish", "index", "indexed", "validate"),
    *("validated", "reject", "finalize", "retire"),
)
WAYS_THERE: Sequence[Sequence[str]] = (
    (),
    ("run",),
    ("run", "finish"),
    ("run", "finish", "index"),
    ("run", "finish", "validate"),
    ("run", "finish", "validate", "validated"),
)
"""What happens to a job before the race begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What all rounds came to: what is wrong, and how many events were taken and refused."""

    faults: Sequence[str]
    taken: int
    refused: int


@dataclass(slots=True)
class _Racer:
    """One client: its own connection to one gateway."""

    url: str
    nonce: str
    session: requests.Session

    def send(self, job: Created, event: str, ready: Callable[[], Any]) -> Sent:
        mark = new_mark()
        # What an `index` carries are its filters, and nothing else.
        data = {"filters": [mark]} if event == "index" else {"mark": mark}
        document = {"uuid": job.job.uuid, "name": event, "token": job.token, "data": data}
        ready()
        answer = self.session.post(
            f"{self.url}/actors/v2/jobs-manager/messages",
            params={"x-nonce": self.nonce},
            json=document,
            timeout=30,
        )
        return Sent(mark=mark, job=job.job.uuid, event=event, answers=(answer.status_code,))


def race(home: Path, *, rounds: int, gateways: int, seed: int) -> Result:
    """Run `rounds` races of eight clients, spread over `gateways` processes on one store."""
    catalog = install(home)
    try:
        urls = _start(catalog, gateways)
        racers = [_Racer(urls[n % gateways], catalog.nonce, requests.Session()) for n in range(CLIENTS)]
        rng, pipeline = random.Random(seed), catalog.pipeline()
        with ThreadPoolExecutor(CLIENTS) as pool:
            done = [_round(catalog, racers, pool, pipeline, rng) for _ in range(rounds)]
        for racer in racers:
            racer.session.close()
        seen = {job.uuid: job for job in look_at(catalog, [raced[0].job for _, raced in done])}
    finally:
        catalog.stop_all()
        catalog.app.close()
    told = [message for before, raced in done for message in (*before, *raced)]
    refusals = [f for before, raced in done for f in _refusal_faults(before, raced, seen[raced[0].job])]
    taken = sum(message.acknowledged for message in told)
    return Result(faults=[*check(told, seen.values()), *refusals], taken=taken, refused=len(told) - taken)


def _start(catalog: Catalog, gateways: int) -> list[str]:
    host = catalog.app.settings.config["gateway"]["host"]
    ports = [catalog.app.settings.config["gateway"]["port"], *(free_port() for _ in range(gateways - 1))]
    for port in ports:
        catalog.start("serve", DATACATALOG_GATEWAY__PORT=str(port))
    urls = [f"http://{host}:{port}" for port in ports]
    for url in urls:
        until(lambda url=url: requests.get(f"{url}/readyz", timeout=1).ok)  # type: ignore[misc]
    return urls


def _round(
    catalog: Catalog,
    racers: Sequence[_Racer],
    pool: ThreadPoolExecutor,
    pipeline: str,
    rng: random.Random,
) -> tuple[list[Sent], list[Sent]]:
    """Return what was sent before the race, one by one, and in the race."""
    job = catalog.job(pipeline)
    before = [rng.choice(racers).send(job, event, lambda: None) for event in rng.choice(WAYS_THERE)]
    # Few different events, so that several clients want the same and most are in each other's way.
    events = rng.choices(rng.sample(EVENTS, 4), k=len(racers))
    barrier = threading.Barrier(len(racers))
    running = [
        pool.submit(racer.send, job, event, barrier.wait) for racer, event in zip(racers, events, strict=True)
    ]
    return before, [future.result() for future in running]


def _refusal_faults(before: Sequence[Sent], raced: Sequence[Sent], job: Seen) -> list[str]:
    """A refused event got 409, and there was an instant in the race at which the lifecycle did not allow it."""
    faults = [f"{m.event} was refused before the race: {m.answers}" for m in before if not m.acknowledged]
    states = {str(entry["state"]) for _, entry in job.history[len(before) :]}
    for message in raced:
        if not message.acknowledged and message.answers != (409,):
            faults.append(f"{message.event} was answered {message.answers}")
        if not message.acknowledged and all((state, message.event) in ALLOWED for state in states):
            faults.append(f"{message.event} was refused, and was legal in all of {sorted(states)}")
    return faults
