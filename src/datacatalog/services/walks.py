"""Walks along the links of records, or against them, level by level."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.typed import kind_of
from datacatalog.domain.kinds import PREFIXES, Kind, Relation, TypedUuid, kept_as
from datacatalog.domain.records import Link, Record, implied_links
from datacatalog.ports.stores import Work

_FIRST, _MOST = 32, 2048
"""The links of how many records are asked for at once, at first and at last: a first page is quick, a long walk has few
questions."""

_RECORDS = 128
"""How many records are read at once, at first."""


class Direction(StrEnum):
    ANCESTORS = "ancestors"
    DESCENDANTS = "descendants"


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


class Walk:
    """One walk from a record in one direction.

    Attributes:
        work: what is asked from now on; a walk may go on in another piece of work than it began in.
        way: every record that was reached so far -> the one it was reached from; the start, from itself.
    """

    def __init__(
        self,
        start: TypedUuid,
        direction: Direction,
        work: Work,
        relations: Collection[Relation] | None,
        depth: int,
    ) -> None:
        self._start = origin(start)
        self._up = direction is Direction.ANCESTORS
        self.work = work
        self._relations = relations
        self._depth = depth
        self.way: dict[TypedUuid, TypedUuid] = {self._start: self._start}

    def steps(
        self,
        kinds: Collection[Kind] | None,
        *,
        hidden: bool,
        after: str | None = None,
        batch: int = _RECORDS,
    ) -> Iterator[Step]:
        """Yield the steps to what is to be returned; records are read `batch` by batch, more and more at once."""
        found = self._found(None if kinds is None else _prefixes(kinds), after)
        while some := list(islice(found, batch)):
            records = self.work.records.find_many(uuid for _, _, uuid in some)
            for depth, link, uuid in some:
                record = records.get(uuid)
                gone = record is not None and not record.visible
                if hidden or not gone:
                    yield Step(depth=depth, link=link, uuid=uuid, record=record, hidden=gone)
            batch = min(2 * batch, max(batch, _MOST))

    def way_to(self, uuid: TypedUuid, shown: Collection[TypedUuid]) -> tuple[TypedUuid, bool]:
        """Return the last of the shown records, the start among them, on the way to one; and whether it is the last of all."""
        near, direct = self.way[uuid], True
        while near not in shown:
            near, direct = self.way[near], False
        return near, direct

    def _found(
        self, prefixes: tuple[str, ...] | None, after: str | None
    ) -> Iterator[tuple[int, Link, TypedUuid]]:
        """Yield (depth, link, record) of what was reached, is of a kind in question, and comes after `after`."""
        waiting = after is not None
        if after is not None:
            kind_of(after, "after")
        for depth, link, uuid in self.reached():
            if waiting:
                waiting = uuid != after
            elif prefixes is None or uuid.startswith(prefixes):
                yield depth, link, uuid
        if waiting:
            raise InvalidField("after", f"{after} is no part of this lineage, or not any more; begin anew")

    def reached(self) -> Iterator[tuple[int, Link, TypedUuid]]:
        """Yield (depth, link, record) of all that is reached, each record once."""
        fixity, up, way = PREFIXES[Kind.FIXITY], self._up, self.way
        level, size = [self._start], _FIRST
        for depth in range(1, self._depth + 1):
            reached: list[TypedUuid] = []
            begin = 0
            while begin < len(level):
                for link in self._links(level[begin : begin + size]):
                    near, far = (link.source, link.target) if up else (link.target, link.source)
                    if far not in way and not far.startswith(fixity):
                        way[far] = near
                        reached.append(far)
                        yield depth, link, far
                begin, size = begin + size, min(2 * size, _MOST)
            if not reached:
                return
            level = reached

    def _links(self, level: Sequence[TypedUuid]) -> Iterable[Link]:
        """Return the links that lead on, in the order of their near ends."""
        if len(level) == 1 and not self._up:
            return self._said_of(level[0])
        links = self.work.links.step(level, up=self._up, relations=self._relations)
        leading: dict[TypedUuid, list[Link]] = {near: [] for near in level}
        for link in links:
            leading[link.source if self._up else link.target].append(link)
        return chain.from_iterable(leading.values())

    def _said_of(self, target: TypedUuid) -> Iterator[Link]:
        """Yield what is said of one record, some at a time: a job may have made a million files."""
        after: str | None = None
        while True:
            links = self.work.links.to(target, after=after, limit=_MOST)
            yield from (link for link in links if self._relations is None or link.relation in self._relations)
            if len(links) < _MOST:
                return
            after = links[-1].source


def _prefixes(kinds: Collection[Kind]) -> tuple[str, ...]:
    """Return how the UUIDs of kinds begin, with those of kinds that are kept among them."""
    return tuple(prefix for kind, prefix in PREFIXES.items() if kind in kinds or kept_as(kind) in kinds)


def origin(start: TypedUuid) -> TypedUuid:
    """Return where a walk begins: a fixity counts as its file."""
    return next((link.target for link in implied_links(start)), start)
