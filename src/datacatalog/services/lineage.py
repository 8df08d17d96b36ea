"""Where did this come from, and what came of it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from datacatalog.domain.kinds import Relation, TypedUuid
from datacatalog.domain.records import Link, Record
from datacatalog.ports.stores import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a walk: at `depth` (1 is next to the start), along `link`, to `record` (None: not in the catalog)."""

    depth: int
    link: Link
    uuid: TypedUuid
    record: Record | None


def ancestors(start: TypedUuid, work: Work, *, depth: int = 100) -> Iterator[Step]:
    """Walk to everything that `start` says it comes from, nearest first; each record once, so cycles end.

    Links lead from a record to what was there before it: its parents, the job or pipeline that made it, its inputs.
    """
    seen, level = {start}, [start]
    for distance in range(1, depth + 1):
        reached = []
        for source in level:
            for link in work.links.of(source):
                if link.target not in seen:
                    seen.add(link.target)
                    reached.append(link.target)
                    yield Step(
                        depth=distance,
                        link=link,
                        uuid=link.target,
                        record=work.records.find(link.target),
                    )
        level = reached
        if not level:
            return


def parents(uuid: TypedUuid, work: Work, relation: Relation | None = None) -> list[Link]:
    """Return what a record says it comes from, directly."""
    return list(work.links.of(uuid, relation))
