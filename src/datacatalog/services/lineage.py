"""Where did this come from, and what came of it?

Links lead from a record to what was there before it: its parents, the job or pipeline that made it, its inputs. Ancestors
lie along them, descendants against them. Every walk goes level by level, so the nearest come first and each record comes
once, at its least distance; cycles end. Within a level, records stand in the order of those they were reached from, then
of the links. A walk asks the store for the links of many records at once, and reads the records that it returns alone.

Records that were deleted softly are walked through and left out. Fixities are no part of lineage: one stands for its file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.typed import kind_of
from datacatalog.domain.kinds import KIND_OF_PREFIX, PREFIXES, Kind, Relation, TypedUuid, kept_as
from datacatalog.domain.labels import label
from datacatalog.domain.linkage.graph import Graph, Node, edges_among
from datacatalog.domain.records import Link, Record, implied_links
from datacatalog.ports.stores import Work

DEPTH = 100
"""How far a walk goes where nothing is said."""

DATA = (Kind.FILE, Kind.REFERENCE)
"""What goes into jobs and comes out of them."""

_FIRST, _MOST = 32, 2048
"""How many records are asked for at once, at first and at last: a first page is quick, a long walk has few questions."""


class Direction(StrEnum):
    ANCESTORS = "ancestors"
    DESCENDANTS = "descendants"


BOTH = (Direction.ANCESTORS, Direction.DESCENDANTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a walk.

    Attributes:
        depth: 1 is next to the start.
        link: the link it was reached by.
        record: None: it is not in the catalog.
        hidden: it was deleted softly.
    """

    depth: int
    link: Link
    uuid: TypedUuid
    record: Record | None
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineagePage:
    """One page of a walk.

    Attributes:
        next: pass as `after` to read on; None on the last page.
    """

    steps: Sequence[Step]
    next: str | None


def ancestors(
    start: TypedUuid,
    work: Work,
    *,
    relations: Collection[Relation] | None = None,
    depth: int = DEPTH,
    kinds: Collection[Kind] | None = None,
    hidden: bool = False,
) -> Iterator[Step]:
    """Walk to everything that `start` comes from.

    Args:
        relations: walk along these links alone; None: along all.
        kinds: return records of these kinds alone; others are walked through.
        hidden: return those that were deleted softly as well.
    """
    walk = _Walk(start, Direction.ANCESTORS, work, relations, depth)
    return walk.steps(kinds, hidden=hidden)


def descendants(
    start: TypedUuid,
    work: Work,
    *,
    relations: Collection[Relation] | None = None,
    depth: int = DEPTH,
    kinds: Collection[Kind] | None = None,
    hidden: bool = False,
) -> Iterator[Step]:
    """Walk to everything that came of `start`; arguments as for `ancestors`."""
    walk = _Walk(start, Direction.DESCENDANTS, work, relations, depth)
    return walk.steps(kinds, hidden=hidden)


def inputs_of(start: TypedUuid, work: Work, *, depth: int = DEPTH, hidden: bool = False) -> Iterator[Step]:
    """Walk to every input of a file or a job: the files and references among its ancestors."""
    return ancestors(start, work, depth=depth, kinds=DATA, hidden=hidden)


def outputs_of(start: TypedUuid, work: Work, *, depth: int = DEPTH, hidden: bool = False) -> Iterator[Step]:
    """Walk to all data derived from a sample, a file, a job: the files and references among its descendants."""
    return descendants(start, work, depth=depth, kinds=DATA, hidden=hidden)


def lineage_page(
    start: TypedUuid,
    direction: Direction,
    work: Work,
    *,
    relations: Collection[Relation] | None = None,
    depth: int = DEPTH,
    kinds: Collection[Kind] | None = None,
    hidden: bool = False,
    after: str | None = None,
    limit: int = 100,
) -> LineagePage:
    """Return a part of what `ancestors` or `descendants` returns; all pages together are the same.

    Nothing is kept between two pages: each walks anew to where the last one ended. What is linked or deleted meanwhile may
    thus be missing or come twice.

    Args:
        after: `next` of the page before.
        limit: at most so many steps.
    Raises:
        InvalidField: `after` is no record, or none of this walk any more; begin anew.
    """
    walk = _Walk(start, direction, work, relations, depth)
    steps = list(islice(walk.steps(kinds, hidden=hidden, after=after, batch=limit + 1), limit + 1))
    more = len(steps) > limit
    return LineagePage(steps=steps[:limit], next=steps[limit - 1].uuid if more else None)


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
    """Return a record, what lies around it, and all links between these, for drawing.

    Args:
        directions: one of them, or `BOTH`.
        after: as for `lineage_page`; for one direction alone.
        limit: at most so many records in each direction.
    Raises:
        InvalidField: `after` is of no use, as for `lineage_page`.
    """
    wanted = tuple(dict.fromkeys(directions))
    if after is not None and len(wanted) > 1:
        raise InvalidField("after", "goes on in one direction; both together have no pages")
    origin = _origin(start)
    nodes = {origin: _node(origin, work.records.find(origin))}
    more, last = False, None
    for direction in wanted:
        walk = _Walk(origin, direction, work, relations, depth)
        steps = list(islice(walk.steps(kinds, hidden=hidden, after=after, batch=limit + 1), limit + 1))
        more = more or len(steps) > limit
        last = steps[limit - 1].uuid if len(steps) > limit else None
        shown = {origin, *(step.uuid for step in steps[:limit])}
        for step in steps[:limit]:
            nodes.setdefault(step.uuid, walk.node(step, shown))
    links = work.links.step(nodes, up=True, relations=relations)
    return Graph(
        nodes=tuple(nodes.values()),
        edges=edges_among(nodes.values(), links),
        more=more,
        next=last if len(wanted) == 1 else None,
    )


def parents(uuid: TypedUuid, work: Work, relation: Relation | None = None) -> list[Link]:
    """Return what a record says it comes from, directly."""
    return list(work.links.of(uuid, relation))


# ------------------------------------------------------------------------------------------- the walk


class _Walk:
    """One walk from a record in one direction.

    Attributes:
        way: every record that was reached so far -> the one it was reached from.
    """

    def __init__(
        self,
        start: TypedUuid,
        direction: Direction,
        work: Work,
        relations: Collection[Relation] | None,
        depth: int,
    ) -> None:
        self._start = _origin(start)
        self._up = direction is Direction.ANCESTORS
        self._work = work
        self._relations = relations
        self._depth = depth
        self.way: dict[TypedUuid, TypedUuid] = {}

    def steps(
        self,
        kinds: Collection[Kind] | None,
        *,
        hidden: bool,
        after: str | None = None,
        batch: int = _FIRST,
    ) -> Iterator[Step]:
        """Yield the steps to what is to be returned; records are read `batch` by batch, more and more at once."""
        found = self._found(None if kinds is None else _prefixes(kinds), after)
        while some := list(islice(found, batch)):
            records = self._work.records.find_many(uuid for _, _, uuid in some)
            for depth, link, uuid in some:
                record = records.get(uuid)
                gone = record is not None and not record.visible
                if hidden or not gone:
                    yield Step(depth=depth, link=link, uuid=uuid, record=record, hidden=gone)
            batch = min(2 * batch, max(batch, _MOST))

    def node(self, step: Step, shown: Collection[TypedUuid]) -> Node:
        """Return a step as a node beside those that are shown."""
        near, direct = self.way[step.uuid], True
        while near not in shown:
            near, direct = self.way[near], False
        return _node(
            step.uuid,
            step.record,
            level=-step.depth if self._up else step.depth,
            near=near,
            relation=step.link.relation if direct else None,
        )

    def _found(
        self, prefixes: tuple[str, ...] | None, after: str | None
    ) -> Iterator[tuple[int, Link, TypedUuid]]:
        """Yield (depth, link, record) of what was reached, is of a kind in question, and comes after `after`."""
        waiting = after is not None
        if after is not None:
            kind_of(after, "after")
        for depth, link, uuid in self._reached():
            if waiting:
                waiting = uuid != after
            elif prefixes is None or uuid.startswith(prefixes):
                yield depth, link, uuid
        if waiting:
            raise InvalidField("after", f"{after} is no part of this lineage, or not any more; begin anew")

    def _reached(self) -> Iterator[tuple[int, Link, TypedUuid]]:
        """Yield (depth, link, record) of all that is reached, each record once."""
        fixity = PREFIXES[Kind.FIXITY]
        level, size = [self._start], _FIRST
        for depth in range(1, self._depth + 1):
            reached: list[TypedUuid] = []
            for begin, end in _batches(len(level), size):
                for near, far, link in self._links(level[begin:end]):
                    if far not in self.way and far != self._start and not far.startswith(fixity):
                        self.way[far] = near
                        reached.append(far)
                        yield depth, link, far
                size = end - begin
            if not reached:
                return
            level = reached

    def _links(self, level: Sequence[TypedUuid]) -> Iterator[tuple[TypedUuid, TypedUuid, Link]]:
        """Yield (near end, far end, link) of the links that lead on, in the order of their near ends."""
        leading: dict[TypedUuid, list[Link]] = defaultdict(list)
        for link in self._work.links.step(level, up=self._up, relations=self._relations):
            leading[link.source if self._up else link.target].append(link)
        for near in level:
            for link in leading.get(near, ()):
                yield near, link.target if self._up else link.source, link


def _prefixes(kinds: Collection[Kind]) -> tuple[str, ...]:
    """Return how the UUIDs of kinds begin, with those of kinds that are kept among them."""
    return tuple(prefix for kind, prefix in PREFIXES.items() if kind in kinds or kept_as(kind) in kinds)


def _batches(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (begin, end) of batches that grow."""
    begin = 0
    while begin < total:
        yield begin, min(begin + size, total)
        begin, size = begin + size, min(2 * size, _MOST)


def _origin(start: TypedUuid) -> TypedUuid:
    """Return where a walk begins: a fixity counts as its file."""
    return next((link.target for link in implied_links(start)), start)


def _node(
    uuid: TypedUuid,
    record: Record | None,
    *,
    level: int = 0,
    near: TypedUuid | None = None,
    relation: Relation | None = None,
) -> Node:
    return Node(
        uuid=uuid,
        kind=KIND_OF_PREFIX.get(uuid[:3], Kind.GENERIC),
        label=None if record is None else label(record),
        level=level,
        near=near,
        relation=relation,
        hidden=record is not None and not record.visible,
    )
