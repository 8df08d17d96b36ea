"""The ledger in MongoDB under several processes and kill -9: what was acknowledged is there, and once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datacatalog.adapters.transport.mongo import MongoTransport
from datacatalog.ports.stores import Store
from tests.integration import store_actors as actors
from tests.integration.mongo_databases import database, needs_mongodb
from tests.integration.store_actors import AT, COUNTER, HANDLED, QUEUE
from tests.integration.test_store_processes import SPAWN, killed, missing, put

pytestmark = [needs_mongodb, pytest.mark.service]

DEADLINE_S = 110
COUNTS = int(os.environ.get("DATACATALOG_TEST_MONGODB_COUNTS", "25"))
"""How often each of four processes counts; the names that each wants to have are twice as many."""


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store, _ = actors.ledger_at(url)
    yield store
    store.close()


def started(actor: Callable[..., None], *args: Any, **options: Any) -> Any:
    process = SPAWN.Process(target=actor, args=args, kwargs=options, daemon=True)
    process.start()
    return process


def ended(processes: list[Any]) -> None:
    end = time.monotonic() + max(DEADLINE_S, COUNTS)
    for process in processes:
        process.join(end - time.monotonic())
    assert [process.exitcode for process in processes] == [0] * len(processes)


def test_processes_that_count_at_a_time_lose_none(url: str, store: Store) -> None:
    put(store, replace(actors.sample(0, 0, n=0), uuid=COUNTER))
    ended([started(actors.count_up, url, COUNTS) for _ in range(4)])
    counter = store.read(lambda work: work.records.get(COUNTER))
    assert (counter.body, counter.revision) == ({"n": 4 * COUNTS}, 4 * COUNTS)


def test_an_identifier_goes_to_one_of_several_processes(url: str, store: Store, tmp_path: Path) -> None:
    names = 2 * COUNTS
    acks = [tmp_path / f"acks.{group}" for group in range(1, 5)]
    ended([started(actors.take_names, url, acks[n], n + 1, names) for n in range(4)])
    taken = [name for each in acks for name in actors.acknowledged(each)]
    assert sorted(taken) == sorted(f"name.{number}" for number in range(names))
    page = store.read(lambda work: work.records.page(actors.Kind.SAMPLE, limit=10 * names))
    assert sorted(found.body["sample_id"] for found in page.records) == sorted(taken)


def test_commits_of_killed_processes_are_whole_or_not_there(url: str, store: Store, tmp_path: Path) -> None:
    acks = [tmp_path / f"acks.{group}" for group in range(1, 4)]
    processes = [started(actors.write_until_killed, url, each, n + 1) for n, each in enumerate(acks)]
    for process, each in zip(processes, acks, strict=True):
        end = time.monotonic() + DEADLINE_S
        while len(actors.acknowledged(each)) < 20:
            assert time.monotonic() < end
            time.sleep(0.01)
        killed(process)
    acknowledged = [uuid for each in acks for uuid in actors.acknowledged(each)]
    assert missing(store, acknowledged) == []
    page = store.read(lambda work: work.records.page(actors.Kind.SAMPLE, limit=10_000))
    assert len(acknowledged) <= len(page.records) <= len(acknowledged) + 3
    for record in page.records:
        assert store.read(lambda work, record=record: work.history.length(record.uuid)) == 2  # type: ignore[misc]


def test_each_message_has_its_effect_once_though_workers_are_killed(url: str, store: Store) -> None:
    messages = [f"m.{number}" for number in range(60)]
    for name in messages:
        store.transact(lambda work, name=name: work.outbox.send(QUEUE, {}, id=name, at=AT))  # type: ignore[misc]
    for turn in range(1, 3):
        workers = [started(actors.handle_messages, url, until_empty=False) for _ in range(2)]
        end = time.monotonic() + DEADLINE_S / 3
        while store.read(lambda work: work.history.length(HANDLED)) < 15 * turn:
            assert time.monotonic() < end
            time.sleep(0.01)
        for worker in workers:
            killed(worker)
    ended([started(actors.handle_messages, url, until_empty=True)])
    told = store.read(lambda work: work.history.page(HANDLED, limit=1000))
    assert sorted(entry.data["text"] for _, entry in told if entry.data) == sorted(messages)
    assert MongoTransport(store).dead() == []  # type: ignore[arg-type]
