"""The ledger in MongoDB, and messages carried by RabbitMQ: the life of a job, and events over HTTP.

    DATACATALOG_TEST_MONGODB=mongodb://127.0.0.1:27017 python -m benchmarks.engines

MongoDB is the server of $DATACATALOG_TEST_MONGODB, a URL without a database; its floor is `insert_one` of one document of 500 bytes with the write concern
of the ledger, one at a time. RabbitMQ is that of $DATACATALOG_TEST_AMQP, or the one that listens on this machine; the ledger beside it is the embedded one,
and so is the floor: bare commits. Databases and queues are removed in the end. What is not there is left out, by name.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import (
    Figure,
    alternated,
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
from benchmarks.servers import MONGODB, RABBITMQ, Engine, listens, mongodb, rabbitmq

ROUNDS = 7
LIVES_PER_ROUND = 30
EVENTS_PER_ROUND = 500


def main() -> dict[str, Any]:
    figures: list[Figure] = []
    facts: dict[str, Any] = {}
    for here, name, opened in (
        (bool(MONGODB), "MongoDB: $DATACATALOG_TEST_MONGODB is not set", mongodb),
        (listens(RABBITMQ), "RabbitMQ: none listens", rabbitmq),
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
        floor=rate(COMMITS * LIVES_PER_ROUND, floors, engine.unit),
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
        floor=rate(EVENTS_PER_ROUND, floors, engine.unit),
    )


def _compared(name: str, times: list[float], floors: list[float], *, ours: str, floor: str) -> Figure:
    return figure(name, [low / high for low, high in zip(floors, times, strict=True)], ours=ours, floor=floor)


if __name__ == "__main__":
    print(shown([main()]))
