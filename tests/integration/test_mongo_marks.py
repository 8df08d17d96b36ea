"""What one piece of work on MongoDB has seen, and another one changes before it is done: it has to see it again, whatever it asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from datacatalog.adapters.stores.mongo.store import MongoStore
from datacatalog.domain.kinds import Kind, Relation
from datacatalog.domain.records import Link
from datacatalog.ports.sharing import Grant, Subscription
from datacatalog.ports.stores import Credential, Execution, Store, Work
from tests.contracts.ledgers import START, entry, job, record, uuid_of
from tests.integration.mongo_databases import database, needs_mongodb

pytestmark = [needs_mongodb, pytest.mark.service]

Body = Callable[[Work], Any]

SAMPLE, OTHER, FILE, JOB = (
    uuid_of(Kind.SAMPLE, 1),
    uuid_of(Kind.SAMPLE, 2),
    uuid_of(Kind.FILE, 1),
    uuid_of(Kind.PIPELINEJOB, 1),
)
LINK = Link(source=SAMPLE, relation=Relation.CHILD_OF, target=uuid_of(Kind.EXPERIMENT, 1))
SAID = Link(source=OTHER, relation=Relation.CHILD_OF, target=LINK.target)
EXECUTION = Execution(id="e1", actor="a", status="SUBMITTED", received=START, tenant="t1")
CREDENTIAL = Credential(digest="d", kind="nonce", created=START, expires=None, uses_left=1)
GRANT = Grant(id="g", tenant="t", to_tenant="t1", created=START)
SUBSCRIPTION = Subscription(
    id="s", subject=JOB, events=(), url="u", secret="x", owner="o", tenant="t", created=START
)


def set_up(work: Work) -> None:
    work.records.put(record(Kind.SAMPLE, SAMPLE, sample_id="one"), at=START)
    work.records.put(record(Kind.FILE, FILE, name="/a/b", file_id="f1"), at=START)
    work.records.put(job(JOB), at=START)
    work.links.add([LINK])
    work.history.append(JOB, entry())
    work.executions.put(EXECUTION)
    work.credentials.put(CREDENTIAL)
    work.grants.put(GRANT)
    work.subscriptions.put(SUBSCRIPTION)
    work.progress.put("t", {"n": 1}, at=START)


def rename(work: Work) -> None:
    found = work.records.get(SAMPLE)
    work.records.put(replace(found, body={**found.body, "sample_id": "another"}), at=START)


def hide(work: Work) -> None:
    work.records.put(replace(work.records.get(SAMPLE), visible=False), at=START)


def add(work: Work) -> None:
    work.records.put(record(Kind.SAMPLE, OTHER, sample_id="two"), at=START)


def add_elsewhere(work: Work) -> None:
    work.records.put(replace(record(Kind.SAMPLE, OTHER), admin={"tenant": "t9"}), at=START)


def add_file(work: Work) -> None:
    work.records.put(record(Kind.FILE, uuid_of(Kind.FILE, 2), name="/a/c"), at=START)


def move_file(work: Work) -> None:
    found = work.records.get(FILE)
    work.records.put(replace(found, body={**found.body, "name": "/b"}), at=START)


def purge(work: Work) -> None:
    work.records.purge(SAMPLE, at=START)


CASES: dict[str, tuple[Body, Body]] = {
    "find": (lambda work: work.records.find(SAMPLE), rename),
    "find none": (lambda work: work.records.find(OTHER), add),
    "find_many": (lambda work: dict(work.records.find_many([SAMPLE, OTHER])), purge),
    "visible": (lambda work: work.records.visible([SAMPLE]), hide),
    "identified": (lambda work: work.records.identified(Kind.SAMPLE, "sample_id", "one"), rename),
    "identified none": (lambda work: work.records.identified(Kind.SAMPLE, "sample_id", "two"), add),
    "page": (lambda work: work.records.page(Kind.SAMPLE), add),
    "page behind": (lambda work: work.records.page(Kind.SAMPLE, after=SAMPLE), add),
    "page, first": (lambda work: work.records.page(Kind.SAMPLE, limit=1), add),
    "page, hidden": (lambda work: work.records.page(Kind.SAMPLE, hidden=False), hide),
    "page of values": (lambda work: work.records.page(Kind.SAMPLE, {"sample_id": "another"}), rename),
    "page of no value": (lambda work: work.records.page(Kind.SAMPLE, {"sample_id": "one"}), purge),
    "between": (lambda work: work.records.between(Kind.FILE, "name", "/a/", "/a0"), add_file),
    "between, gone": (lambda work: work.records.between(Kind.FILE, "name", "/a/", "/a0"), move_file),
    "between all": (lambda work: work.records.between(Kind.FILE, "name", "", "~"), add_file),
    "glance": (lambda work: work.records.glance(Kind.FILE, ["name"], "/a", "/b"), move_file),
    "count": (lambda work: work.records.count(Kind.SAMPLE), hide),
    "count of values": (lambda work: work.records.count(Kind.SAMPLE, {"sample_id": "two"}), add),
    "tenants": (lambda work: work.records.tenants(), add_elsewhere),
    "changes": (lambda work: work.records.changes(SAMPLE), rename),
    "links of": (lambda work: work.links.of(SAMPLE), lambda work: work.links.remove([LINK])),
    "links to": (lambda work: work.links.to(LINK.target), lambda work: work.links.add([SAID])),
    "links to, purged": (lambda work: work.links.to(LINK.target), purge),
    "step up": (lambda work: work.links.step([OTHER], up=True), lambda work: work.links.add([SAID])),
    "step down": (
        lambda work: work.links.step([LINK.target], up=False),
        lambda work: work.links.remove([LINK]),
    ),
    "history": (lambda work: work.history.page(JOB), lambda work: work.history.append(JOB, entry())),
    "length": (lambda work: work.history.length(JOB), lambda work: work.history.append(JOB, entry())),
    "sent": (
        lambda work: work.outbox.send("q", {}, id="m", at=START),
        lambda work: work.outbox.send("q", {}, id="m", at=START),
    ),
    "execution": (
        lambda work: work.executions.get("a", "e1"),
        lambda work: work.executions.put(replace(EXECUTION, status="COMPLETE")),
    ),
    "executions": (
        lambda work: work.executions.page("a"),
        lambda work: work.executions.put(replace(EXECUTION, id="e2")),
    ),
    "executions of a tenant": (
        lambda work: work.executions.page("a", tenants=["t1"]),
        lambda work: work.executions.put(replace(EXECUTION, tenant="t2")),
    ),
    "answer": (
        lambda work: work.answers.recall("s", "k"),
        lambda work: work.answers.remember("s", "k", {}, at=START),
    ),
    "progress": (lambda work: work.progress.get("t"), lambda work: work.progress.drop("t")),
    "credential": (
        lambda work: work.credentials.use("d", at=START),
        lambda work: work.credentials.use("d", at=START),
    ),
    "credentials": (
        lambda work: work.credentials.page("nonce"),
        lambda work: work.credentials.put(replace(CREDENTIAL, digest="e")),
    ),
    "credentials, one less": (
        lambda work: work.credentials.page("nonce"),
        lambda work: work.credentials.put(replace(CREDENTIAL, kind="admin")),
    ),
    "grants": (lambda work: work.grants.page(), lambda work: work.grants.remove("g")),
    "grants to": (
        lambda work: work.grants.to("t1"),
        lambda work: work.grants.put(replace(GRANT, to_tenant="t2")),
    ),
    "subscription": (
        lambda work: work.subscriptions.find("s"),
        lambda work: work.subscriptions.put(replace(SUBSCRIPTION, paused=True)),
    ),
    "subscriptions of": (
        lambda work: work.subscriptions.of([JOB]),
        lambda work: work.subscriptions.put(
            replace(SUBSCRIPTION, subject=uuid_of(Kind.PIPELINEJOB, 2), created=START + timedelta(days=1))
        ),
    ),
    "subscriptions": (
        lambda work: work.subscriptions.page(),
        lambda work: work.subscriptions.remove("s"),
    ),
}


@pytest.fixture(scope="module")
def stores() -> Iterator[tuple[Store, Store]]:
    with database() as url:
        yield MongoStore(url, check=lambda record: None), MongoStore(url, check=lambda record: None)


@pytest.fixture
def two(stores: tuple[Store, Store]) -> tuple[Store, Store]:
    """Two who have the same ledger open, as it was set up."""

    def afresh(work: Work) -> None:
        for uuid in (SAMPLE, OTHER, FILE, uuid_of(Kind.FILE, 2), JOB):
            if work.records.find(uuid) is not None:
                work.records.purge(uuid, at=START)
        work.links.remove([SAID])
        set_up(work)

    stores[0].transact(afresh)
    return stores


@pytest.mark.parametrize("case", CASES)
def test_what_others_changed_meanwhile_is_seen_again(two: tuple[Store, Store], case: str) -> None:
    mine, others = two
    ask, change = CASES[case]
    told: list[Any] = []

    def body(work: Work) -> Any:
        told.append(ask(work))
        if len(told) == 1:
            others.transact(change)
        work.progress.put("written", {}, at=START)
        return told[-1]

    assert mine.transact(body) == told[-1]
    assert len(told) == 2
    assert told[0] != told[1]
