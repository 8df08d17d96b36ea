"""Lineage over every store: against a naive walk that asks for the links of one record at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import PREFIXES, SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.linkage.graph import Edge
from datacatalog.domain.records import Link
from datacatalog.ports.stores import Store, Work
from datacatalog.services import lineage
from datacatalog.services.lineage import BOTH, DATA, Direction, Step, graph_of, walk_on
from tests.contracts.ledgers import START, record, uuid_of

DOWN = (Direction.DESCENDANTS,)
KINDS = (Kind.FILE, Kind.PIPELINEJOB, Kind.MEASUREMENT, Kind.SAMPLE, Kind.FIXITY)
SIZE = 12

_worlds = itertools.count()


@dataclass(frozen=True)
class World:
    """A few records and what they say of one another.

    Attributes:
        uuids: all that links may lead to.
        hidden, unknown: those that were deleted softly, and those that are not in the catalog.
    """

    uuids: Sequence[TypedUuid]
    links: Sequence[Link]
    hidden: frozenset[TypedUuid] = frozenset()
    unknown: frozenset[TypedUuid] = frozenset()

    def into(self, store: Store) -> None:
        records = [
            replace(record(_kind(uuid), uuid), visible=uuid not in self.hidden)
            for uuid in self.uuids
            if uuid not in self.unknown
        ]

        def body(work: Work) -> None:
            work.records.put_many(records, at=START)
            work.links.add(self.links)

        store.transact(body)


@dataclass(frozen=True)
class Asked:
    """What a walk is asked for."""

    direction: Direction
    relations: frozenset[Relation] | None = None
    depth: int = 100
    kinds: frozenset[Kind] | None = None
    hidden: bool = False

    def wishes(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("relations", "depth", "kinds", "hidden")}


def _kind(uuid: TypedUuid) -> Kind:
    return next(kind for kind in KINDS if uuid.startswith(PREFIXES[kind]))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    base = next(_worlds) * 1000
    uuids = [uuid_of(draw(st.sampled_from(KINDS)), base + n) for n in range(draw(st.integers(1, SIZE)))]
    some = st.frozensets(st.sampled_from(uuids), max_size=4)
    pairs = draw(st.lists(st.tuples(*[st.sampled_from(uuids)] * 2), max_size=30))
    links = [
        Link(
            source=source,
            relation=draw(st.sampled_from(sorted(SPECS[_kind(source)].relations))),
            target=target,
        )
        for source, target in pairs
        if source != target
    ]
    return World(uuids, links, draw(some), draw(some))


questions = st.builds(
    Asked,
    direction=st.sampled_from(Direction),
    relations=st.none() | st.frozensets(st.sampled_from([Relation.CHILD_OF, Relation.GENERATED_BY])),
    depth=st.sampled_from([1, 2, 3, 100]),
    kinds=st.none() | st.frozensets(st.sampled_from(KINDS), max_size=2),
    hidden=st.booleans(),
)


def naive(start: TypedUuid, asked: Asked, world: World, work: Work) -> Iterator[tuple[int, TypedUuid]]:
    """Walk as the page says it is done, with a question per record."""
    if start.startswith("116"):
        start = TypedUuid("105" + start[3:])
    seen, level = {start}, [start]
    for depth in range(1, asked.depth + 1):
        reached = []
        for near in level:
            if asked.direction is Direction.ANCESTORS:
                ends = [(link.relation, link.target) for link in work.links.of(near)]
            else:
                said = sorted(work.links.to(near), key=lambda link: (link.source, link.relation))
                ends = [(link.relation, link.source) for link in said]
            for relation, far in ends:
                if (asked.relations is not None and relation not in asked.relations) or far in seen:
                    continue
                if far.startswith("116"):
                    continue
                seen.add(far)
                reached.append(far)
                wanted = asked.kinds is None or _kind(far) in asked.kinds
                if wanted and (asked.hidden or far not in world.hidden - world.unknown):
                    yield depth, far
        level = reached


def walked(start: TypedUuid, asked: Asked, work: Work) -> list[Step]:
    return list(lineage.walk(start, asked.direction, work, **asked.wishes()))  # type: ignore[arg-type]


def pages(start: TypedUuid, asked: Asked, store: Store, limit: int) -> list[tuple[int, TypedUuid]]:
    """Return what the pages of a graph hold, as (depth, UUID)."""
    found, after = list[tuple[int, TypedUuid]](), None
    while True:
        page = store.read(
            lambda work, after=after: graph_of(  # type: ignore[misc]
                start, [asked.direction], work, after=after, limit=limit, **asked.wishes()
            )
        )
        nodes = page.nodes[1:]
        assert len(nodes) == limit or page.next is None
        assert page.more == (page.next is not None)
        found += [(abs(node.level), node.uuid) for node in nodes]
        if page.next is None:
            return found
        after = page.next


everything = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@everything
@given(world=worlds(), asked=questions, data=st.data())
def test_walks_and_their_pages_say_what_a_naive_walk_says(
    store: Store, world: World, asked: Asked, data: st.DataObject
) -> None:
    world.into(store)
    start = data.draw(st.sampled_from(world.uuids))
    expected = store.read(lambda work: list(naive(start, asked, world, work)))
    steps = store.read(lambda work: walked(start, asked, work))
    assert [(step.depth, step.uuid) for step in steps] == expected
    assert [step.uuid for step in steps if step.record is None] == [
        u for _, u in expected if u in world.unknown
    ]
    gone = world.hidden - world.unknown
    assert [step.uuid for step in steps if step.hidden] == [u for _, u in expected if u in gone]
    up = asked.direction is Direction.ANCESTORS
    assert all((step.link.target if up else step.link.source) == step.uuid for step in steps)
    assert all(step.link in world.links for step in steps)
    assert pages(start, asked, store, data.draw(st.integers(1, 5))) == expected
    assert list(walk_on(start, asked.direction, store, **asked.wishes())) == steps  # type: ignore[arg-type]


@everything
@given(world=worlds(), asked=questions, data=st.data())
def test_a_graph_holds_every_link_between_what_it_shows_and_hangs_together(
    store: Store, world: World, asked: Asked, data: st.DataObject
) -> None:
    world.into(store)
    start = data.draw(st.sampled_from(world.uuids))
    directions = data.draw(st.sampled_from([(asked.direction,), BOTH]))
    graph = store.read(lambda work: graph_of(start, directions, work, **asked.wishes()))  # type: ignore[arg-type]
    shown = [node.uuid for node in graph.nodes]
    assert len(set(shown)) == len(shown)
    walks = [replace(asked, direction=way) for way in directions]
    both = store.read(lambda work: [step.uuid for walk in walks for step in walked(start, walk, work)])
    assert shown[1:] == list(dict.fromkeys(both))
    said = {
        Edge(source=link.source, relation=link.relation, target=link.target)
        for link in world.links
        if {link.source, link.target} <= set(shown)
        and (asked.relations is None or link.relation in asked.relations)
    }
    assert {edge for edge in graph.edges if edge.relation is not None} == said
    assert len(set(graph.edges)) == len(graph.edges)
    # Whoever goes along the edges from the start, either way, gets everywhere.
    reached, rest = {shown[0]}, set(graph.edges)
    while near := {edge for edge in rest if {edge.source, edge.target} & reached}:
        rest -= near
        reached |= {end for edge in near for end in (edge.source, edge.target)}
    assert reached == set(shown)


# ----------------------------------------------------------------------------------------- by hand


@dataclass
class Study:
    """A sample, two measurements, a job about both, its two outputs, and a plot of one of them."""

    links: list[Link] = field(default_factory=list)
    sample: TypedUuid = field(default_factory=lambda: uuid_of(Kind.SAMPLE))
    raw: TypedUuid = field(default_factory=lambda: uuid_of(Kind.FILE))
    plot: TypedUuid = field(default_factory=lambda: uuid_of(Kind.FILE))
    job: TypedUuid = field(default_factory=lambda: uuid_of(Kind.PIPELINEJOB))

    def __post_init__(self) -> None:
        self.measurements = [uuid_of(Kind.MEASUREMENT) for _ in range(2)]
        self.outputs = [uuid_of(Kind.FILE) for _ in range(2)]
        for measurement in self.measurements:
            self.say(measurement, Relation.CHILD_OF, self.sample)
            self.say(self.job, Relation.CHILD_OF, measurement)
        self.say(self.raw, Relation.CHILD_OF, self.measurements[0])
        self.say(self.job, Relation.ACTED_ON, self.raw)
        for output in self.outputs:
            self.say(output, Relation.GENERATED_BY, self.job)
        self.say(self.plot, Relation.DERIVED_FROM, self.outputs[0])

    def say(self, source: TypedUuid, relation: Relation, target: TypedUuid) -> None:
        self.links.append(Link(source=source, relation=relation, target=target))

    def into(self, store: Store, hidden: Sequence[TypedUuid] = ()) -> Study:
        uuids = sorted({end for link in self.links for end in (link.source, link.target)})
        World(uuids, self.links, frozenset(hidden)).into(store)
        return self


def found(steps: Iterator[Step]) -> set[TypedUuid]:
    return {step.uuid for step in steps}


def test_everything_derived_from_a_sample_and_every_input_of_a_file_take_one_call(store: Store) -> None:
    study = Study().into(store)
    outputs = store.read(lambda work: found(lineage.outputs_of(study.sample, work)))
    assert outputs == {study.raw, *study.outputs, study.plot}
    inputs = store.read(lambda work: found(lineage.inputs_of(study.plot, work)))
    assert inputs == {study.outputs[0], study.raw}


def test_what_lies_behind_hidden_records_is_found_and_they_are_not(store: Store) -> None:
    study = Study()
    study.into(store, hidden=[study.job])
    all_of_it = store.read(lambda work: found(lineage.walk(study.sample, Direction.DESCENDANTS, work)))
    assert study.job not in all_of_it
    assert study.plot in all_of_it
    asked = store.read(
        lambda work: list(lineage.walk(study.sample, Direction.DESCENDANTS, work, hidden=True))
    )
    assert [step.uuid for step in asked if step.hidden] == [study.job]


def test_a_way_over_what_is_not_shown_is_drawn_as_one_edge(store: Store) -> None:
    study = Study()
    study.into(store, hidden=[study.job])
    graph = store.read(lambda work: graph_of(study.plot, [Direction.ANCESTORS], work))
    ways = [edge for edge in graph.edges if edge.relation is None]
    assert {edge.source for edge in ways} == {study.outputs[0]}
    assert {edge.target for edge in ways} == {study.raw, *study.measurements}
    files = store.read(lambda work: graph_of(study.sample, [Direction.DESCENDANTS], work, kinds=DATA))
    assert {(edge.source, edge.target) for edge in files.edges} == {
        (study.raw, study.sample),
        (study.plot, study.outputs[0]),
        *((output, study.sample) for output in study.outputs),
    }


def test_a_fixity_stands_for_its_file(store: Store) -> None:
    study = Study().into(store)
    fixity = TypedUuid(PREFIXES[Kind.FIXITY] + study.plot[3:])
    for direction in Direction:
        asked = Asked(direction)
        of_file = store.read(lambda work, asked=asked: walked(study.plot, asked, work))  # type: ignore[misc]
        assert store.read(lambda work, asked=asked: walked(fixity, asked, work)) == of_file  # type: ignore[misc]
    assert store.read(lambda work: graph_of(fixity, BOTH, work)).start.uuid == study.plot


def test_records_in_a_ring_are_found_once_and_the_start_not_at_all(store: Store) -> None:
    ring = [uuid_of(Kind.FILE) for _ in range(3)]
    links = [Link(source=ring[n], relation=Relation.DERIVED_FROM, target=ring[(n + 1) % 3]) for n in range(3)]
    World(ring, links).into(store)
    graph = store.read(lambda work: graph_of(ring[0], BOTH, work))
    assert [(node.uuid, node.level) for node in graph.nodes] == [(ring[0], 0), (ring[1], -1), (ring[2], -2)]
    assert len(graph.edges) == 3
    assert [
        step.uuid for step in store.read(lambda work: walked(ring[0], Asked(Direction.DESCENDANTS), work))
    ] == [
        ring[2],
        ring[1],
    ]


@pytest.mark.parametrize("limit", [1, 3, 99, 100, 1000])
def test_pages_of_a_wide_level_join(store: Store, limit: int) -> None:
    job, outputs = uuid_of(Kind.PIPELINEJOB), [uuid_of(Kind.FILE) for _ in range(100)]
    links = [Link(source=each, relation=Relation.GENERATED_BY, target=job) for each in outputs]
    World([job, *outputs], links).into(store)
    found = pages(job, Asked(Direction.DESCENDANTS), store, limit)
    assert found == [(1, uuid) for uuid in sorted(outputs)]


def test_a_page_after_what_is_not_there_is_refused(store: Store) -> None:
    study = Study().into(store)
    for after in (uuid_of(Kind.FILE), "nonsense", study.sample):
        with pytest.raises(InvalidField, match="after"):
            store.read(lambda work, a=after: graph_of(study.sample, DOWN, work, after=a))  # type: ignore[misc]
    with pytest.raises(InvalidField, match="after"):
        store.read(lambda work: graph_of(study.sample, BOTH, work, after=study.job))


def test_a_page_goes_on_after_a_record_that_was_hidden_meanwhile(store: Store) -> None:
    study = Study().into(store)
    first = store.read(lambda work: graph_of(study.sample, DOWN, work, limit=3))
    last = first.nodes[-1].uuid
    store.transact(lambda work: work.records.put(replace(work.records.get(last), visible=False), at=START))
    rest = store.read(lambda work: graph_of(study.sample, DOWN, work, after=first.next, limit=100))
    assert len(first.nodes[1:]) + len(rest.nodes[1:]) == 7


def test_a_long_walk_goes_on_through_what_is_written_meanwhile(store: Store) -> None:
    job, outputs = uuid_of(Kind.PIPELINEJOB), [uuid_of(Kind.FILE) for _ in range(2500)]
    links = [Link(source=each, relation=Relation.GENERATED_BY, target=job) for each in outputs]
    World([job, *outputs], links).into(store)
    steps = walk_on(job, Direction.DESCENDANTS, store)
    first = [next(steps).uuid for _ in range(10)]
    store.transact(lambda work: work.links.remove(links[:1500]))
    late = uuid_of(Kind.FILE)
    late_link = Link(source=late, relation=Relation.DERIVED_FROM, target=outputs[-1])
    store.transact(lambda work: work.links.add([late_link]))
    found_all = [*first, *(step.uuid for step in steps)]
    assert len(set(found_all)) == len(found_all)
    assert set(found_all) >= {*outputs[1500:], late}


def test_a_graph_says_where_it_goes_on(store: Store) -> None:
    study = Study().into(store)
    whole = store.read(lambda work: graph_of(study.sample, [Direction.DESCENDANTS], work))
    assert (whole.more, whole.next) == (False, None)
    first = store.read(lambda work: graph_of(study.sample, [Direction.DESCENDANTS], work, limit=4))
    assert (first.more, first.next) == (True, first.nodes[-1].uuid)
    rest = store.read(
        lambda work: graph_of(study.sample, [Direction.DESCENDANTS], work, limit=4, after=first.next)
    )
    assert [node.uuid for node in (*first.nodes, *rest.nodes[1:])] == [node.uuid for node in whole.nodes]
    both = store.read(lambda work: graph_of(study.job, BOTH, work, limit=1))
    assert (len(both.nodes), both.more, both.next) == (3, True, None)


def test_products_count_as_files(store: Store) -> None:
    job = uuid_of(Kind.PIPELINEJOB)
    product = uuid_of(Kind.PRODUCT)

    def body(work: Work) -> None:
        work.records.put(record(Kind.FILE, product, name="/a"), at=START)
        work.links.add([Link(source=product, relation=Relation.GENERATED_BY, target=job)])

    store.transact(body)
    assert store.read(lambda work: found(lineage.outputs_of(job, work))) == {product}
