"""What every store promises of pieces of work, and of what is not a record; see datacatalog.ports.stores."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from datacatalog.domain.errors import (
    DatacatalogError,
    Duplicate,
    InvalidRecord,
    LeaseLost,
    StoreDown,
)
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, Relation
from datacatalog.domain.records import Link
from datacatalog.ports.stores import Credential, Delivery, Execution, Store, Work
from datacatalog.ports.transport import Transport
from tests.contracts.ledgers import START, MovableClock, entry, job, record, uuid_of

SECOND = timedelta(seconds=1)
LEASE = timedelta(minutes=5)

JOB, OTHER_JOB = uuid_of(Kind.PIPELINEJOB), uuid_of(Kind.PIPELINEJOB)
SAMPLE, EXPERIMENT = uuid_of(Kind.SAMPLE), uuid_of(Kind.EXPERIMENT)
LINK = Link(source=SAMPLE, relation=Relation.CHILD_OF, target=EXPERIMENT)
DELIVERY = Delivery(id="m", queue="q", body={}, tries=1, lease="none", sent=START)


def execution(id: str, actor: str = "jobs-manager", **fields: Any) -> Execution:
    known: dict[str, Any] = {"status": "COMPLETE", "received": START, **fields}
    return Execution(id=id, actor=actor, **known)


def nonce(digest: str, **fields: Any) -> Credential:
    known: dict[str, Any] = {"kind": "nonce", "created": START, "expires": None, **fields}
    return Credential(digest=digest, **known)


WRITES: dict[str, Callable[[Work], object]] = {
    "records.put": lambda work: work.records.put(record(Kind.SAMPLE, SAMPLE, sample_id="s"), at=START),
    "links.add": lambda work: work.links.add([LINK]),
    "history.append": lambda work: work.history.append(JOB, entry()),
    "outbox.send": lambda work: work.outbox.send("q", {"a": 1}, id="m", at=START),
    "executions.put": lambda work: work.executions.put(execution("e")),
    "answers.remember": lambda work: work.answers.remember("s", "k", {"a": 1}, at=START),
    "credentials.put": lambda work: work.credentials.put(nonce("d")),
}
OTHER_WRITES: dict[str, Callable[[Work], object]] = {
    "links.remove": lambda work: work.links.remove([LINK]),
    "outbox.settle": lambda work: work.outbox.settle(DELIVERY),
    "credentials.remove": lambda work: work.credentials.remove("d"),
}


def everything(work: Work) -> list[object]:
    return [
        work.records.find(SAMPLE),
        work.records.identified(Kind.SAMPLE, "sample_id", "s"),
        work.records.changes(SAMPLE),
        work.links.of(SAMPLE),
        work.links.to(EXPERIMENT),
        work.history.page(JOB),
        work.executions.get("jobs-manager", "e"),
        work.executions.page("jobs-manager"),
        work.answers.recall("s", "k"),
        work.credentials.find("d"),
        work.credentials.page("nonce"),
    ]


# ------------------------------------------------------------------------------------ pieces of work


def test_work_returns_what_its_body_returns(store: Store) -> None:
    assert store.transact(lambda work: 42) == 42
    assert store.read(lambda work: "state") == "state"


def test_work_that_fails_leaves_no_trace_in_any_part(store: Store, transport: Transport) -> None:
    before = store.read(everything)

    def body(work: Work) -> None:
        for write in WRITES.values():
            write(work)
        raise LookupError

    with pytest.raises(LookupError):
        store.transact(body)
    assert store.read(everything) == before
    assert transport.depth() == {}


def test_failed_work_undoes_changes_and_removals_too(store: Store) -> None:
    for write in WRITES.values():
        store.transact(write)
    before = store.read(everything)

    def body(work: Work) -> None:
        seen = work.records.get(SAMPLE)
        work.records.put(replace(seen, body={"sample_id": "other"}), at=START)
        work.links.remove([LINK])
        work.history.append(JOB, entry())
        work.executions.put(execution("e", status="ERROR"))
        work.credentials.remove("d")
        work.records.purge(SAMPLE, at=START)
        raise LookupError

    with pytest.raises(LookupError):
        store.transact(body)
    assert store.read(everything) == before


def test_error_of_a_body_arrives_as_it_was_raised(store: Store) -> None:
    error = InvalidRecord("sample", [("/x", "is wrong")])

    def body(work: Work) -> None:
        raise error

    with pytest.raises(InvalidRecord) as caught:
        store.transact(body)
    assert caught.value is error
    with pytest.raises(InvalidRecord) as caught:
        store.read(body)
    assert caught.value is error


def test_work_sees_what_it_has_written(store: Store) -> None:
    def body(work: Work) -> list[object]:
        before = everything(work)
        for write in WRITES.values():
            write(work)
        seen = everything(work)
        assert all(was != now for was, now in zip(before, seen, strict=True))
        return seen

    assert store.transact(body) == store.read(everything)


@pytest.mark.parametrize("name", [*WRITES, *OTHER_WRITES])
def test_reading_work_cannot_write(store: Store, name: str) -> None:
    with pytest.raises(RuntimeError):
        store.read({**WRITES, **OTHER_WRITES}[name])


@pytest.mark.parametrize("inner", ["transact", "read"])
@pytest.mark.parametrize("outer", ["transact", "read"])
def test_work_cannot_run_inside_other_work(store: Store, outer: str, inner: str) -> None:
    def body(work: Work) -> None:
        with pytest.raises(RuntimeError):
            getattr(store, inner)(lambda work: None)

    getattr(store, outer)(body)


@pytest.mark.parametrize("way", ["transact", "read"])
def test_store_cannot_be_closed_from_inside_its_own_work(store: Store, way: str) -> None:
    def body(work: Work) -> None:
        with pytest.raises(RuntimeError):
            store.close()

    getattr(store, way)(body)
    assert store.check()


@pytest.mark.parametrize("way", ["transact", "read"])
def test_work_is_of_no_use_once_it_is_over(store: Store, way: str) -> None:
    kept: list[Work] = []
    getattr(store, way)(kept.append)
    with pytest.raises(RuntimeError):
        kept[0].records.find(SAMPLE)
    with pytest.raises(RuntimeError):
        kept[0].links.add([LINK])


def test_work_knows_the_context_of_its_caller(store: Store) -> None:
    who: contextvars.ContextVar[int] = contextvars.ContextVar("who")
    start = threading.Barrier(8)
    seen: list[tuple[int, int]] = []

    def run(number: int) -> None:
        who.set(number)
        start.wait()
        for _ in range(20):
            seen.append((number, store.transact(lambda work: who.get())))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 160
    assert all(mine == told for mine, told in seen)


def test_threads_lose_no_change_and_fail_alone(store: Store) -> None:
    counter = store.transact(lambda work: work.records.put(record(n=0), at=START))
    start = threading.Barrier(8)
    refusals: list[int] = []

    def count(work: Work) -> None:
        seen = work.records.get(counter.uuid)
        work.records.put(replace(seen, body={"n": seen.body["n"] + 1}), at=START)

    def count_and_fail(work: Work) -> None:
        count(work)
        raise LookupError

    def run() -> None:
        start.wait()
        for turn in range(30):
            store.transact(count)
            try:
                store.transact(count_and_fail)
            except LookupError:
                refusals.append(turn)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read(lambda work: work.records.get(counter.uuid)).body == {"n": 240}
    assert len(refusals) == 240


def test_store_tells_its_schema_version_while_it_is_open(store: Store) -> None:
    facts = store.check()
    assert facts["schema"] >= 1
    assert facts["engine"]
    store.close()
    for call in (store.check, lambda: store.read(everything), lambda: store.transact(everything)):
        with pytest.raises(StoreDown):
            call()


def test_instants_are_kept_to_the_microsecond_whatever_their_zone(store: Store) -> None:
    east = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    stored = store.transact(lambda work: work.records.put(record(), at=east))
    found = store.read(lambda work: work.records.get(stored.uuid))
    assert found.created == START
    assert found.created is not None
    assert found.created.microsecond == START.microsecond


# ------------------------------------------------------------------------------------------ history


def test_history_numbers_entries_of_each_job_from_one(store: Store) -> None:
    def body(work: Work) -> list[int]:
        return [
            work.history.append(JOB, entry()),
            work.history.append(OTHER_JOB, entry()),
            work.history.append(JOB, entry()),
        ]

    assert store.transact(body) == [1, 1, 2]
    assert store.transact(lambda work: work.history.append(JOB, entry())) == 3
    assert store.read(lambda work: work.history.length(JOB)) == 3
    assert store.read(lambda work: work.history.length(SAMPLE)) == 0


def test_history_reads_back_as_it_was_appended(store: Store) -> None:
    written = [
        entry(Event.CREATE, data={"a": {"b": [1, None, "ä"]}}),
        entry(Event.RUN, data={}, state=State.RUNNING, implied=True),
        entry(Event.UPDATE, data=None, state=State.RUNNING, noted=True, date=START - SECOND),
        entry(Event.FINISH, state=State.FINISHED),
    ]
    for each in written:
        store.transact(lambda work, each=each: work.history.append(JOB, each))
    assert store.read(lambda work: work.history.page(JOB)) == list(enumerate(written, start=1))


def test_history_is_read_in_pages(store: Store) -> None:
    store.transact(lambda work: [work.history.append(JOB, entry()) for _ in range(7)])
    numbers = lambda **page: [  # noqa: E731
        seq for seq, _ in store.read(lambda work: work.history.page(JOB, **page))
    ]
    assert numbers(limit=3) == [1, 2, 3]
    assert numbers(after=3, limit=3) == [4, 5, 6]
    assert numbers(after=6) == [7]
    assert numbers(after=7) == []


def test_number_of_an_entry_that_was_undone_is_given_again(store: Store) -> None:
    def body(work: Work) -> None:
        work.history.append(JOB, entry())
        raise LookupError

    with pytest.raises(LookupError):
        store.transact(body)
    assert store.transact(lambda work: work.history.append(JOB, entry())) == 1


# ------------------------------------------------------------------------------------------- outbox


def send(store: Store, id: str = "m", queue: str = "q") -> bool:
    return store.transact(lambda work: work.outbox.send(queue, {"id": id}, id=id, at=START))


def claimed(transport: Transport, queue: str = "q") -> Delivery:
    delivery = transport.claim([queue], lease=LEASE)
    assert delivery is not None
    return delivery


def test_message_id_is_sent_once_per_queue_even_after_it_was_handled(
    store: Store, transport: Transport
) -> None:
    assert send(store)
    assert not send(store)
    assert send(store, queue="other")
    delivery = claimed(transport)
    assert not send(store)
    store.transact(lambda work: work.outbox.settle(delivery))
    assert not send(store)
    assert transport.depth() == {"other": 1}


def test_message_id_is_not_taken_by_work_that_failed(store: Store, transport: Transport) -> None:
    def body(work: Work) -> None:
        work.outbox.send("q", {}, id="m", at=START)
        raise LookupError

    with pytest.raises(LookupError):
        store.transact(body)
    assert send(store)
    assert transport.depth() == {"q": 1}


def test_settled_message_is_gone_with_the_commit_and_not_before(store: Store, transport: Transport) -> None:
    send(store)
    delivery = claimed(transport)

    def fail(work: Work) -> None:
        work.outbox.settle(delivery)
        raise LookupError

    with pytest.raises(LookupError):
        store.transact(fail)
    assert transport.depth() == {"q": 1}
    store.transact(lambda work: work.outbox.settle(delivery))
    assert transport.depth() == {}


@pytest.mark.parametrize("way", ["settle", "hold"])
def test_worker_whose_lease_went_to_another_writes_nothing(
    store: Store, transport: Transport, clock: MovableClock, way: str
) -> None:
    send(store)
    stale = claimed(transport)
    clock.move(LEASE)
    fresh = claimed(transport)

    def body(work: Work, delivery: Delivery) -> None:
        work.records.put(record(Kind.SAMPLE, SAMPLE), at=START)
        getattr(work.outbox, way)(delivery)

    with pytest.raises(LeaseLost):
        store.transact(lambda work: body(work, stale))
    assert store.read(lambda work: work.records.find(SAMPLE)) is None
    store.transact(lambda work: body(work, fresh))
    assert store.read(lambda work: work.records.find(SAMPLE)) is not None


def test_message_cannot_be_settled_twice(store: Store, transport: Transport) -> None:
    send(store)
    delivery = claimed(transport)
    store.transact(lambda work: work.outbox.settle(delivery))
    for way in ("settle", "hold"):
        with pytest.raises(LeaseLost):
            store.transact(lambda work, way=way: getattr(work.outbox, way)(delivery))


def test_late_worker_may_settle_while_nobody_else_has_the_message(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    send(store)
    delivery = claimed(transport)
    clock.move(LEASE * 2)
    store.transact(lambda work: work.outbox.settle(delivery))
    assert transport.claim(["q"], lease=LEASE) is None


# ---------------------------------------------------------------- executions, answers, credentials


def test_execution_reads_back_and_is_replaced_by_actor_and_id(store: Store) -> None:
    queued = execution("e", status="SUBMITTED")
    done = execution(
        "e", finished=START + SECOND, http=409, outcome={"ä": [1]}, log=("one", "two"), status="ERROR"
    )
    store.transact(lambda work: work.executions.put(queued))
    assert store.read(lambda work: work.executions.get("jobs-manager", "e")) == queued
    store.transact(lambda work: work.executions.put(done))
    assert store.read(lambda work: work.executions.get("jobs-manager", "e")) == done
    assert store.read(lambda work: work.executions.page("jobs-manager")) == [done]
    assert store.read(lambda work: work.executions.get("jobs-manager", "unknown")) is None


def test_executions_of_an_actor_come_newest_first_in_pages(store: Store) -> None:
    ids = ["z", "a", "m", "b", "y"]
    for each in ids:
        store.transact(lambda work, each=each: work.executions.put(execution(each)))
        store.transact(lambda work, each=each: work.executions.put(execution(f"other-{each}", "other")))
    store.transact(lambda work: work.executions.put(execution("a", status="ERROR")))
    page = lambda **options: [  # noqa: E731
        found.id for found in store.read(lambda work: work.executions.page("jobs-manager", **options))
    ]
    newest = sorted(ids, reverse=True)
    assert page() == newest
    assert page(limit=2) == newest[:2]
    assert page(after=newest[1], limit=2) == newest[2:4]
    assert page(after=newest[-1]) == []


def test_answer_is_remembered_once_per_scope_and_key(store: Store) -> None:
    remember = lambda scope, key, answer: store.transact(  # noqa: E731
        lambda work: work.answers.remember(scope, key, answer, at=START)
    )
    recall = lambda scope, key: store.read(lambda work: work.answers.recall(scope, key))  # noqa: E731
    assert recall("s", "k") is None
    remember("s", "k", {"status": 200})
    remember("t", "k", {"status": 201})
    with pytest.raises(Duplicate):
        remember("s", "k", {"status": 500})
    assert (recall("s", "k"), recall("t", "k")) == ({"status": 200}, {"status": 201})


def test_refused_answer_leaves_the_rest_of_the_work_as_it_is(store: Store) -> None:
    def body(work: Work) -> None:
        work.answers.remember("s", "k", {"n": 1}, at=START)
        with pytest.raises(Duplicate):
            work.answers.remember("s", "k", {"n": 2}, at=START)

    store.transact(body)
    assert store.read(lambda work: work.answers.recall("s", "k")) == {"n": 1}


def test_credential_reads_back_is_replaced_and_removed(store: Store) -> None:
    full = nonce("d", expires=START, actor="a", level="READ", uses_left=3, label="SD2E_", owner="sd2e")
    store.transact(lambda work: work.credentials.put(nonce("d")))
    store.transact(lambda work: work.credentials.put(full))
    assert store.read(lambda work: work.credentials.find("d")) == full
    assert store.transact(lambda work: work.credentials.remove("d"))
    assert not store.transact(lambda work: work.credentials.remove("d"))
    assert store.read(lambda work: work.credentials.find("d")) is None


def test_credentials_of_a_kind_come_oldest_first(store: Store) -> None:
    made = [nonce("x", created=START + SECOND), nonce("y", created=START), nonce("z", created=START - SECOND)]
    for each in [*made, nonce("admin", kind="admin")]:
        store.transact(lambda work, each=each: work.credentials.put(each))
    assert store.read(lambda work: work.credentials.page("nonce")) == made[::-1]


def test_credential_is_good_for_as_many_uses_as_it_has(store: Store) -> None:
    store.transact(lambda work: work.credentials.put(nonce("d", uses_left=2)))
    use = lambda: store.transact(lambda work: work.credentials.use("d", at=START))  # noqa: E731
    assert [used and used.uses_left for used in (use(), use(), use())] == [1, 0, None]


def test_credential_is_good_before_it_expires_and_for_whoever_knows_it(store: Store) -> None:
    store.transact(lambda work: work.credentials.put(nonce("d", expires=START)))
    store.transact(lambda work: work.credentials.put(nonce("forever")))
    use = lambda digest, at: store.transact(lambda work: work.credentials.use(digest, at=at))  # noqa: E731
    assert use("d", START - SECOND / 1_000_000) is not None
    assert use("d", START) is None
    assert use("forever", START + timedelta(days=36500)) == nonce("forever")
    assert use("unknown", START) is None


def test_threads_get_exactly_as_many_uses_as_there_are(store: Store) -> None:
    store.transact(lambda work: work.credentials.put(nonce("d", uses_left=25)))
    start, good = threading.Barrier(6), []

    def run() -> None:
        start.wait()
        for _ in range(10):
            if store.transact(lambda work: work.credentials.use("d", at=START)):
                good.append(1)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(good) == 25


# ------------------------------------------------------------------------------------------- pruning


def test_prune_forgets_what_is_older_and_keeps_the_rest(
    store: Store, transport: Transport, clock: MovableClock
) -> None:
    old, new = START, START + timedelta(days=30)

    def fill(work: Work) -> None:
        for name, at in (("old", old), ("new", new)):
            work.answers.remember("s", name, {}, at=at)
            work.executions.put(execution(name, received=old, finished=at))
            work.credentials.put(nonce(f"expired {name}", expires=at))
            work.credentials.put(nonce(f"spent {name}", created=at, uses_left=0))
            work.credentials.put(nonce(f"good {name}", created=at))
        work.records.put(job(JOB), at=old)
        work.history.append(JOB, entry())
        work.executions.put(execution("queued", received=old, status="SUBMITTED"))
        for each in ("handled early", "handled late", "waiting", "dead"):
            work.outbox.send(each, {}, id=each, at=old)

    store.transact(fill)
    early = claimed(transport, "handled early")
    store.transact(lambda work: work.outbox.settle(early))
    clock.move(new - old)
    late = claimed(transport, "handled late")
    store.transact(lambda work: work.outbox.settle(late))
    transport.bury(claimed(transport, "dead"), reason="bad")

    gone = store.prune(before=new)
    assert gone == {"answers": 1, "messages": 1, "executions": 2, "progress": 0, "credentials": 2}
    assert store.prune(before=new) == dict.fromkeys(gone, 0)

    def look(work: Work) -> None:
        assert work.answers.recall("s", "old") is None
        assert work.answers.recall("s", "new") is not None
        assert [each.id for each in work.executions.page("jobs-manager")] == ["new"]
        assert {each.digest for each in work.credentials.page("nonce")} == {
            "expired new",
            "spent new",
            "good old",
            "good new",
        }
        assert work.history.length(JOB) == 1
        assert work.records.find(JOB) is not None

    store.read(look)
    assert transport.depth() == {"waiting": 1}
    assert [letter.id for letter in transport.dead()] == ["dead"]
    assert send(store, "handled early", "handled early")
    assert not send(store, "handled late", "handled late")


def test_all_errors_of_stores_are_ours(store: Store) -> None:
    store.close()
    with pytest.raises(DatacatalogError):
        store.prune(before=datetime(2026, 1, 1, tzinfo=UTC))
