"""A ledger as plain rows, out of every engine and into every engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from datacatalog.domain.kinds import Kind
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Credential, Store, Work
from datacatalog.ports.stores.copying import KEYS, Copyable
from tests.contracts.full_ledger import AGAIN, FILE, JOB, SAMPLE, changed, fill, load_all, rows_of
from tests.contracts.ledgers import ENGINES, START, Gatekeeper, Ledger, MovableClock, entry, record, uuid_of


@pytest.fixture(params=ENGINES)
def other(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Ledger]:
    """A second ledger, empty."""
    gatekeeper = Gatekeeper()
    store, transport = ENGINES[request.param](tmp_path / "other.db", clock, gatekeeper)
    yield Ledger(store=store, transport=transport, clock=clock, gatekeeper=gatekeeper)
    store.close()


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
