"""Grants, subscriptions and tenants: the same on every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.ports.sharing import Grant, Subscription
from tests.contracts.ledgers import Ledger

AT = datetime(2019, 2, 8, 12, tzinfo=UTC)
PIPELINE = TypedUuid("106c46ff-8186-5756-a934-071f4497b58d")
JOB = TypedUuid("107596b8-25b2-557d-9702-853f0690c576")


def grant(id: str, to: str = "guests", **more: object) -> Grant:
    return Grant(**{"id": id, "tenant": "hosts", "to_tenant": to, "created": AT, "by": "ada", **more})


def subscription(id: str, subject: TypedUuid = JOB, **more: object) -> Subscription:
    given = {
        "id": id,
        "subject": subject,
        "events": ("finish", "fail"),
        "url": "https://example.org/hook",
        "secret": "sealed",
        "owner": "ada",
        "tenant": "hosts",
        "created": AT,
    }
    return Subscription(**{**given, **more})


def sample(number: int, tenant: str) -> Record:
    return Record(
        kind=Kind.SAMPLE,
        uuid=TypedUuid(f"103{number:05x}-bcdf-5b6e-a8dc-4c7e81b91141"),
        body={"sample_id": f"sample.tacc.{number}"},
        salt="salt",
        admin={"owner": "ada", "project": "p", "tenant": tenant} if tenant else {},
    )


def test_grant_is_read_back_as_it_was_put(ledger: Ledger):
    given = grant("g1", to_name="grace", level="UPDATE", expires=AT + timedelta(days=1))
    ledger.store.transact(lambda work: work.grants.put(given))
    assert ledger.store.read(lambda work: work.grants.to("guests")) == [given]
    assert ledger.store.read(lambda work: work.grants.page()) == [given]


def test_grants_are_found_by_whom_they_are_for_oldest_first(ledger: Ledger):
    late, early = grant("a", created=AT + timedelta(hours=1)), grant("b")

    def put(work):
        for one in (late, early, grant("c", to="others")):
            work.grants.put(one)

    ledger.store.transact(put)
    assert ledger.store.read(lambda work: work.grants.to("guests")) == [early, late]
    assert ledger.store.read(lambda work: work.grants.to("nobody")) == []
    assert [one.id for one in ledger.store.read(lambda work: work.grants.page())] == ["b", "c", "a"]


def test_grant_that_is_put_again_takes_the_place_of_the_first(ledger: Ledger):
    ledger.store.transact(lambda work: work.grants.put(grant("g")))
    ledger.store.transact(lambda work: work.grants.put(grant("g", to="others")))
    assert ledger.store.read(lambda work: work.grants.to("guests")) == []
    assert [one.to_tenant for one in ledger.store.read(lambda work: work.grants.page())] == ["others"]


def test_removed_grant_is_gone(ledger: Ledger):
    ledger.store.transact(lambda work: work.grants.put(grant("g")))
    assert ledger.store.transact(lambda work: work.grants.remove("g"))
    assert not ledger.store.transact(lambda work: work.grants.remove("g"))
    assert ledger.store.read(lambda work: work.grants.page()) == []


def test_subscription_is_read_back_as_it_was_put(ledger: Ledger):
    given = subscription("s1", paused=True)
    ledger.store.transact(lambda work: work.subscriptions.put(given))
    assert ledger.store.read(lambda work: work.subscriptions.find("s1")) == given
    assert ledger.store.read(lambda work: work.subscriptions.find("s2")) is None


def test_subscriptions_are_found_by_any_of_their_subjects(ledger: Ledger):
    def put(work):
        for one in (subscription("b"), subscription("a", PIPELINE), subscription("c", events=())):
            work.subscriptions.put(one)

    ledger.store.transact(put)
    found = ledger.store.read(lambda work: work.subscriptions.of([JOB, PIPELINE, JOB]))
    assert [one.id for one in found] == ["a", "b", "c"]
    assert [one.id for one in ledger.store.read(lambda work: work.subscriptions.of([PIPELINE]))] == ["a"]
    assert ledger.store.read(lambda work: work.subscriptions.of([])) == []


def test_subscriptions_are_paged_by_id(ledger: Ledger):
    def put(work):
        for n in (3, 1, 2):
            work.subscriptions.put(subscription(f"s{n}"))

    ledger.store.transact(put)
    page = ledger.store.read(lambda work: work.subscriptions.page(limit=2))
    assert [one.id for one in page] == ["s1", "s2"]
    assert [one.id for one in ledger.store.read(lambda work: work.subscriptions.page(after="s2"))] == ["s3"]


def test_removed_subscription_is_gone(ledger: Ledger):
    ledger.store.transact(lambda work: work.subscriptions.put(subscription("s")))
    assert ledger.store.transact(lambda work: work.subscriptions.remove("s"))
    assert not ledger.store.transact(lambda work: work.subscriptions.remove("s"))
    assert ledger.store.read(lambda work: work.subscriptions.of([JOB])) == []


def test_subscription_to_what_is_no_uuid_is_refused(ledger: Ledger):
    with pytest.raises(InvalidField):
        ledger.store.transact(lambda work: work.subscriptions.put(subscription("s", TypedUuid("everything"))))


def test_what_a_failed_piece_of_work_shared_is_taken_back(ledger: Ledger):
    def fail(work):
        work.grants.put(grant("g"))
        work.subscriptions.put(subscription("s"))
        work.records.put(sample(1, "hosts"), at=AT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger.store.transact(fail)
    assert ledger.store.read(lambda work: work.grants.page()) == []
    assert ledger.store.read(lambda work: work.subscriptions.page()) == []
    assert ledger.store.read(lambda work: work.records.tenants()) == set()


def test_tenants_are_those_that_records_are_of(ledger: Ledger):
    assert ledger.store.read(lambda work: work.records.tenants()) == set()
    for number, tenant in enumerate(("hosts", "guests", "hosts", "")):
        ledger.store.transact(lambda work, n=number, t=tenant: work.records.put(sample(n, t), at=AT))
    assert ledger.store.read(lambda work: work.records.tenants()) == {"hosts", "guests", ""}
