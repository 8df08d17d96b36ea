"""Every ledger does, step by step, what the ledger in memory does, however work fails and whenever it is opened anew."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from datacatalog.adapters.stores.memory import MemoryStore
from datacatalog.domain.errors import DatacatalogError
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link
from datacatalog.ports.stores import Credential, Execution, Store, Work
from tests.contracts.ledgers import ENGINES, START, Gatekeeper, MovableClock, entry, record, uuid_of
from tests.contracts.mongo_databases import needs_mongodb

KINDS = (Kind.SAMPLE, Kind.PIPELINEJOB, Kind.FILE)
UUIDS = [uuid_of(kind, number) for kind in KINDS for number in range(1, 4)]
FIELDS = {
    Kind.SAMPLE: ("sample_id", "strain", "refuse"),
    Kind.PIPELINEJOB: ("state", "session", "updated"),
    Kind.FILE: ("file_id", "name", "level", "_seen"),
}

uuids = st.sampled_from(UUIDS)
values = st.sampled_from(["a", "b", None, 1, True, ["a"], {"a": 1}])
instants = st.integers(0, 5).map(lambda days: START + timedelta(days=days))
names = st.sampled_from("xyz")


def kind_of(uuid: TypedUuid) -> Kind:
    return KINDS[("103", "107", "105").index(uuid[:3])]


@st.composite
def bodies(draw: st.DrawFn, uuid: TypedUuid) -> dict[str, Any]:
    return draw(st.dictionaries(st.sampled_from(FIELDS[kind_of(uuid)]), values, max_size=3))


@dataclass(frozen=True)
class Step:
    """One call of one part of a piece of work; its name is for the report of a failed test."""

    name: str
    call: Callable[[Work], Any]

    def __repr__(self) -> str:
        return self.name


def put(uuid: TypedUuid, body: dict[str, Any], visible: bool, behind: int, at: Any) -> Callable[[Work], Any]:
    def call(work: Work) -> Any:
        known = work.records.find(uuid)
        revision = None if known is None else (known.revision or 0) - behind
        new = replace(record(kind_of(uuid), uuid), body=body, visible=visible, revision=revision)
        return work.records.put(new, at=at)

    return call


def put_many(some: dict[TypedUuid, dict[str, Any]], behind: int, at: Any) -> Callable[[Work], Any]:
    def call(work: Work) -> Any:
        known = work.records.find_many(some)
        new = [
            replace(
                record(kind_of(uuid), uuid),
                body=body,
                revision=None if uuid not in known else (known[uuid].revision or 0) - behind,
            )
            for uuid, body in some.items()
        ]
        try:
            return work.records.put_many(new, at=at)
        except DatacatalogError:
            return "refused"  # which of several errors it is, is left open

    return call


@st.composite
def steps(draw: st.DrawFn) -> Step:
    uuid, other, at = draw(uuids), draw(uuids), draw(instants)
    name, body = draw(names), draw(bodies(uuid))
    behind = draw(st.sampled_from([0, 0, 0, 1]))
    some = draw(st.lists(uuids, unique=True, max_size=4))
    many = {each: draw(bodies(each)) for each in some}
    up = draw(st.booleans())
    relations = draw(st.none() | st.sets(st.sampled_from(Relation), max_size=3))
    link = Link(source=uuid, relation=draw(st.sampled_from(Relation)), target=other)
    actor = draw(st.sampled_from(["manager", "indexer"]))
    known: dict[str, Callable[[Work], Any]] = {
        "put": put(uuid, body, draw(st.booleans()), behind, at),
        "put many": put_many(many, behind, at),
        "find many": lambda work: dict(work.records.find_many(some)),
        "step": lambda work: work.links.step(some, up=up, relations=relations),
        "note": lambda work: work.progress.put(name, body, at=at),
        "drop": lambda work: work.progress.drop(name),
        "insert": lambda work: work.records.put(replace(record(kind_of(uuid), uuid), body=body), at=at),
        "purge": lambda work: work.records.purge(uuid, at=at),
        "link": lambda work: work.links.add([link]),
        "unlink": lambda work: work.links.remove([link]),
        "append": lambda work: work.history.append(uuid, replace(entry(data=body), uuid=other)),
        "execute": lambda work: work.executions.put(
            Execution(id=name, actor=actor, status="COMPLETE", received=at, outcome=body)
        ),
        "remember": lambda work: work.answers.remember(actor, name, body, at=at),
        "grant": lambda work: work.credentials.put(
            Credential(digest=name, kind="nonce", created=at, expires=at, uses_left=behind)
        ),
        "use": lambda work: work.credentials.use(name, at=at),
        "revoke": lambda work: work.credentials.remove(name),
        "send": lambda work: work.outbox.send(actor, body, id=name, at=at),
    }
    what = draw(st.sampled_from(["put"] * 6 + ["put many"] * 3 + list(known)))
    return Step(f"{what} {uuid} {name} {body} {many}", known[what])


def ran(store: Store, some: list[Step], fails: bool) -> list[Any]:
    """Run steps as one piece of work; a refused step is passed over, as a body may do."""
    seen: list[Any] = []

    def body(work: Work) -> None:
        seen.clear()
        for step in some:
            try:
                seen.append(step.call(work))
            except DatacatalogError as error:
                seen.append((type(error), str(error)))
        if fails:
            raise LookupError

    try:
        store.transact(body)
    except LookupError:
        seen.append("undone")
    return seen


def everything(work: Work) -> list[Any]:
    found: list[Any] = []
    for uuid in UUIDS:
        found += [
            work.records.find(uuid),
            work.records.changes(uuid),
            work.links.of(uuid),
            work.links.to(uuid),
            work.links.to(uuid, kind=Kind.FILE, limit=1),
            work.records.changes(uuid, after=1, limit=1),
            work.history.page(uuid),
            work.history.length(uuid),
        ]
    found += [dict(work.records.find_many(UUIDS)), [work.progress.get(name) for name in "xyz"]]
    found += [work.links.step(UUIDS, up=up) for up in (True, False)]
    found.append(work.records.between(Kind.FILE, "name", "a", "c", hidden=True))
    found.append(work.records.glance(Kind.FILE, ["level", "_seen", "file_id"], "a", "c", limit=2))
    for kind in KINDS:
        found += [work.records.count(kind), work.records.page(kind, hidden=True, limit=2)]
        for field in FIELDS[kind][:2]:
            if field != "updated":
                found += [work.records.page(kind, {field: "a"}), work.records.count(kind, {field: "b"})]
    for value in "ab":
        found.append(work.records.identified(Kind.SAMPLE, "sample_id", value))
        found.append(work.records.identified(Kind.FILE, "file_id", value))
    for actor in ("manager", "indexer"):
        found.append(work.executions.page(actor))
        found += [work.answers.recall(actor, name) for name in "xyz"]
    return [*found, work.credentials.page("nonce")]


class LedgerMachine(RuleBasedStateMachine):
    engine: str

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = MovableClock()
        self.model = MemoryStore(check=Gatekeeper(), clock=self.clock)
        self.open()

    def open(self) -> None:
        path = Path(self.folder.name) / "ledger.db"
        self.store, _ = ENGINES[self.engine](path, self.clock, Gatekeeper())

    @initialize(some=st.lists(steps(), max_size=8))
    def fill(self, some: list[Step]) -> None:
        self.work(some, fails=False)

    @rule(some=st.lists(steps(), min_size=1, max_size=6), fails=st.sampled_from([False, False, True]))
    def work(self, some: list[Step], fails: bool) -> None:
        assert ran(self.store, some, fails) == ran(self.model, some, fails)
        assert self.store.read(everything) == self.model.read(everything)

    @rule(at=instants)
    def prune(self, at: Any) -> None:
        assert self.store.prune(before=at) == self.model.prune(before=at)

    @precondition(lambda self: self.store.commits)
    @rule()
    def open_anew(self) -> None:
        self.store.close()
        self.open()
        assert self.store.read(everything) == self.model.read(everything)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


class SqliteLedgerMachine(LedgerMachine):
    engine = "sqlite"


class MongoLedgerMachine(LedgerMachine):
    engine = "mongodb"


TestLedgerFileIsTheModel = SqliteLedgerMachine.TestCase
TestLedgerFileIsTheModel.settings = settings(max_examples=20, stateful_step_count=12, deadline=None)

TestLedgerInMongodbIsTheModel = needs_mongodb(MongoLedgerMachine.TestCase)
TestLedgerInMongodbIsTheModel.settings = settings(max_examples=10, stateful_step_count=8, deadline=None)
