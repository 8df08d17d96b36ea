"""What a second worker process brings where handlers wait for something, and how much memory a long queue costs.

    python -m benchmarks.workers

Real worker processes (interfaces.worker) serve a queue whose handler sleeps, as one that asks a service does, and settles. RabbitMQ
is that of $DATACATALOG_TEST_AMQP, or the one that listens on this machine; without one, its part is left out. Each round starts its
processes anew, and is timed from the commit that sends the messages to the commit that settles the last one.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from benchmarks.common import EMBEDDED, Figure, alternated, figure, folder, rate, result, shown
from datacatalog.bootstrap import build_app
from datacatalog.bootstrap.tasks import TaskKind
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.ports.stores import Work
from datacatalog.ports.tasks import Task
from datacatalog.settings import load
from tests.harness import Catalog, install, until

RABBITMQ = os.environ.get("DATACATALOG_TEST_AMQP", "amqp://guest:guest@127.0.0.1:5672//")
QUEUE = "naps"
NAP_S = 0.05
NAPS = 400
THREADS = 4
ROUNDS = 3
LONG = 100_000
WARM = 20_000
PER_COMMIT = 1_000


def main() -> dict[str, Any]:
    figures, facts = [], {}
    with folder() as home:
        if listens(RABBITMQ):
            url = f"{RABBITMQ}?prefix=b{secrets.token_hex(6)}&expires=600"
            figures.append(scaling(home, "RabbitMQ", url))
            flat, facts = memory(home, url)
            figures.append(flat)
        else:
            facts = {"RabbitMQ": "not there, left out"}
        figures.append(scaling(home, "embedded", None))
    return result("workers", figures, **facts)


def listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port or 5672), 1).close()
    except OSError:
        return False
    return True


def scaling(home: Path, name: str, url: str | None) -> Figure:
    """Measure one process and two in turn."""
    with installed(home / name, url) as catalog:
        one, two = alternated(partial(naps, catalog, 1), partial(naps, catalog, 2), ROUNDS)
    return figure(
        f"two worker processes / one, {name}, handlers that wait {NAP_S * 1000:.0f} ms, {THREADS} threads each",
        [slow / fast for slow, fast in zip(one, two, strict=True)],
        goal=">= 1.6",
        ours=rate(NAPS, two, "messages"),
        floor=rate(NAPS, one, "messages"),
    )


def naps(catalog: Catalog, processes: int) -> float:
    """Return how many seconds it takes so many processes to handle a round's messages."""
    with working(catalog, processes, NAP_S):
        started = time.perf_counter()
        send(catalog, NAPS)
        until(lambda: not waiting(catalog), 300)
        return time.perf_counter() - started


def memory(home: Path, url: str) -> tuple[Figure, dict[str, Any]]:
    """Drain a long queue; compare what a worker holds in the end with what it held when it had warmed up."""
    with installed(home / "long", url) as catalog:
        for _ in range(LONG // PER_COMMIT):
            send(catalog, PER_COMMIT)
        started = time.perf_counter()
        with working(catalog, 2, 0) as workers:
            until(lambda: waiting(catalog) <= LONG - WARM, 600)
            warm = resident_mb(workers)
            until(lambda: not waiting(catalog), 1800)
            end = resident_mb(workers)
        took = time.perf_counter() - started
    flat = figure(
        f"memory of a worker after {LONG:,} queued messages / after {WARM:,}",
        [late / early for late, early in zip(end, warm, strict=True)],
        goal="<= 1.15",
        ours=f"{max(end):.0f} MB",
        floor=f"{max(warm):.0f} MB",
    )
    return flat, {f"{LONG:,} messages drained by two processes": f"{took:.0f} s ({LONG / took:.0f}/s)"}


@contextmanager
def installed(home: Path, url: str | None) -> Iterator[Catalog]:
    settings = {"concurrency": THREADS}
    catalog = install(home, store=EMBEDDED, transport={"url": url}, worker=settings)
    try:
        yield catalog
    finally:
        catalog.stop_all()
        catalog.app.close()


@contextmanager
def working(catalog: Catalog, processes: int, nap_s: float) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    """Run worker processes that are ready, and end them."""
    ready = [catalog.home / f"ready-{n}" for n in range(processes)]
    words = [sys.executable, "-m", "benchmarks.workers", str(catalog.home / "config.yml"), str(nap_s)]
    running = [subprocess.Popen([*words, str(file)]) for file in ready]
    try:
        until(lambda: all(file.exists() for file in ready), 60)
        time.sleep(1.5)  # until they listen
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)
        for file in ready:
            file.unlink()


def send(catalog: Catalog, count: int) -> None:
    at = catalog.app.env.clock.now()

    def sent(work: Work) -> None:
        for _ in range(count):
            work.outbox.send(QUEUE, {"nap": True}, id=secrets.token_hex(8), at=at)

    catalog.app.env.store.transact(sent)


def waiting(catalog: Catalog) -> int:
    return catalog.app.env.transport.depth().get(QUEUE, 0)


def resident_mb(processes: Sequence[subprocess.Popen[bytes]]) -> list[float]:
    return [psutil.Process(process.pid).memory_info().rss / 1e6 for process in processes]


def work(config: str, nap_s: float, ready: Path) -> None:
    """Be a worker whose one queue has messages that take so long."""
    app = build_app(load(Path(config), environ={}))

    def nap(task: Task) -> None:
        time.sleep(nap_s)
        task.finish(lambda work: None)

    worker = Worker(replace(app, tasks={QUEUE: TaskKind(run=nap)}), [QUEUE])
    ready.touch()
    worker.run()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
    else:
        print(shown([main()]))
