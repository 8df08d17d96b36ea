"""Where did this come from, and what came of it?

Links lead from a record to what was there before it: its parents, the job or pipeline that made it, its inputs. Ancestors
lie along them, descendants against them. Every walk goes level by level, so the nearest come first and each record comes
once, at its least distance; cycles end. Within a level, records stand in the order of those they were reached from, then
of the links. A walk asks the store for the links of many records at once, and reads the records that it returns alone.

Records that were deleted softly are walked through and left out. Fixities are no part of lineage: one stands for its file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import KIND_OF_PREFIX, Kind, Relation, TypedUuid
from datacatalog.domain.labels import label
from datacatalog.domain.linkage.graph import Graph, Node, edges_among
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Store, Work
from datacatalog.services.walks import Direction, Step, Walk, origin

__all__ = [
    "BOTH",
    "DATA",
    "DEPTH",
    "DIRECTIONS",
    "Direction",
    "Step",
    "graph_of",
    "inputs_of",
    "outputs_of",
    "walk",
    "walk_on",
]

DEPTH = 100
"""How far a walk goes where nothing is said."""

DATA = (Kind.FILE, Kind.REFERENCE)
"""What goes into jobs and comes out of them."""

_AT_ONCE = 1000

BOTH = (Direction.ANCESTORS, Direction.DESCENDANTS)

DIRECTIONS: Mapping[str, Sequence[Direction]] = {
    **{direction.value: (direction,) for direction in Direction},
    "both": BOTH,
}
"""What people ask for -> the directions that are gone."""


def walk(
    start: TypedUuid,
    direction: Direction,
    work: Work,
    *,
    relations: Collection[Relation] | None = None,
    depth: int = DEPTH,
    kinds: Collection[Kind] | None = None,
    hidden: bool = False,
    after: str | None = None,
) -> Iterator[Step]:
    """Walk to everything that `start` comes from, or to everything that came of it.

    Args:
        relations: walk along these links alone; None: along all.
        kinds: return records of these kinds alone; others are walked through.
        hidden: return those that were deleted softly as well.
        after: return what comes after this record, which the walk passes.
    Raises:
        InvalidField: `after` is no record, or the walk does not pass it.
    """
    return Walk(start, direction, work, relations, depth).steps(kinds, hidden=hidden, after=after)


def walk_on(
    start: TypedUuid,
    direction: Direction,
    store: Store,
    *,
    relations: Collection[Relation] | None = None,
    depth: int = DEPTH,
    kinds: Collection[Kind] | None = None,
    hidden: bool = False,
    after: str | None = None,
) -> Iterator[Step]:
    """Walk as `walk` does, however far and however slowly: no piece of work is held open, and no record kept.

    What is linked or deleted meanwhile may be missing; nothing comes twice.
    """
    found: Walk | None = None
    steps: Iterator[Step] = iter(())

    def read(work: Work) -> Sequence[Step]:
        nonlocal found, steps
        if found is None:
            found = Walk(start, direction, work, relations, depth)
            steps = found.steps(kinds, hidden=hidden, after=after)
        found.work = work
        return list(islice(steps, _AT_ONCE))

    while some := store.read(read):
        yield from some


def inputs_of(start: TypedUuid, work: Work, *, depth: int = DEPTH) -> Iterator[Step]:
    """Walk to every input of a file or a job: the files and references among its ancestors."""
    return walk(start, Direction.ANCESTORS, work, depth=depth, kinds=DATA)


def outputs_of(start: TypedUuid, work: Work, *, depth: int = DEPTH) -> Iterator[Step]:
    """Walk to all data derived from a sample, a file, a job: the files and references among its descendants."""
    return walk(start, Direction.DESCENDANTS, work, depth=depth, kinds=DATA)


def graph_of(
    start: TypedUuid,
    directions: Iterable[Direction],
    work: Work,
    *,
    relations: Collection[Relation] | None = None,
    depth: int = DEPTH,
    kinds: Collection[Kind] | None = None,
    hidden: bool = False,
    after: str | None = None,
    limit: int = 1000,
) -> Graph:
    """Return a record, what lies around it, and all links between these: all of it, or page by page.

    Nothing is kept between two pages: each walks anew to where the last one ended. What is linked or deleted meanwhile may
    thus be missing or come twice.

    Args:
        directions: one of them, or `BOTH`.
        relations, depth, kinds, hidden: as for `walk`.
        after: `next` of the page before; for one direction alone.
        limit: at most so many records in each direction.
    Raises:
        InvalidField: `after` is no record, or none of this walk any more; begin anew.
    """
    wanted = tuple(dict.fromkeys(directions))
    if after is not None and len(wanted) > 1:
        raise InvalidField("after", "goes on in one direction; both together have no pages")
    begin = origin(start)
    nodes = {begin: _node(begin, work.records.find(begin))}
    more, last = False, None
    for direction in wanted:
        found = Walk(begin, direction, work, relations, depth)
        steps = list(islice(found.steps(kinds, hidden=hidden, after=after, batch=limit + 1), limit + 1))
        if len(steps) > limit:
            more, last = True, steps[limit - 1].uuid
            del steps[limit:]
        shown = {begin, *(step.uuid for step in steps)}
        for step in steps:
            nodes.setdefault(step.uuid, _reached(step, direction, *found.way_to(step.uuid, shown)))
    links = work.links.step(nodes, up=True, relations=relations)
    return Graph(
        nodes=tuple(nodes.values()),
        edges=edges_among(nodes.values(), links),
        more=more,
        next=last if len(wanted) == 1 else None,
    )


def _reached(step: Step, direction: Direction, near: TypedUuid, direct: bool) -> Node:
    return _node(
        step.uuid,
        step.record,
        level=-step.depth if direction is Direction.ANCESTORS else step.depth,
        near=near,
        relation=step.link.relation if direct else None,
    )


def _node(uuid: TypedUuid, record: Record | None, **place: Any) -> Node:
    return Node(
        uuid=uuid,
        kind=KIND_OF_PREFIX.get(uuid[:3], Kind.GENERIC),
        label=None if record is None else label(record),
        hidden=record is not None and not record.visible,
        **place,
    )
