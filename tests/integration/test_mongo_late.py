"""Processes on MongoDB that were idle, or stopped, while others committed so much that the log has forgotten it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datacatalog.adapters.stores.mongo import log, schema, tidying
from datacatalog.adapters.stores.mongo.client import Server
from datacatalog.adapters.stores.mongo.commits import PATIENT, Commits
from datacatalog.adapters.stores.mongo.log import Log
from datacatalog.adapters.stores.mongo.store import MongoStore
from datacatalog.domain.errors import InvalidRecord, StoreDown
from tests.integration import mongo_actors as actors
from tests.integration.mongo_databases import database, needs_mongodb

pytestmark = [needs_mongodb, pytest.mark.service]

OTHERS = 42
"""So many commits of others, of which the last 8 are remembered and the numbers of the last 16 are kept."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(tidying, "KEPT", 8)
    monkeypatch.setattr(tidying, "EVERY", 8)
    with database() as url:
        schema.prepare(Server(url))
        yield url


def others_commit(url: str) -> None:
    others = actors.opened(url)
    for _ in range(OTHERS):
        others.write(actors.count)
    others.close()


def test_commit_of_a_process_that_was_idle_is_not_lost(url: str) -> None:
    idle = actors.opened(url)
    assert idle.write(actors.count) == 1
    others_commit(url)
    assert idle.write(actors.count) == OTHERS + 2
    assert actors.opened(url).read(actors.number) == OTHERS + 2


def test_not_even_where_its_number_is_forgotten(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "NUMBERED", 16)
    idle = actors.opened(url)
    assert idle.write(actors.count) == 1
    others_commit(url)
    monkeypatch.setattr(log, "LATELY_S", -1.0)  # a long time has passed
    assert idle.write(actors.count) == OTHERS + 2
    assert actors.opened(url).read(actors.number) == OTHERS + 2


def test_nor_where_the_work_itself_takes_that_long(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "NUMBERED", 16)
    monkeypatch.setattr(log, "LATELY_S", 0.1)
    slow, numbers = actors.opened(url), []

    def body(view: Any) -> int:
        numbers.append(actors.count(view))
        if len(numbers) == 1:
            others_commit(url)
            time.sleep(0.1)
        return numbers[-1]

    assert slow.write(body) == OTHERS + 1
    assert numbers == [1, OTHERS + 1]
    assert actors.opened(url).read(actors.number) == OTHERS + 1


@pytest.mark.parametrize("forgotten", [False, True])
def test_process_that_is_stopped_right_before_it_commits(
    url: str, monkeypatch: pytest.MonkeyPatch, forgotten: bool
) -> None:
    """Between its last look and its insertion; a number that is free again by then is nobody's proof of anything."""
    if forgotten:
        monkeypatch.setattr(tidying, "NUMBERED", 16)
    stopped = actors.opened(url)
    assert stopped.write(actors.count) == 1
    insert = Log._insert

    def late(self: Log, document: Any) -> bool:
        monkeypatch.setattr(Log, "_insert", insert)
        others_commit(url)
        monkeypatch.setattr(log, "LATELY_S", 0.0)
        return insert(self, document)

    monkeypatch.setattr(Log, "_insert", late)
    if forgotten:
        with pytest.raises(StoreDown, match="unknown"):
            stopped.write(actors.count)
    else:
        assert stopped.write(actors.count) == OTHERS + 2
    mine = 0 if forgotten else 1
    assert actors.opened(url).read(actors.number) == OTHERS + 1 + mine
    # What lies there below all others is in nobody's way.
    assert stopped.write(actors.count) == OTHERS + 2 + mine
    assert Commits(Server(url)).write(actors.count) == OTHERS + 3 + mine


def test_process_that_is_stopped_right_after_it_committed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LATELY_S", 0.0)
    stopped = actors.opened(url)
    insert = Log._insert

    def then_stopped(self: Log, document: Any) -> bool:
        inserted = insert(self, document)
        monkeypatch.setattr(Log, "_insert", insert)
        others_commit(url)
        return inserted

    monkeypatch.setattr(Log, "_insert", then_stopped)
    assert stopped.write(actors.count) == 1
    assert actors.opened(url).read(actors.number) == OTHERS + 1
    assert stopped.write(actors.count) == OTHERS + 2


def test_numbers_are_given_out_one_after_the_other(url: str) -> None:
    """Also where a load says how many messages there were: whoever has seen the state before gets no number below."""
    idle = actors.opened(url)
    assert idle.write(actors.count) == 1
    Log(Server(url)).skip_to(7)
    assert idle.write(actors.count) == 2
    assert actors.opened(url).write(actors.count) == 3
    numbers = [each.number for each in idle.log.look(0)]
    assert numbers == list(range(1, 10))


def test_large_commit_of_a_process_that_died_hours_ago_outlasts_pruning(url: str) -> None:
    documents = 3
    actors.leave_after_commit(url, documents, 4_000_000)
    server = Server(url)
    hours_ago = datetime.now(UTC) - timedelta(hours=3)
    server.collection(schema.PIECES).update_many({}, {"$set": {"at": hours_ago}})
    store = MongoStore(url, check=lambda record: None)
    store.prune(before=datetime.now(UTC) - timedelta(days=30))
    store.close()
    found = actors.opened(url).read(lambda view: view.count(actors.COLLECTION, {}, seen=["all"]))
    assert found == documents


def test_document_that_would_become_too_large_is_refused_before_it_is_committed(url: str) -> None:
    """A commit that no server can apply would be the last one of its ledger."""
    commits = actors.opened(url)
    filled = {"filling": "x" * 14_500_000}
    commits.write(lambda view: view.put(actors.COLLECTION, "d.1", filled, touched=["all"]))
    more = {"more": "x" * 3_000_000}
    with pytest.raises(InvalidRecord):
        commits.write(lambda view: view.set(actors.COLLECTION, "d.1", more, touched=["all"]))
    less = {"more": "x" * 900_000}
    commits.write(lambda view: view.set(actors.COLLECTION, "d.1", less, touched=["all"]))
    assert actors.opened(url).write(actors.count) == 1


def test_work_whose_hold_was_over_before_it_was_done_holds_the_log_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, others, runs = actors.opened(url), actors.opened(url), 0

    def body(view: Any) -> int:
        nonlocal runs
        runs += 1
        counted = actors.count(view)
        if runs <= PATIENT:
            others.write(actors.count)
        elif runs == PATIENT + 1:
            with monkeypatch.context() as patch:
                patch.setattr(log, "HOLD_S", 0.0)  # it is over
                others.write(actors.count)
        return counted

    assert mine.write(body) == PATIENT + 2
    holds = Server(url).collection(schema.COMMITS).count_documents({"hold": {"$exists": True}})
    assert (runs, holds) == (PATIENT + 2, 2)
