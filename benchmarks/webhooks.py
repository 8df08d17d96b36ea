"""What subscribers cost: whoever moves jobs, and each other.

    python -m benchmarks.webhooks [events]

- The first figures are a step of a job with subscribers, beside one without; 200 steps in one commit, so that the disk is left out.
- The others tell how long one subscriber waits for the news of many steps (1,000, or as many as are given) while another subscriber
  to the same ones is away (nobody takes connections) or hangs (takes them and never answers), beside one that is alone. A worker
  process delivers, as configured by default.
"""

from __future__ import annotations

import itertools
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from benchmarks.common import alternated, each_ms, figure, folder, installation, result, shown
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.ports.stores import Work
from datacatalog.services.env import Principal
from datacatalog.services.jobs import Created, job_for, move
from datacatalog.services.subscriptions import Wish, subscribe, unsubscribe
from tests.acceptance.receiver import Receiver, port_without_listener
from tests.harness import Catalog, until

ROUNDS = 21
STEPS = 200
EVENTS = 1000
PATIENCE_S = 600.0
ME = Principal(name="benchmarks", via="in process")

_numbers = itertools.count()


def main(events: int = EVENTS) -> dict[str, Any]:
    with folder() as home, listening() as (receiver, away, hanging):
        hosts = [f"127.0.0.1:{port}" for port in (receiver.port, away, hanging)]
        outgoing = {"hosts": hosts, "private_networks": ["127.0.0.0/8"]}
        with installation(home / "a", outgoing=outgoing) as catalog:
            url = receiver.url("/steps")
            figures = [
                _steps(catalog, "with a subscriber to another event", url, "fail"),
                _steps(catalog, "with a subscriber to it", url),
            ]
            catalog.start("worker")
            alone = _told_s(catalog, receiver, events)
            for what, port in (("is away", away), ("hangs", hanging)):
                took = _told_s(catalog, receiver, events, f"http://127.0.0.1:{port}/")
                name = f"{events} deliveries while another subscriber {what} / alone"
                figures.append(figure(name, [took / alone], ours=f"{took:.1f} s", floor=f"{alone:.1f} s"))
        return result("subscribers", figures, deliveries_per_s=round(events / alone))


@contextmanager
def listening() -> Iterator[tuple[Receiver, int, int]]:
    """Give a receiver, a port that nobody listens at, and one that takes connections and never answers."""
    receiver = Receiver(port_without_listener())
    receiver.start()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent:
        try:
            yield receiver, port_without_listener(), silent.getsockname()[1]
        finally:
            receiver.stop()


def _steps(catalog: Catalog, what: str, url: str, *events: str) -> Any:
    """Measure steps of a job with a subscriber, beside those of a job without; nothing is delivered."""
    jobs = [catalog.job(catalog.pipeline(id=f"benchmarks/steps:{next(_numbers)}")) for _ in range(2)]
    name = _subscribed(catalog, jobs[0].job.uuid, url, *events)
    ours, floor = alternated(partial(_timed, catalog, jobs[0]), partial(_timed, catalog, jobs[1]), ROUNDS)
    catalog.app.env.store.transact(lambda work: unsubscribe(name, work))
    return figure(
        f"a step {what} / without",
        [one / other for one, other in zip(ours, floor, strict=True)],
        ours=each_ms(STEPS, ours),
        floor=each_ms(STEPS, floor),
    )


def _timed(catalog: Catalog, job: Created) -> float:
    def body(work: Work) -> float:
        started = time.perf_counter()
        for _ in range(STEPS):
            move(job_for(job.job.uuid, work), Event.RUN, None, work, catalog.app.env)
        return time.perf_counter() - started

    return catalog.app.env.store.transact(body)


def _subscribed(catalog: Catalog, subject: str, url: str, *events: str) -> str:
    wish, env = Wish(subject=subject, url=url, events=events), catalog.app.env
    return env.store.transact(lambda work: subscribe(wish, ME, work, env)).subscription.id


def _told_s(catalog: Catalog, receiver: Receiver, events: int, *others: str) -> float:
    """Return how long it takes until a subscriber has heard of so many steps, all written at once [s]."""
    path = f"/{next(_numbers)}"
    job = catalog.job()
    names = [_subscribed(catalog, job.job.uuid, url) for url in (*others, receiver.url(path))]
    started = time.perf_counter()
    for _ in range(0, events, STEPS):
        _timed(catalog, job)
    until(lambda: len({heard.id for heard in receiver.at(path)}) >= events, PATIENCE_S)
    took = time.perf_counter() - started
    for name in names:
        catalog.app.env.store.transact(lambda work, n=name: unsubscribe(n, work))
    return took


if __name__ == "__main__":
    print(shown([main(*map(int, sys.argv[1:]))]))
