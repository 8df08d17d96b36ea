"""Where the records of a graph stand in a picture: in columns, each record right of all that was there before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.linkage.graph import Edge, Graph

_BENDS = 6
"""An edge is led around the columns it crosses, if it crosses no more than so many."""
_SWEEPS = 6

Place = tuple[int, float]
"""Column and row; rows stand at whole distances at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything stands.

    Attributes:
        places: of each record; columns from 0 on, rows from 0.0 on.
        bends: of each edge: where it passes the columns between its ends, from the left to the right.
    """

    places: Mapping[TypedUuid, Place]
    bends: Mapping[Edge, Sequence[Place]]


def arranged(graph: Graph) -> Layout:
    """Lay a graph out: columns along the links, then rows with few crossings."""
    edges = _without_cycles(graph)
    columns = _columns([node.uuid for node in graph.nodes], edges)
    first = min(columns.values())
    spots: dict[object, int] = {uuid: column - first for uuid, column in columns.items()}
    beside: dict[object, list[object]] = defaultdict(list)
    chains: dict[Edge, list[object]] = {}
    for edge, (source, target) in edges.items():
        chain = _bends(edge, spots[target], spots[source])
        spots |= {bend: spots[target] + n + 1 for n, bend in enumerate(chain)}
        way = [target, *chain, source]
        for one, other in pairwise(way):
            beside[one].append(other)
            beside[other].append(one)
        chains[edge] = chain
    rows = _rows(spots, beside)
    return Layout(
        places={node.uuid: (spots[node.uuid], rows[node.uuid]) for node in graph.nodes},
        bends={edge: [(spots[bend], rows[bend]) for bend in chain] for edge, chain in chains.items()},
    )


def _bends(edge: Edge, left: int, right: int) -> list[object]:
    between = right - left - 1
    return [(edge, n) for n in range(between)] if 0 < between <= _BENDS else []


def _without_cycles(graph: Graph) -> dict[Edge, tuple[TypedUuid, TypedUuid]]:
    """Return the ends of each edge as (later, earlier), turned round where that ends a cycle; loops are left out."""
    following: dict[TypedUuid, list[Edge]] = defaultdict(list)
    for edge in graph.edges:
        if edge.source != edge.target:
            following[edge.source].append(edge)
    ends: dict[Edge, tuple[TypedUuid, TypedUuid]] = {}
    done, under_way = set[TypedUuid](), set[TypedUuid]()
    for node in graph.nodes:
        waiting = [(node.uuid, iter(following[node.uuid]))] if node.uuid not in done else []
        under_way.update(uuid for uuid, _ in waiting)
        while waiting:
            uuid, rest = waiting[-1]
            leading = next(rest, None)
            if leading is None:
                done.add(uuid)
                under_way.discard(uuid)
                waiting.pop()
                continue
            edge = leading
            back = edge.target in under_way
            ends[edge] = (edge.target, edge.source) if back else (edge.source, edge.target)
            if not back and edge.target not in done:
                under_way.add(edge.target)
                waiting.append((edge.target, iter(following[edge.target])))
    return ends


def _columns(
    uuids: Iterable[TypedUuid], edges: Mapping[Edge, tuple[TypedUuid, TypedUuid]]
) -> dict[TypedUuid, int]:
    """Return the column of each record: right of all that it comes from, and as near to what came of it as can be."""
    earlier: dict[TypedUuid, list[TypedUuid]] = defaultdict(list)
    later: dict[TypedUuid, list[TypedUuid]] = defaultdict(list)
    for source, target in edges.values():
        earlier[source].append(target)
        later[target].append(source)
    order = _sorted(list(uuids), earlier, later)
    columns: dict[TypedUuid, int] = {}
    for uuid in order:
        columns[uuid] = max((columns[each] + 1 for each in earlier[uuid]), default=0)
    for uuid in reversed(order):
        if later[uuid]:
            columns[uuid] = min(columns[each] for each in later[uuid]) - 1
    return columns


def _sorted(
    uuids: Sequence[TypedUuid],
    earlier: Mapping[TypedUuid, Sequence[TypedUuid]],
    later: Mapping[TypedUuid, Sequence[TypedUuid]],
) -> list[TypedUuid]:
    """Return the records so that each stands after all that it comes from."""
    missing = {uuid: len(earlier.get(uuid, ())) for uuid in uuids}
    order = [uuid for uuid in uuids if not missing[uuid]]
    for uuid in order:
        for each in later.get(uuid, ()):
            missing[each] -= 1
            if not missing[each]:
                order.append(each)
    return order


def _rows(spots: Mapping[object, int], beside: Mapping[object, Sequence[object]]) -> dict[object, float]:
    """Return the row of each spot: near the mean of its neighbours', which untangles most crossings."""
    columns: dict[int, list[object]] = defaultdict(list)
    for spot, column in spots.items():
        columns[column].append(spot)
    rows = {spot: float(n) for column in columns.values() for n, spot in enumerate(column)}
    numbers = sorted(columns)
    for sweep in range(_SWEEPS):
        step = -1 if sweep % 2 else 1
        for number in numbers[::step]:
            _settle(columns[number], number - step, spots, beside, rows)
    top = min(rows.values())
    return {spot: row - top for spot, row in rows.items()}


def _settle(
    column: list[object],
    fixed: int,
    spots: Mapping[object, int],
    beside: Mapping[object, Sequence[object]],
    rows: dict[object, float],
) -> None:
    """Put the spots of a column where their neighbours in the fixed column want them, at least one row apart."""
    wanted = {}
    for spot in column:
        near = [rows[each] for each in beside.get(spot, ()) if spots[each] == fixed]
        wanted[spot] = fmean(near) if near else rows[spot]
    column.sort(key=lambda spot: wanted[spot])
    last = float("-inf")
    for spot in column:
        last = rows[spot] = max(wanted[spot], last + 1)
    shift = fmean(wanted[spot] - rows[spot] for spot in column)
    for spot in column:
        rows[spot] += shift
