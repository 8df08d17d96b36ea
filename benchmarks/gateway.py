"""Events over HTTP: one gateway process, and clients that each wait for an answer before they send the next event.

    python -m benchmarks.gateway

Beside bare commits of plain sqlite3, one at a time, in the same folder. With several clients the gateway shares a commit among the events
that wait, so more events than commits may fit into a second. The load comes from a process of its own (benchmarks/load.py), and shares the
machine's cores with the gateway. An answer that is a success stands for something that is on disk by then; only
such answers count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from benchmarks.common import (
    Figure,
    alternated,
    bare_commit,
    figure,
    folder,
    installation,
    percentile,
    rate,
    result,
    seconds,
    shown,
)
from benchmarks.lifecycle import event, send
from datacatalog.services.jobs import Created
from tests.harness import Catalog

ROUNDS = 9
EVENTS_PER_ROUND = 1_000
CLIENTS = 32
JOBS = 256
READY_S = 60
GOAL = ">= 2"
P99_MS_MAX = 60
# In its place goes the number of the event, so that each can be found again in the ledger.
MARK = "00000000"
SOURCE = 10_000_000
REFUSALS = {429, 503}


class Generator:
    """The process that sends; `asked` drives it (see benchmarks/load.py)."""

    def __init__(self, catalog: Catalog, requests: Sequence[str], connections: int, source: int) -> None:
        address = urlsplit(catalog.url)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("load.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._write(
            host=address.hostname,
            port=address.port,
            requests=requests,
            mark=MARK,
            first=source * SOURCE,
            connections=connections,
        )

    def asked(self, **what: float) -> dict[str, Any]:
        """Let it send; return what it tells.

        Raises RuntimeError: it ended by itself.
        """
        self._write(**what)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load generator ended with {self._process.wait()}")
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _write(self, **document: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()


@contextmanager
def generator(
    catalog: Catalog, requests: Sequence[str], connections: int, source: int = 0
) -> Iterator[Generator]:
    """Run a generator; `source` keeps the numbers of its events apart from those of others, 0 to 9."""
    running = Generator(catalog, requests, connections, source)
    try:
        yield running
    finally:
        running.close()


def main() -> dict[str, Any]:
    figures, facts = [], {}
    with folder() as home:
        for delivery in ("inline", "queued"):
            for processes in sorted({1, os.cpu_count() or 1}):
                some, told = _events(home / f"{delivery}-{processes}", delivery, processes)
                figures += some
                facts.update(told)
        return result(f"over HTTP, {CLIENTS} clients", figures, **facts)


def _events(home: Path, delivery: str, processes: int) -> tuple[list[Figure], dict[str, Any]]:
    with served(home, delivery, gateway={"processes": processes}) as (catalog, gateway):
        bare = bare_commit(home / "bare.db")
        with generator(catalog, requests(catalog, JOBS), CLIENTS) as load:
            waits: list[float] = []
            cpu: list[float] = []
            used: list[float] = []
            refused: list[float] = []

            def over_http() -> float:
                before = cpu_s(gateway)
                told = load.asked(count=EVENTS_PER_ROUND)
                accepted = [each for each in told["answers"] if 200 <= each[1] < 300]
                refused.append(1 - len(accepted) / told["sent"])
                waits.append(percentile([each[3] for each in accepted], 99) * 1000)
                cpu.append(told["cpu_s"] / told["sent"] * 1e6)
                used.append((cpu_s(gateway) - before) / told["sent"] * 1e6)
                return accepted_s(told)

            ours, floor = alternated(over_http, lambda: seconds(bare, EVENTS_PER_ROUND), ROUNDS)
    done = {"inline": "handled", "queued": "taken into the queue"}[delivery]
    name = f"{delivery}, {processes} process{'es' * (processes > 1)}"
    return [
        figure(
            f"events, {done}, by {processes} process{'es' * (processes > 1)} / bare commits",
            [low / high for low, high in zip(floor, ours, strict=True)],
            goal=GOAL,
            ours=rate(EVENTS_PER_ROUND, ours, "events"),
            floor=rate(EVENTS_PER_ROUND, floor, "commits"),
        ),
        figure(
            f"p99 of them / {P99_MS_MAX} ms",
            [each / P99_MS_MAX for each in waits[1:]],
            goal="<= 1",
            ours=f"{percentile(waits[1:], 50):.1f} ms",
        ),
    ], {
        f"{name}: CPU of the gateway, µs per event": round(percentile(used[1:], 50)),
        f"{name}: CPU of the generator, µs per event": round(percentile(cpu[1:], 50)),
        f"{name}: told to wait, %": round(100 * percentile(refused[1:], 50), 1),
    }


@contextmanager
def served(
    home: Path, delivery: str = "inline", environ: dict[str, str] | None = None, **sections: Any
) -> Iterator[tuple[Catalog, psutil.Process]]:
    """Make an installation, and a gateway of it in a process of its own; `environ`: its environment."""
    actors = {"jobs-manager": {"delivery": delivery}}
    with installation(home, actors=actors, **sections) as catalog, (home / "gateway.log").open("w") as log:
        gateway = subprocess.Popen(
            [sys.executable, "-m", "datacatalog", "serve", "--config", str(home / "config.yml")],
            stderr=log,
            cwd=home,
            env=environ,
        )
        try:
            catalog.wait_ready(READY_S)
            yield catalog, psutil.Process(gateway.pid)
        finally:
            gateway.terminate()
            gateway.wait(60)


def cpu_s(process: psutil.Process) -> float:
    """Return the CPU time that a process and those below it have used."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def requests(catalog: Catalog, jobs: int) -> list[str]:
    """Return as many whole requests: each an `update` of a running job of its own, with the mark in its data."""
    pipeline = catalog.pipeline()
    return [request(catalog, running(catalog, pipeline)) for _ in range(jobs)]


def running(catalog: Catalog, pipeline: str) -> Created:
    job = catalog.job(pipeline)
    send(catalog, "jobs-manager", event(job, "run"))
    return job


def request(catalog: Catalog, job: Created) -> str:
    document = {
        "uuid": job.job.uuid,
        "name": "update",
        "token": job.token,
        "data": {"note": "as the platform told", "mark": MARK},
    }
    body = json.dumps(document)
    return (
        f"POST /actors/v2/jobs-manager/messages?x-nonce={catalog.nonce} HTTP/1.1\r\n"
        f"Host: {urlsplit(catalog.url).netloc}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def accepted_s(told: dict[str, Any]) -> float:
    """Return the seconds that so many events would have taken had all been accepted: who was told to wait does not count.

    Raises RuntimeError: none was, or an answer is neither a success nor a request to wait.
    """
    statuses = [each[1] for each in told["answers"]]
    others = {each for each in statuses if not 200 <= each < 300 and each not in REFUSALS}
    accepted = sum(200 <= each < 300 for each in statuses)
    if others or told["dropped"] or not accepted:
        raise RuntimeError(f"answers {Counter(statuses)}, {told['dropped']} dropped")
    return float(told["seconds"]) * len(statuses) / accepted


if __name__ == "__main__":
    print(shown([main()]))
