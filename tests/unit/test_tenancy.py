"""What is out of reach is as if it were not there: a confined ledger reads like one that only ever held the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datacatalog.adapters.stores.memory import MemoryStore
from datacatalog.domain.errors import AlreadyExists, Duplicate, NotGranted, UnknownRecord
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import PREFIXES, Kind, Relation, TypedUuid
from datacatalog.domain.records import Link, Record
from datacatalog.ports.sharing import Grant, Subscription
from datacatalog.ports.stores import Credential, Execution, Store, Work
from datacatalog.services.tenancy import ConfinedStore, Reach, Seeker, confined, reach_of

AT = datetime(2019, 2, 8, 12, tzinfo=UTC)
TENANTS = ("home", "own", "lent", "other")
REACH = Reach(
    own="own", home="home", reads=frozenset({"own", "lent", "given"}), writes=frozenset({"own", "given"})
)
PLACES = ("/a", "/b", "/c")


@dataclass
class Standing:
    at: datetime = AT

    def now(self) -> datetime:
        return self.at


def store() -> MemoryStore:
    return MemoryStore(check=lambda record: None, clock=Standing())


def uuid_of(kind: Kind, number: int) -> TypedUuid:
    return TypedUuid(f"{PREFIXES[kind]}{number:05x}-bcdf-5b6e-a8dc-4c7e81b91141")


def record(kind: Kind, number: int, tenant: str, **more: Any) -> Record:
    bodies: dict[Kind, dict[str, Any]] = {
        Kind.SAMPLE: {"sample_id": f"sample.tacc.{number}"},
        Kind.FILE: {"name": f"/f/{number}", "storage_system": "s", "type": "CSV"},
        Kind.PIPELINEJOB: {"archive_path": PLACES[number % 3], "state": "CREATED", "last_event": "create"},
    }
    admin = {"owner": "ada", "tenant": tenant} if tenant else {}
    return Record(kind=kind, uuid=uuid_of(kind, number), body=bodies[kind], salt="salt", admin=admin, **more)


def entry(number: int) -> HistoryEntry:
    return HistoryEntry(
        uuid=uuid_of(Kind.PIPELINEJOB_EVENT, number),
        name=Event.UPDATE,
        date=AT,
        state=State.RUNNING,
        data=None,
    )


KINDS = (Kind.SAMPLE, Kind.FILE, Kind.PIPELINEJOB)
LINKS = {
    Kind.FILE: (Relation.GENERATED_BY, Relation.CHILD_OF, Relation.DERIVED_FROM),
    Kind.PIPELINEJOB: (Relation.CHILD_OF, Relation.ACTED_ON),
}
records = st.builds(
    record,
    st.sampled_from(KINDS),
    st.integers(1, 12),
    st.sampled_from((*TENANTS, "given", "")),
    visible=st.booleans(),
)
uuids = st.builds(uuid_of, st.sampled_from(KINDS), st.integers(1, 14))
links = st.builds(
    lambda kind, number, relation, target: Link(
        source=uuid_of(kind, number), relation=LINKS[kind][relation % len(LINKS[kind])], target=target
    ),
    st.sampled_from((Kind.FILE, Kind.PIPELINEJOB)),
    st.integers(1, 12),
    st.integers(0, 2),
    uuids,
).filter(lambda link: link.source != link.target)


def fill(into: Store, some: list[Record], said: list[Link], kept: Callable[[TypedUuid], bool]) -> None:
    """Write those records that are kept, and the links between what is kept or nowhere."""

    def body(work: Work) -> None:
        for each in some:
            if kept(each.uuid):
                work.records.put(each, at=AT)
                if each.kind is Kind.PIPELINEJOB:
                    for number in range(3):
                        work.history.append(each.uuid, entry(number))
                if each.kind is Kind.SAMPLE:
                    changed = work.records.get(each.uuid)
                    work.records.put(replace(changed, body={**changed.body, "title": "new"}), at=AT)
        work.links.add(link for link in said if kept(link.source) and kept(link.target))

    into.transact(body)


def everything(work: Work, limit: int) -> list[Any]:
    """Read whatever can be read, page by page."""
    told: list[Any] = []
    all_uuids = [uuid_of(kind, number) for kind in KINDS for number in range(1, 15)]
    for kind in KINDS:
        for hidden in (False, True):
            after: str | None = None
            while True:
                page = work.records.page(kind, after=after, limit=limit, hidden=hidden)
                told.append(page)
                if page.next is None:
                    break
                after = page.next
        told.append(work.records.count(kind))
    for place in ("", "/a", "/b"):
        told.append(work.records.between(Kind.PIPELINEJOB, "archive_path", place, "/z", limit=limit))
        told.append(work.records.page(Kind.PIPELINEJOB, {"archive_path": place}, limit=limit))
        told.append(work.records.count(Kind.PIPELINEJOB, {"archive_path": place}))
    told.append(work.records.between(Kind.FILE, "name", "/", "/z", limit=limit, hidden=True))
    told.append(work.records.glance(Kind.FILE, ("type", "name"), "/", "/z", limit=limit))
    told.append(work.records.glance(Kind.FILE, (), "/f/2", "/z", limit=limit))
    told.append(work.records.find_many(all_uuids))
    told.append(work.records.visible(all_uuids))
    for number in range(1, 15):
        told.append(work.records.identified(Kind.SAMPLE, "sample_id", f"sample.tacc.{number}"))
    for uuid in all_uuids:
        told.append(work.records.find(uuid))
        told.append(work.records.changes(uuid, limit=limit))
        told.append(work.history.page(uuid, limit=limit))
        told.append(work.history.length(uuid))
        told.append(work.links.of(uuid))
        after = None
        while page_of := work.links.to(uuid, after=after, limit=limit):
            told.append(page_of)
            after = page_of[-1].source
        told.append(work.links.to(uuid, Relation.CHILD_OF, kind=Kind.FILE, limit=limit))
        try:
            told.append(work.records.get(uuid))
        except UnknownRecord as e:
            told.append(str(e))
    told.append(work.links.step(all_uuids, up=True))
    told.append(work.links.step(all_uuids, up=False, relations=[Relation.CHILD_OF]))
    return told


@settings(max_examples=60, deadline=None)
@given(
    some=st.lists(records, max_size=20, unique_by=lambda each: each.uuid),
    said=st.lists(links, max_size=25),
    limit=st.integers(1, 5),
)
def test_confined_ledger_reads_like_one_that_holds_what_is_within_reach(
    some: list[Record], said: list[Link], limit: int
):
    whole, part = store(), store()
    out = {each.uuid for each in some if (each.admin.get("tenant") or "home") not in REACH.reads}
    there = {each.uuid for each in some}
    # A link hangs in the air where one end is not there; one whose other end is out of reach is not shown.
    fill(whole, some, said, lambda uuid: True)
    fill(part, some, said, lambda uuid: uuid not in out)
    assert there >= out
    assert whole.read(lambda work: everything(confined(work, REACH), limit)) == part.read(
        lambda work: everything(work, limit)
    )


# ------------------------------------------------------------------------------------------- writing


@pytest.fixture
def full() -> MemoryStore:
    made = store()
    some = [record(Kind.SAMPLE, n, tenant) for n, tenant in enumerate(("own", "given", "lent", "other"), 1)]
    jobs = [
        record(Kind.PIPELINEJOB, n, tenant) for n, tenant in enumerate(("own", "given", "lent", "other"), 1)
    ]
    fill(made, [*some, *jobs], [], lambda uuid: True)
    return made


OWN, GIVEN, LENT, OTHER = (1, 2, 3, 4)


def attempts(number: int) -> dict[str, Callable[[Work], Any]]:
    sample, job = uuid_of(Kind.SAMPLE, number), uuid_of(Kind.PIPELINEJOB, number)
    link = Link(source=job, relation=Relation.CHILD_OF, target=uuid_of(Kind.SAMPLE, OWN))

    def put(work: Work) -> Any:
        return work.records.put(replace(work.records.get(sample), visible=False), at=AT)

    def put_many(work: Work) -> Any:
        return work.records.put_many([replace(work.records.get(sample), visible=False)], at=AT)

    return {
        "put": put,
        "put_many": put_many,
        "purge": lambda work: work.records.purge(sample, at=AT),
        "link": lambda work: work.links.add([link]),
        "history": lambda work: work.history.append(job, entry(9)),
    }


@pytest.mark.parametrize("how", attempts(OWN))
@pytest.mark.parametrize("number", [OWN, GIVEN])
def test_what_is_of_ones_own_or_granted_to_be_changed_can_be_changed(
    full: MemoryStore, number: int, how: str
):
    full.transact(lambda work: attempts(number)[how](confined(work, REACH)))


@pytest.mark.parametrize("how", attempts(OWN))
@pytest.mark.parametrize(("number", "error"), [(LENT, NotGranted), (OTHER, UnknownRecord)])
def test_what_others_did_not_grant_cannot_be_changed(
    full: MemoryStore, number: int, error: type[Exception], how: str
):
    before = full.read(lambda work: everything(work, 5))
    with pytest.raises(error):
        full.transact(lambda work: attempts(number)[how](confined(work, REACH)))
    assert full.read(lambda work: everything(work, 5)) == before


def test_new_record_must_be_of_a_tenant_that_may_be_changed(full: MemoryStore):
    for tenant in ("lent", "other", ""):
        with pytest.raises(NotGranted):
            full.transact(
                lambda work, t=tenant: confined(work, REACH).records.put(record(Kind.SAMPLE, 9, t), at=AT)
            )
    full.transact(lambda work: confined(work, REACH).records.put(record(Kind.SAMPLE, 9, "given"), at=AT))


def test_taken_uuid_or_identifier_of_a_hidden_record_is_told_of_as_taken_and_no_more(full: MemoryStore):
    taken_uuid = record(Kind.SAMPLE, OTHER, "own")
    taken_id = replace(record(Kind.SAMPLE, 9, "own"), body={"sample_id": "sample.tacc.4"})
    for new in (taken_uuid, taken_id):
        with pytest.raises(AlreadyExists) as one:
            full.transact(lambda work, r=new: confined(work, REACH).records.put(r, at=AT))
        with pytest.raises(AlreadyExists) as many:
            full.transact(lambda work, r=new: confined(work, REACH).records.put_many([r], at=AT))
        assert str(one.value) == str(many.value)
        assert "sample.tacc.4" not in str(one.value)
        assert "other" not in str(one.value).replace("another", "")
    within = replace(record(Kind.SAMPLE, 9, "own"), body={"sample_id": "sample.tacc.3"})
    with pytest.raises(Duplicate):
        full.transact(lambda work: confined(work, REACH).records.put(within, at=AT))


def test_link_to_a_hidden_record_is_refused_as_if_that_were_not_there(full: MemoryStore):
    hidden = Link(
        source=uuid_of(Kind.PIPELINEJOB, OWN),
        relation=Relation.CHILD_OF,
        target=uuid_of(Kind.SAMPLE, OTHER),
    )
    with pytest.raises(UnknownRecord):
        full.transact(lambda work: confined(work, REACH).links.add([hidden]))
    full.transact(lambda work: work.links.add([hidden]))
    assert full.transact(lambda work: confined(work, REACH).links.remove([hidden])) == 0
    assert full.read(lambda work: work.links.of(hidden.source)) == [hidden]


def test_record_that_hidden_ones_point_at_is_not_removed(full: MemoryStore):
    said = Link(
        source=uuid_of(Kind.PIPELINEJOB, OTHER),
        relation=Relation.CHILD_OF,
        target=uuid_of(Kind.SAMPLE, OWN),
    )
    full.transact(lambda work: work.links.add([said]))
    with pytest.raises(AlreadyExists, match="can be hidden, not removed"):
        full.transact(lambda work: confined(work, REACH).records.purge(uuid_of(Kind.SAMPLE, OWN), at=AT))


def test_log_of_a_uuid_shows_only_what_tenants_within_reach_did(full: MemoryStore):
    uuid = uuid_of(Kind.SAMPLE, OTHER)
    full.transact(lambda work: work.records.purge(uuid, at=AT))
    assert full.read(lambda work: confined(work, REACH).records.changes(uuid)) == []
    full.transact(lambda work: confined(work, REACH).records.put(record(Kind.SAMPLE, OTHER, "own"), at=AT))
    shown = full.read(lambda work: confined(work, REACH).records.changes(uuid))
    assert [line.action for _, line in shown] == ["create"]
    assert len(full.read(lambda work: work.records.changes(uuid))) == 4


# --------------------------------------------------------------------------------- grants, and one's own


def grant(id: str, **more: Any) -> Grant:
    return Grant(**{"id": id, "tenant": "hosts", "to_tenant": "guests", "created": AT, **more})


def reach(made: MemoryStore, name: str = "grace", at: datetime = AT) -> Reach:
    seeker = Seeker(tenant="guests", name=name)
    return made.read(lambda work: reach_of(seeker, "home", work, at))


def test_grants_widen_the_reach_until_they_expire_or_are_revoked():
    made = store()
    fill(made, [record(Kind.SAMPLE, 1, "hosts")], [], lambda uuid: True)
    assert reach(made).reads == reach(made).writes == {"guests"}
    made.transact(lambda work: work.grants.put(grant("r", expires=AT + timedelta(hours=1))))
    made.transact(lambda work: work.grants.put(grant("u", tenant="others", level="UPDATE", to_name="grace")))
    assert (reach(made).reads, reach(made).writes) == ({"guests", "hosts", "others"}, {"guests", "others"})
    assert reach(made, "linus").reads == {"guests", "hosts"}
    assert reach(made, at=AT + timedelta(hours=1)).reads == {"guests", "others"}
    made.transact(lambda work: work.grants.remove("u"))
    assert reach(made).reads == {"guests", "hosts"}


def test_ledger_of_one_tenant_is_not_looked_through(full: MemoryStore):
    alone = store()
    fill(alone, [record(Kind.SAMPLE, 1, ""), record(Kind.SAMPLE, 2, "home")], [], lambda uuid: True)
    own = Reach(own="home", home="home", reads=frozenset({"home"}), writes=frozenset({"home"}))
    assert alone.read(lambda work: confined(work, own).records is work.records)
    assert not full.read(lambda work: confined(work, own).records is work.records)


def test_what_is_prepared_outside_of_a_transaction_is_of_ones_own_tenant():
    made = store()
    guests = ConfinedStore(made, Seeker(tenant="own", name="ada"), home="home", clock=Standing())
    own, others = record(Kind.SAMPLE, 1, "own"), record(Kind.SAMPLE, 2, "given")
    prepared = guests.prepare([own])
    guests.transact(lambda work: work.insert(prepared, at=AT))
    with pytest.raises(NotGranted):
        guests.prepare([others])
    assert made.read(lambda work: work.records.count(Kind.SAMPLE)) == 1


def test_executions_credentials_and_subscriptions_are_a_tenants_own():
    made = store()
    guests = ConfinedStore(made, Seeker(tenant="own", name="ada"), home="home", clock=Standing())
    at_home = ConfinedStore(made, Seeker(tenant="", name="ada"), home="home", clock=Standing())

    def write(tenant: str) -> Callable[[Work], None]:
        def body(work: Work) -> None:
            work.executions.put(Execution(id=f"x-{tenant}", actor="a", status="COMPLETE", received=AT))
            work.credentials.put(
                Credential(digest=f"d-{tenant}", kind="nonce", created=AT, expires=None, tenant=tenant)
            )
            work.subscriptions.put(
                Subscription(
                    id=f"s-{tenant}",
                    subject=uuid_of(Kind.PIPELINEJOB, 1),
                    events=(),
                    url="https://example.org/",
                    secret="sealed",
                    owner="ada",
                    tenant=tenant,
                    created=AT,
                )
            )

        return body

    guests.transact(write("own"))
    at_home.transact(write(""))
    made.transact(lambda work: work.executions.put(Execution(id="z", actor="a", status="ERROR", received=AT)))
    for view, tenant, other, ran in ((guests, "own", "", ["x-own"]), (at_home, "", "own", ["z", "x-"])):

        def look(work: Work, tenant: str = tenant, other: str = other) -> list[Any]:
            assert work.executions.get("a", f"x-{other}") is None
            assert work.subscriptions.find(f"s-{other}") is None
            assert work.credentials.find(f"d-{other}") is not None
            assert [each.digest for each in work.credentials.page("nonce")] == [f"d-{tenant}"]
            assert [each.id for each in work.subscriptions.page(limit=1)] == [f"s-{tenant}"]
            assert len(work.subscriptions.of([uuid_of(Kind.PIPELINEJOB, 1)])) == 2
            return [each.id for each in work.executions.page("a", limit=5)]

        assert view.read(look) == ran
        assert not view.transact(lambda work, o=other: work.subscriptions.remove(f"s-{o}"))
        assert not view.transact(lambda work, o=other: work.credentials.remove(f"d-{o}"))
        with pytest.raises(NotGranted):
            view.transact(write(other))
        with pytest.raises(NotGranted):
            view.transact(lambda work: work.grants.put(grant("g")))
        with pytest.raises(NotGranted):
            view.transact(lambda work: work.grants.remove("g"))
