"""Events over HTTP: one gateway process, and clients that each wait for an answer before they send the next event.

Beside bare commits of plain sqlite3, one at a time. With several clients the gateway shares a commit among the events that wait, so
more events than commits fit into a second. Client and gateway share the machine. For information: there is no goal.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.common import (
    Figure,
    alternated,
    bare_commit,
    figure,
    folder,
    installation,
    rate,
    result,
    seconds,
    shown,
)
from benchmarks.lifecycle import event
from datacatalog.services.jobs import Created
from tests.faults.fleet import Fleet
from tests.harness import Catalog

LIFE = (
    ("jobs-manager", "run"),
    ("jobs-manager", "finish"),
    ("jobs-indexer", "index"),
    ("jobs-indexer", "indexed"),
)
ROUNDS = 7
LIVES_PER_ROUND = 48
RUNS_PER_ROUND = 640


def main() -> dict[str, Any]:
    with folder() as home, installation(home / "a") as catalog, Fleet(catalog, {"gateway": ("serve",)}):
        catalog.wait_ready()
        pipeline = catalog.pipeline()
        lives = [_lives(catalog, pipeline, home, clients) for clients in (1, 16)]
        figures = [*lives, _runs(catalog, pipeline, home, clients=32)]
        return result("over HTTP (for information)", figures)


def _lives(catalog: Catalog, pipeline: str, home: Path, clients: int) -> Figure:
    """Whole lives but for their creation, which has no route of its own."""

    def prepare() -> list[list[bytes]]:
        made = [[catalog.job(pipeline) for _ in range(LIVES_PER_ROUND // clients)] for _ in range(clients)]
        return [[request(catalog, actor, job, name) for job in jobs for actor, name in LIFE] for jobs in made]

    name = f"run, finish, index, indexed / 4 bare commits, {clients} client{'s' * (clients > 1)}"
    return _measured(name, catalog, home, prepare, LIVES_PER_ROUND * len(LIFE))


def _runs(catalog: Catalog, pipeline: str, home: Path, clients: int) -> Figure:
    jobs = itertools.cycle([catalog.job(pipeline) for _ in range(clients * 8)])

    def prepare() -> list[list[bytes]]:
        share = RUNS_PER_ROUND // clients
        return [
            [request(catalog, "jobs-manager", next(jobs), "run") for _ in range(share)]
            for _ in range(clients)
        ]

    return _measured(f"events / bare commits, {clients} clients", catalog, home, prepare, RUNS_PER_ROUND)


def _measured(
    name: str, catalog: Catalog, home: Path, prepare: Callable[[], list[list[bytes]]], count: int
) -> Figure:
    bare = bare_commit(home / f"{len(list(home.iterdir()))}.db")
    address = urlsplit(catalog.url)
    host, port = str(address.hostname), int(address.port or 0)

    def over_http() -> float:
        queues = prepare()
        started = time.perf_counter()
        asyncio.run(_send_all(host, port, queues))
        return time.perf_counter() - started

    ours, floor = alternated(over_http, lambda: seconds(bare, count), ROUNDS)
    return figure(
        name,
        [low / high for low, high in zip(floor, ours, strict=True)],
        ours=rate(count, ours, "events"),
        floor=rate(count, floor, "commits"),
    )


def request(catalog: Catalog, actor: str, job: Created, name: str) -> bytes:
    """Return a whole HTTP request, ready to be written."""
    body = event(job, name)
    head = (
        f"POST /actors/v2/{actor}/messages?x-nonce={catalog.nonce} HTTP/1.1\r\n"
        f"Host: {urlsplit(catalog.url).netloc}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _send_all(host: str, port: int, queues: Sequence[Sequence[bytes]]) -> None:
    await asyncio.gather(*(_client(host, port, iter(queue)) for queue in queues))


async def _client(host: str, port: int, requests: Iterator[bytes]) -> None:
    """Send requests over one connection, each after the answer to the one before.

    Raises RuntimeError: an answer is no success.
    """
    reader, writer = await asyncio.open_connection(host, port)
    for raw in requests:
        writer.write(raw)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(int(length.partition(b":")[2]))
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{head!r} {body!r}")
    writer.close()
    await writer.wait_closed()


if __name__ == "__main__":
    print(shown([main()]))
