"""A ledger that holds something of everything, and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link
from datacatalog.ports.sharing import Grant, Subscription
from datacatalog.ports.stores import Credential, Execution, Store, Work
from datacatalog.ports.stores.copying import TABLES, Copyable
from tests.contracts.ledgers import START, Ledger, entry, job, record, uuid_of

Rows = Mapping[str, list[JsonObject]]


def rows_of(store: Store) -> dict[str, list[JsonObject]]:
    source = cast(Copyable, store)
    return source.snapshot(lambda snapshot: {table: list(snapshot.rows(table)) for table in TABLES})


def load_all(store: Store, rows: Rows) -> None:
    for table in TABLES:
        assert cast(Copyable, store).load(table, rows[table]) == len(rows[table])


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
