"""What belongs to what: every helper of the hierarchy, hidden records, odd shapes, and one chain upwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from datacatalog.domain.errors import InvalidField, MixedLinkage, UnknownRecord
from datacatalog.domain.kinds import PREFIXES, Kind, Relation, TypedUuid
from datacatalog.domain.linkage.levels import EXPANSIONS
from datacatalog.domain.records import Link, Record
from datacatalog.services.linkage import expand, lineage_from_uuid, linked
from datacatalog.services.records import delete_record, put_record, undelete_record
from tests.unit.memory import Memory, memory

JOB, PIPELINE = (TypedUuid(PREFIXES[kind] + "00000-0000-5000-8000-000000000001") for kind in (Kind.PIPELINEJOB, Kind.PIPELINE))  # fmt: skip


@pytest.fixture
def here() -> Memory:
    return memory()


class Tree:
    """c <- d <- e1, e2; e1 <- s1, s2; s1 <- m1, m2; s2 <- m3; m1 <- f1, f2; m3 <- f3; the job is child_of m1 and made f2."""

    def __init__(self, here: Memory) -> None:
        self.here = here
        self.uuid: dict[str, TypedUuid] = {"j": JOB, "p": PIPELINE}
        add = self.add
        add(Kind.CHALLENGE_PROBLEM, "c", id="c", title="C", uri="https://example.org/c")
        add(
            Kind.EXPERIMENT_DESIGN, "d", "c", experiment_design_id="d", title="D", uri="https://example.org/d"
        )
        for n in "12":
            add(Kind.EXPERIMENT, f"e{n}", "d", experiment_id=f"e{n}", title=n)
            add(Kind.SAMPLE, f"s{n}", "e1", sample_id=f"s{n}")
        for n, sample in zip("123", ("s1", "s1", "s2"), strict=True):
            add(Kind.MEASUREMENT, f"m{n}", sample, measurement_id=f"m{n}", measurement_type="FLOW")
        for n, measurement in zip("123", ("m1", "m1", "m3"), strict=True):
            add(Kind.FILE, f"f{n}", measurement, name=f"/f{n}")
        here.env.store.transact(self._job)

    def add(self, kind: Kind, called: str, *parents: str, **fields: Any) -> None:
        document = {**fields, **({"child_of": [self.uuid[p] for p in parents]} if parents else {})}
        env = self.here.env
        self.uuid[called] = env.store.transact(lambda w: put_record(kind, document, w, env)).record.uuid

    def _job(self, work: Any) -> None:
        body = {"pipeline_uuid": PIPELINE, "archive_path": "/products/v2/x", "data": {}, "state": "CREATED"}
        record = Record(kind=Kind.PIPELINEJOB, uuid=JOB, body=body, salt="s")
        work.records.put(record, at=self.here.env.clock.now())
        self.say(work, "j", Relation.CHILD_OF, "m1")
        self.say(work, "j", Relation.GENERATED_BY, "p")
        self.say(work, "j", Relation.ACTED_ON, "f3")
        self.say(work, "f2", Relation.GENERATED_BY, "j")

    def say(self, work: Any, source: str, relation: Relation, target: str) -> None:
        work.links.add([Link(source=self.uuid[source], relation=relation, target=self.uuid[target])])

    def names(self, uuids: Iterable[TypedUuid]) -> str:
        called = {uuid: name for name, uuid in self.uuid.items()}
        return " ".join(sorted(called[uuid] for uuid in uuids))

    def expand(self, name: str, *given: str) -> str:
        env = self.here.env
        references = [self.uuid.get(each, each) for each in given]
        found = env.store.read(lambda w: expand(name, references, w, env))
        assert found == sorted(set(found))
        return self.names(found)

    def linked(self, to: Kind, *given: str) -> str:
        starts = [self.uuid[each] for each in given]
        return self.names(self.here.env.store.read(lambda w: linked(starts, to, w)))

    def hide(self, name: str) -> None:
        env = self.here.env
        env.store.transact(lambda w: delete_record(self.uuid[name], w, env))


@pytest.fixture
def tree(here: Memory) -> Tree:
    return Tree(here)


HELPERS = [
    ("designs_from_challenges", "c", "d"),
    ("experiments_from_designs", "d", "e1 e2"),
    ("samples_from_experiments", "e1", "s1 s2"),
    ("samples_from_experiments", "e2", ""),
    ("measurements_from_samples", "s1", "m1 m2"),
    ("measurements_from_samples", "s1 s2", "m1 m2 m3"),
    ("measurements_from_experiments", "e1", "m1 m2 m3"),
    ("measurements_from_designs", "d", "m1 m2 m3"),
    ("measurements_from_challenges", "c", "m1 m2 m3"),
    ("measurements_from_any", "c", "m1 m2 m3"),
    ("measurements_from_any", "s2 m1", "m1 m3"),
    ("measurements_from_any", "f1 f3", "m1 m3"),
    ("measurements_from_any", "j", "m1"),
    ("measurements_from_any", "p", "m1"),
    ("files_from_measurements", "m1", "f1 f2"),
    ("files_from_samples", "s2", "f3"),
    ("files_from_experiments", "e1", "f1 f2 f3"),
    ("files_from_designs", "d", "f1 f2 f3"),
    ("files_from_challenges", "c", "f1 f2 f3"),
    ("files_from_any", "c", "f1 f2 f3"),
    ("files_from_any", "j", "f2"),
    ("files_from_any", "p s2", "f2 f3"),
    ("jobs_from_any", "c", "j"),
    ("jobs_from_any", "s1", "j"),
    ("jobs_from_any", "s2", ""),
    ("jobs_from_any", "m1", "j"),
    ("jobs_from_any", "f1", ""),
    ("jobs_from_any", "f2", "j"),
    ("jobs_from_any", "f3", "j"),
    ("jobs_from_any", "p", "j"),
    ("challenges_from_challenges", "c", "c"),
    ("designs_from_designs", "d", "d"),
    ("experiments_from_experiments", "e1 e2", "e1 e2"),
    ("samples_from_samples", "s1 s1", "s1"),
    ("measurements_from_measurements", "m1", "m1"),
    ("files_from_files", "f1", "f1"),
    ("jobs_from_jobs", "j", "j"),
]


def register(tree: Tree) -> None:
    """Put the pipeline of the job into the catalog."""
    body = {"name": "p", "id": "p", "components": [{"id": "a"}], "_fingerprint": "x"}
    record = Record(kind=Kind.PIPELINE, uuid=PIPELINE, body=body, salt="s")
    tree.here.env.store.transact(lambda w: w.records.put(record, at=tree.here.env.clock.now()))


@pytest.mark.parametrize(("name", "given", "wanted"), HELPERS)
def test_helper_returns_what_belongs_to_what_it_is_given(tree: Tree, name: str, given: str, wanted: str):
    register(tree)
    assert tree.expand(name, *given.split()) == wanted


def test_every_published_helper_is_in_that_table():
    assert {name for name, _, _ in HELPERS} == set(EXPANSIONS)


def test_identifiers_paths_and_uuids_may_stand_side_by_side(tree: Tree):
    env = tree.here.env
    found = env.store.read(lambda w: expand("measurements_from_any", ["s1", "//f3", tree.uuid["m1"]], w, env))
    assert tree.names(found) == "m1 m2 m3"
    assert env.store.read(lambda w: expand("samples_from_samples", "s1", w, env)) == [tree.uuid["s1"]]


def test_nothing_gives_nothing(tree: Tree):
    assert tree.expand("files_from_any") == ""


@pytest.mark.parametrize(("hidden", "left"), [("s2", "f1 f2"), ("m1", "f3"), ("f1", "f2 f3"), ("e1", "")])
def test_hidden_record_and_what_hangs_below_it_alone_are_passed_over(tree: Tree, hidden: str, left: str):
    tree.hide(hidden)
    assert tree.expand("files_from_designs", "d") == left
    env = tree.here.env
    env.store.transact(lambda w: undelete_record(tree.uuid[hidden], w, env))
    assert tree.expand("files_from_designs", "d") == "f1 f2 f3"


def test_hidden_record_cannot_be_asked_about(tree: Tree):
    tree.hide("s1")
    for reference in ("s1", tree.uuid["s1"]):
        with pytest.raises(UnknownRecord):
            tree.expand("measurements_from_samples", reference)


def test_levels_that_are_left_out_are_stepped_over(tree: Tree):
    tree.add(Kind.FILE, "f4", "e2", name="/f4")
    tree.add(Kind.MEASUREMENT, "m4", "d", measurement_id="m4", measurement_type="FLOW")
    tree.add(Kind.FILE, "f5", "m4", name="/f5")
    assert tree.expand("files_from_designs", "d") == "f1 f2 f3 f4 f5"
    assert tree.expand("measurements_from_designs", "d") == "m1 m2 m3 m4"
    assert tree.linked(Kind.EXPERIMENT_DESIGN, "f5") == tree.linked(Kind.EXPERIMENT_DESIGN, "f4") == "d"


def test_links_that_go_round_end(tree: Tree):
    env = tree.here.env
    env.store.transact(lambda w: tree.say(w, "s1", Relation.CHILD_OF, "m1"))
    env.store.transact(lambda w: tree.say(w, "e1", Relation.CHILD_OF, "s2"))
    assert tree.expand("files_from_samples", "s1") == "f1 f2"
    assert tree.linked(Kind.CHALLENGE_PROBLEM, "f1") == "c"


@pytest.mark.parametrize(
    ("name", "given", "error"),
    [
        ("measurements_from_samples", "e1", MixedLinkage),
        ("measurements_from_samples", "f1", MixedLinkage),
        ("files_from_files", "j", MixedLinkage),
        ("measurements_from_samples", "nobody", UnknownRecord),
        ("samples_from_files", "f1", InvalidField),
    ],
)
def test_what_a_helper_cannot_take_is_named(tree: Tree, name: str, given: str, error: type[Exception]):
    with pytest.raises(error, match=f"{tree.uuid.get(given, given)}|samples_from_files"):
        tree.expand(name, given)


def test_kinds_on_no_level_are_refused(tree: Tree):
    tree.add(Kind.PROCESS, "x", process_id="x", name="X")
    for to, given in ((Kind.PROCESS, "s1"), (Kind.FILE, "x"), (Kind.PIPELINEJOB, "x")):
        with pytest.raises(MixedLinkage, match="no level"):
            tree.linked(to, given)


def test_chain_of_single_parents_leads_up_to_the_challenge(tree: Tree):
    chain = tree.here.env.store.read(lambda w: lineage_from_uuid(tree.uuid["f1"], w))
    assert [(kind.value, tree.names([uuid])) for kind, uuid in chain] == [
        ("file", "f1"),
        ("measurement", "m1"),
        ("sample", "s1"),
        ("experiment", "e1"),
        ("experiment_design", "d"),
        ("challenge_problem", "c"),
    ]
    assert tree.here.env.store.read(lambda w: lineage_from_uuid(tree.uuid["s1"], w)) == chain[2:]


def test_chain_ends_at_several_parents_with_an_error_unless_it_may(tree: Tree):
    tree.add(Kind.SAMPLE, "s1", "e2", sample_id="s1")
    read = tree.here.env.store.read
    with pytest.raises(MixedLinkage, match="2 parents"):
        read(lambda w: lineage_from_uuid(tree.uuid["f1"], w))
    chain = read(lambda w: lineage_from_uuid(tree.uuid["f1"], w, permissive=True))
    assert tree.names(uuid for _, uuid in chain) == "f1 m1 s1"
    tree.hide("e2")
    assert len(read(lambda w: lineage_from_uuid(tree.uuid["f1"], w))) == 6


def test_chain_begins_at_a_level(tree: Tree):
    with pytest.raises(MixedLinkage):
        tree.here.env.store.read(lambda w: lineage_from_uuid(JOB, w))
