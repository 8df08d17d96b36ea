"""The ledger in MongoDB, and messages carried by RabbitMQ: the life of a job, and events over HTTP.

    DATACATALOG_TEST_MONGODB=mongodb://127.0.0.1:27017 python -m benchmarks.engines

MongoDB is the server of $DATACATALOG_TEST_MONGODB, a URL without a database; its floor is `insert_one` of one document of 500 bytes with the write concern
of the ledger, one at a time. RabbitMQ is that of $DATACATALOG_TEST_AMQP, or the one that listens on this machine; the ledger beside it is the embedded one,
and so is the floor: bare commits. Databases and queues are removed in the end. What is not there is left out, by name.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymongo

from benchmarks.common import (
    ROW_BYTES,
    Figure,
    Step,
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
from benchmarks.gateway import CLIENTS, JOBS, accepted_s, generator, requests, served
from benchmarks.peers.lifecycle import COMMITS, life

MONGODB = os.environ.get("DATACATALOG_TEST_MONGODB", "").rstrip("/")
RABBITMQ = os.environ.get("DATACATALOG_TEST_AMQP", "amqp://guest:guest@127.0.0.1:5672//")
ROUNDS = 7
LIVES_PER_ROUND = 30
EVENTS_PER_ROUND = 500
QUEUES_LIVE_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Where an installation keeps its ledger and what carries its messages.

    Attributes:
        floor: makes the bare operation beside it, given a folder.
        unit: of the floor.
    """

    name: str
    sections: dict[str, Any]
    floor: Callable[[Path], Step]
    unit: str


def main() -> dict[str, Any]:
    figures: list[Figure] = []
    facts: dict[str, Any] = {}
    for here, name, opened in (
        (bool(MONGODB), "MongoDB: $DATACATALOG_TEST_MONGODB is not set", mongodb),
        (_listens(RABBITMQ), "RabbitMQ: none listens", rabbitmq),
    ):
        if not here:
            facts["left out"] = name
            continue
        with folder() as home, opened() as engine:
            figures += [
                _lives(home, engine),
                _events(home, engine, "inline"),
                _events(home, engine, "queued"),
            ]
    return result("other engines (for information)", figures, **facts)


@contextmanager
def mongodb() -> Iterator[Engine]:
    name = f"bench_{secrets.token_hex(6)}"
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(MONGODB, w="majority")
    try:
        yield Engine(
            name="MongoDB",
            sections={"store": {"url": f"{MONGODB}/{name}"}},
            floor=lambda home: _bare_insert(client, f"{name}_bare"),
            unit="bare inserts",
        )
    finally:
        for each in client.list_database_names():
            if each.startswith(name):
                client.drop_database(each)
        client.close()


@contextmanager
def rabbitmq() -> Iterator[Engine]:
    query = f"prefix=bench{secrets.token_hex(6)}&expires={QUEUES_LIVE_S}"
    yield Engine(
        name="RabbitMQ",
        sections={"transport": {"url": f"{RABBITMQ}?{query}"}},
        floor=lambda home: bare_commit(home / f"{secrets.token_hex(4)}.db"),
        unit="bare commits",
    )


def _lives(home: Path, engine: Engine) -> Figure:
    with installation(home / "lives", **engine.sections) as catalog:
        ours = partial(life, catalog, catalog.pipeline(), directory=False)
        bare = engine.floor(home)
        times, floors = alternated(
            lambda: seconds(ours, LIVES_PER_ROUND),
            lambda: seconds(bare, COMMITS * LIVES_PER_ROUND),
            ROUNDS,
        )
    return _compared(
        f"{engine.name}: create, run, finish / {COMMITS} {engine.unit}",
        times,
        floors,
        ours=rate(LIVES_PER_ROUND, times, "jobs"),
        floor=rate(LIVES_PER_ROUND, floors, "times 3"),
    )


def _events(home: Path, engine: Engine, delivery: str) -> Figure:
    with served(home / delivery, delivery, **engine.sections) as (catalog, _):
        bare = engine.floor(home)
        with generator(catalog, requests(catalog, JOBS), CLIENTS) as load:
            times, floors = alternated(
                lambda: accepted_s(load.asked(count=EVENTS_PER_ROUND)),
                lambda: seconds(bare, EVENTS_PER_ROUND),
                ROUNDS,
            )
    done = {"inline": "handled", "queued": "taken into the queue"}[delivery]
    return _compared(
        f"{engine.name}: events over HTTP, {done}, {CLIENTS} clients / {engine.unit}",
        times,
        floors,
        ours=rate(EVENTS_PER_ROUND, times, "events"),
        floor=rate(EVENTS_PER_ROUND, floors, ""),
    )


def _compared(name: str, times: list[float], floors: list[float], *, ours: str, floor: str) -> Figure:
    return figure(name, [low / high for low, high in zip(floors, times, strict=True)], ours=ours, floor=floor)


def _bare_insert(client: pymongo.MongoClient[dict[str, Any]], name: str) -> Step:
    rows = client[name]["rows"]
    return lambda: rows.insert_one({"v": "x" * ROW_BYTES})


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex((parts.hostname or "127.0.0.1", parts.port or 5672)) == 0


if __name__ == "__main__":
    print(shown([main()]))
