"""A ledger as plain rows, out of every engine and into every engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link, Record
from datacatalog.ports.sharing import Grant, Subscription
from datacatalog.ports.stores import Credential, Execution, Store, Work
from datacatalog.ports.stores.copying import KEYS, TABLES, Copyable
from tests.contracts.ledgers import (
    ENGINES,
    START,
    Gatekeeper,
    Ledger,
    MovableClock,
    entry,
    job,
    record,
    uuid_of,
)

Rows = Mapping[str, list[JsonObject]]


def rows_of(store: Store) -> dict[str, list[JsonObject]]:
    source = cast(Copyable, store)
    return source.snapshot(lambda snapshot: {table: list(snapshot.rows(table)) for table in TABLES})


def load_all(store: Store, rows: Rows) -> None:
    for table in TABLES:
        assert cast(Copyable, store).load(table, rows[table]) == len(rows[table])


@pytest.fixture(params=ENGINES)
def other(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Ledger]:
    """A second ledger, empty."""
    gatekeeper = Gatekeeper()
    store, transport = ENGINES[request.param](tmp_path / "other.db", clock, gatekeeper)
    yield Ledger(store=store, transport=transport, clock=clock, gatekeeper=gatekeeper)
    store.close()


SAMPLE, EXPERIMENT, FILE, FIXITY = (
    uuid_of(kind, 900) for kind in (Kind.SAMPLE, Kind.EXPERIMENT, Kind.FILE, Kind.FIXITY)
)
JOB, PURGED, AGAIN = uuid_of(Kind.PIPELINEJOB, 901), uuid_of(Kind.SAMPLE, 902), uuid_of(Kind.SAMPLE, 903)


def changed(work: Work, uuid: TypedUuid, **fields: Any) -> None:
    found = work.records.get(uuid)
    work.records.put(replace(found, body={**found.body, **fields}), at=START + timedelta(seconds=1), by="ada")


def fill(ledger: Ledger) -> None:
    """Put something of everything into a ledger, by several commits."""

    def records(work: Work) -> None:
        work.records.put(
            record(Kind.EXPERIMENT, EXPERIMENT, experiment_id="e-1", title="ümläut ‽ \U0001f34b"), at=START
        )
        new = record(
            Kind.SAMPLE,
            SAMPLE,
            sample_id="s-1",
            numbers=[1, 1.0, 1e300, -(2**63), None, True],
            b=1,
            a={"z": 1, "y": 2},
        )
        work.records.put(new, at=START, by="bob")
        work.records.put(record(Kind.FILE, FILE, name="/a/b.txt", _seen="x"), at=START)
        work.records.put(record(Kind.FIXITY, FIXITY, name="/a/b.txt", checksum="abc"), at=START)
        work.records.put(job(JOB), at=START)
        work.records.put(
            replace(record(Kind.SAMPLE, PURGED, sample_id="s-2"), admin={"tenant": "gone"}), at=START
        )
        work.records.put(record(Kind.SAMPLE, AGAIN, sample_id="s-3"), at=START)
        work.links.add(
            [
                Link(source=SAMPLE, relation=Relation.CHILD_OF, target=EXPERIMENT),
                Link(source=JOB, relation=Relation.CHILD_OF, target=SAMPLE),
                Link(source=JOB, relation=Relation.ACTED_ON, target=FILE),
            ]
        )

    def later(work: Work) -> None:
        changed(work, SAMPLE, b=2)
        work.records.put(replace(work.records.get(EXPERIMENT), visible=False), at=START)
        work.records.purge(PURGED, at=START, by="ada")
        work.records.purge(AGAIN, at=START)
        work.history.append(JOB, entry(Event.CREATE, data={"n": [1, {"x": None}]}))
        work.history.append(JOB, entry(Event.RUN, state=State.RUNNING, implied=True))
        work.history.append(JOB, entry(Event.UPDATE, state=State.RUNNING, noted=True))
        work.answers.remember("scope", "key", {"answer": 42}, at=START)
        work.progress.put("task", {"last": "/a"}, at=START)
        work.executions.put(Execution(id="x2", actor="jobs-manager", status="SUBMITTED", received=START))
        done = Execution(
            id="x1", actor="jobs-manager", status="COMPLETE", received=START, finished=START, http=202, outcome={"a": 1},
            log=("one", "two"), tenant="guests",
        )  # fmt: skip
        work.executions.put(done)
        nonce = Credential(
            digest="d" * 64, kind="nonce", created=START, expires=START + timedelta(days=1), uses_left=2, max_uses=3,
            last_use=START, label="abc", owner="ada", tenant="guests",
        )  # fmt: skip
        work.credentials.put(nonce)
        work.credentials.put(Credential(digest="e" * 64, kind="admin", created=START, expires=None))
        work.grants.put(Grant(id="g1", tenant="a", to_tenant="b", created=START, by="ada"))
        work.subscriptions.put(
            Subscription(
                id="sub_1",
                subject=JOB,
                events=("finish", "fail"),
                url="https://example.org/",
                secret="sealed",
                owner="ada",
                tenant="a",
                created=START,
                paused=True,
            )
        )

    def messages(work: Work) -> None:
        work.outbox.send("b", {"n": 1}, id="handled", at=START)
        work.outbox.send("b", {"n": 2}, id="held", at=START)
        work.outbox.send("a", {"n": 3}, id="dead", at=START)
        work.outbox.send("a", {"n": 4}, id="later", at=START, delay=timedelta(hours=1))
        work.outbox.send("c", {"n": 5}, id="2nd", at=START)
        work.outbox.send("c", {"n": 6}, id="1st", at=START)

    store, transport = ledger.store, ledger.transport
    for body in (
        records,
        later,
        lambda work: work.records.put(record(Kind.SAMPLE, AGAIN, sample_id="s-3"), at=START),
        messages,
    ):
        store.transact(body)
    handled = transport.claim(["b"], lease=timedelta(minutes=1))
    assert handled is not None
    store.transact(lambda work: work.outbox.settle(handled))
    assert transport.claim(["b"], lease=timedelta(minutes=1)) is not None
    dead = transport.claim(["a"], lease=timedelta(minutes=1))
    assert dead is not None
    transport.bury(dead, reason="it is poison")


def test_new_ledger_is_empty_and_has_no_rows(store: Store) -> None:
    assert cast(Copyable, store).is_empty()
    assert all(rows == [] for rows in rows_of(store).values())


@pytest.mark.parametrize(
    "write",
    [
        lambda work: work.records.put(record(Kind.SAMPLE, sample_id="s"), at=START),
        lambda work: work.outbox.send("q", {}, id="m", at=START),
        lambda work: work.credentials.put(Credential(digest="d", kind="nonce", created=START, expires=None)),
    ],
    ids=["record", "message", "credential"],
)
def test_ledger_with_anything_in_it_is_not_empty(store: Store, write: Callable[[Work], object]) -> None:
    store.transact(write)
    assert not cast(Copyable, store).is_empty()


def test_rows_are_in_the_order_of_their_keys_and_have_all_fields(ledger: Ledger) -> None:
    fill(ledger)
    rows = rows_of(ledger.store)
    for table, key in KEYS.items():
        found = [tuple(row[name] for name in key) for row in rows[table]]
        assert found == sorted(set(found)), table
        assert found, table
    [message] = [row for row in rows["messages"] if row["id"] == "held"]
    due = int((START + timedelta(minutes=1)).timestamp() * 1e6)
    assert message | {"sent": 0} == {
        "queue": "b", "id": "held", "order": 2, "due": due, "tries": 1, "sent": 0, "handled": None, "died": None,
        "reason": None, "body": {"n": 2},
    }  # fmt: skip
    assert {row["tenant"] for row in rows["tenants"]} == {"", "gone"}
    assert [(row["uuid"], row["action"]) for row in rows["changes"] if row["uuid"] == AGAIN] == [
        (AGAIN, "create"),
        (AGAIN, "purge"),
    ]


def test_copy_has_the_same_rows_whatever_the_engines(ledger: Ledger, other: Ledger) -> None:
    fill(ledger)
    rows = rows_of(ledger.store)
    load_all(other.store, rows)
    assert rows_of(other.store) == rows
    assert not cast(Copyable, other.store).is_empty()


def test_what_was_loaded_may_be_loaded_again(ledger: Ledger, other: Ledger) -> None:
    fill(ledger)
    rows = rows_of(ledger.store)
    load_all(other.store, rows)
    load_all(other.store, rows)
    assert rows_of(other.store) == rows


def test_copy_is_read_and_goes_on_as_the_original(ledger: Ledger, other: Ledger, clock: MovableClock) -> None:
    fill(ledger)
    load_all(other.store, rows_of(ledger.store))
    for look in (
        lambda work: work.records.find(SAMPLE),
        lambda work: work.records.identified(Kind.SAMPLE, "sample_id", "s-1"),
        lambda work: work.records.count(Kind.EXPERIMENT),
        lambda work: list(work.records.changes(SAMPLE)),
        lambda work: list(work.records.changes(FILE)),
        lambda work: list(work.records.changes(AGAIN)),
        lambda work: list(work.links.to(SAMPLE)),
        lambda work: list(work.history.page(JOB)),
        lambda work: list(work.executions.page("jobs-manager")),
        lambda work: list(work.credentials.page("nonce")),
        lambda work: list(work.subscriptions.of([JOB])),
        lambda work: work.records.tenants(),
    ):
        assert other.store.read(look) == ledger.store.read(look)
    for each in (ledger, other):
        each.store.transact(lambda work: changed(work, SAMPLE, b=3))
        each.store.transact(
            lambda work: work.history.append(JOB, replace(entry(), uuid=uuid_of(Kind.PIPELINEJOB_EVENT, 7)))
        )
        assert not each.store.transact(lambda work: work.outbox.send("b", {}, id="handled", at=START))
    clock.move(timedelta(hours=2))
    taken = []
    for each in (ledger, other):
        found = iter(
            lambda each=each: each.transport.claim(["a", "b", "c"], lease=timedelta(minutes=1)), None
        )
        taken.append([(delivery.id, delivery.body, delivery.tries) for delivery in found])
    assert taken[0] == taken[1]
    assert [key for key, _, _ in taken[1]] == ["2nd", "1st", "held", "later"]
    for table in ("records", "links", "history", "changes"):
        assert rows_of(other.store)[table] == rows_of(ledger.store)[table]


def test_snapshot_has_what_was_there_when_it_began(store: Store) -> None:
    def put(number: int) -> Record:
        return store.transact(
            lambda work: work.records.put(
                record(Kind.SAMPLE, uuid_of(Kind.SAMPLE, number), sample_id=f"s-{number}"), at=START
            )
        )

    for number in range(10):
        put(number)

    def look(snapshot: Any) -> tuple[int, int]:
        rows = snapshot.rows("records")
        next(rows)
        writer = threading.Thread(target=lambda: [put(number) for number in range(100, 110)])
        writer.start()
        writer.join()
        return 1 + len(list(rows)), len(list(snapshot.rows("records")))

    assert cast(Copyable, store).snapshot(look) == (10, 10)
    assert store.read(lambda work: work.records.count(Kind.SAMPLE)) == 20
