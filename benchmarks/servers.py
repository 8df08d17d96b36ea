"""Servers that an installation may use while it is measured: databases and queues of its own in those that are there."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymongo

from benchmarks.common import ROW_BYTES, Step, bare_commit

MONGODB = os.environ.get("DATACATALOG_TEST_MONGODB", "").rstrip("/")
RABBITMQ = os.environ.get("DATACATALOG_TEST_AMQP", "amqp://guest:guest@127.0.0.1:5672//")
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


def _bare_insert(client: pymongo.MongoClient[dict[str, Any]], name: str) -> Step:
    rows = client[name]["rows"]
    return lambda: rows.insert_one({"v": "x" * ROW_BYTES})


def listens(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex((parts.hostname or "127.0.0.1", parts.port or 5672)) == 0
