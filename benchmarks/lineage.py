"""How fast lineage is walked, beside the same recursive query written by hand in SQL on the same file.

    python -m benchmarks.lineage [--files 1000000]

Each job has 100 files. A sample has 10,000 descendants: 102 measurements, 98 jobs, and what these made. A job acts on
files of another job about the same sample, so files have long ancestries. The query by hand returns what the walk
returns: which records, how far away, and what they hold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.common import Figure, alternated, each_ms, figure, folder, result, seconds, shown
from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.domain.kinds import KIND_OF_PREFIX, PREFIXES, SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.records import Link, Record
from datacatalog.ports.stores import Store, Work
from datacatalog.services.lineage import DEPTH, Direction, Step, graph_of, walk
from datacatalog.services.walks import Walk

FILES = 1_000_000
A_JOB = 100
JOBS, MEASUREMENTS = 98, 102
ACTED_ON = 5
PAGE = 100
PAGE_GOAL_MS = 50
ROUNDS = 7
AT_ONCE = 50_000
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def main(files: int = FILES) -> dict[str, Any]:
    with folder() as home:
        store = SqliteStore(home / "catalog.db", check=lambda record: None)
        began = time.perf_counter()
        study = built(store, files)
        built_s = time.perf_counter() - began
        by_hand = Query(home / "catalog.db")
        figures = [
            *measured("ancestors of a file", Direction.ANCESTORS, study.file, store, by_hand),
            *measured("descendants of a sample", Direction.DESCENDANTS, study.sample, store, by_hand),
        ]
        size_mb = (home / "catalog.db").stat().st_size / 1e6
        store.close()
    return result(
        "lineage",
        figures,
        files=files,
        jobs=files // A_JOB,
        built=f"{built_s:.0f} s",
        size=f"{size_mb:.0f} MB",
    )


# --------------------------------------------------------------------------------------- measuring


def measured(
    name: str, direction: Direction, start: TypedUuid, store: Store, by_hand: Query
) -> Iterator[Figure]:
    """Measure a whole walk beside the query, for which records and for what they hold; then its first page."""

    def ours() -> Sequence[Step]:
        return store.read(lambda work: list(walk(start, direction, work)))

    def reached() -> Sequence[TypedUuid]:
        return store.read(
            lambda work: [uuid for _, _, uuid in Walk(start, direction, work, None, DEPTH).reached()]
        )

    steps = ours()
    documents = {step.uuid: step.record.body for step in steps if step.record}
    assert by_hand.documents(direction, start) == documents
    assert set(by_hand.uuids(direction, start)) == {step.uuid for step in steps}
    assert reached() == [step.uuid for step in steps]
    times = max(1, 2_000 // len(steps))
    for what, one, other in (
        ("which", reached, lambda: by_hand.uuids(direction, start)),
        ("whole", ours, lambda: by_hand.documents(direction, start)),
    ):
        mine, theirs = alternated(partial(seconds, one, times), partial(seconds, other, times), ROUNDS)
        yield figure(
            f"{name}, {len(steps):,} records, {what} / by hand in SQL",
            [a / b for a, b in zip(mine, theirs, strict=True)],
            goal="<= 3.0",
            ours=each_ms(times, mine),
            floor=each_ms(times, theirs),
        )
    page = [
        seconds(lambda: store.read(lambda work: graph_of(start, [direction], work, limit=PAGE)), 1)
        for _ in range(ROUNDS)
    ]
    yield figure(
        f"{name}, first page / {PAGE_GOAL_MS} ms",
        [each / PAGE_GOAL_MS * 1000 for each in page],
        goal="<= 1.0",
        ours=each_ms(1, page),
    )


class Query:
    """Lineage as one writes it by hand, over a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        [kind] = self._connection.execute("SELECT DISTINCT typeof(source) FROM links").fetchone()
        self._binary = kind == "blob"
        tables = [f'"{spec.collection}"' for spec in SPECS.values()]
        joins = " ".join(f"LEFT JOIN {table} ON {table}.uuid = walk.uuid" for table in tables)
        bodies = ", ".join(f"{table}.body" for table in tables)
        self._documents = f"SELECT walk.uuid, coalesce({bodies}) FROM walk {joins} WHERE walk.uuid != ?1"

    def uuids(self, direction: Direction, start: TypedUuid) -> list[str]:
        """Return the UUIDs of all that is reached."""
        sql = self._walk(direction) + "SELECT uuid FROM walk WHERE uuid != ?1"
        return [self._text(key) for [key] in self._connection.execute(sql, [self._key(start)])]

    def documents(self, direction: Direction, start: TypedUuid) -> dict[str, dict[str, Any]]:
        """Return {UUID: document} of all that is reached."""
        rows = self._connection.execute(self._walk(direction) + self._documents, [self._key(start)])
        return {self._text(key): json.loads(text) for key, text in rows}

    def _text(self, key: Any) -> str:
        return str(UUID(bytes=key)) if self._binary else str(key)

    def _key(self, uuid: str) -> bytes | str:
        return UUID(uuid).bytes if self._binary else uuid

    def _walk(self, direction: Direction) -> str:
        far, near = ("target", "source") if direction is Direction.ANCESTORS else ("source", "target")
        return (
            "WITH RECURSIVE walk(uuid) AS (VALUES (?1) UNION"
            f" SELECT links.{far} FROM walk JOIN links ON links.{near} = walk.uuid) "
        )


# ---------------------------------------------------------------------------------------- building


@dataclass(frozen=True, slots=True)
class Study:
    """What is asked for: the first sample, and a file of its last job."""

    sample: TypedUuid
    file: TypedUuid


def built(store: Store, files: int) -> Study:
    """Fill a store with so many files, and the jobs, measurements and samples they belong to."""
    top = [uuid_of(kind, 0) for kind in (Kind.CHALLENGE_PROBLEM, Kind.EXPERIMENT_DESIGN, Kind.EXPERIMENT)]
    pipeline = uuid_of(Kind.PIPELINE, 0)
    links = [said(child, Relation.CHILD_OF, parent) for parent, child in pairwise(top)]
    records = [record(uuid) for uuid in (*top, pipeline)]
    for sample in range(-(-files // (JOBS * A_JOB))):
        about = uuid_of(Kind.SAMPLE, sample)
        measurements = [uuid_of(Kind.MEASUREMENT, sample * MEASUREMENTS + n) for n in range(MEASUREMENTS)]
        records += [record(uuid) for uuid in (about, *measurements)]
        links.append(said(about, Relation.CHILD_OF, top[-1]))
        links += [said(uuid, Relation.CHILD_OF, about) for uuid in measurements]
        for n in range(JOBS):
            job = uuid_of(Kind.PIPELINEJOB, sample * JOBS + n)
            first = (sample * JOBS + n) * A_JOB
            if first >= files:
                break
            made = [uuid_of(Kind.FILE, first + k) for k in range(A_JOB)]
            records += [record(uuid) for uuid in (job, *made)]
            links += [
                said(job, Relation.CHILD_OF, measurements[n]),
                said(job, Relation.GENERATED_BY, pipeline),
            ]
            links += [said(uuid, Relation.GENERATED_BY, job) for uuid in made]
            if n:
                before = (sample * JOBS + (n - 1) // 2) * A_JOB
                used = [uuid_of(Kind.FILE, before + k) for k in range(ACTED_ON)]
                links += [said(job, Relation.ACTED_ON, uuid) for uuid in used]
                links += [said(uuid, Relation.DERIVED_FROM, used[0]) for uuid in made[::10]]
            if len(records) >= AT_ONCE:
                write(store, records, links)
                records, links = [], []
    write(store, records, links)
    last = min(JOBS * A_JOB, files) - 1
    return Study(sample=uuid_of(Kind.SAMPLE, 0), file=uuid_of(Kind.FILE, last))


def write(store: Store, records: Sequence[Record], links: Sequence[Link]) -> None:
    def body(work: Work) -> None:
        work.records.put_many(records, at=AT)
        work.links.add(links)

    store.transact(body)


def uuid_of(kind: Kind, number: int) -> TypedUuid:
    """Return UUIDs as they are in a catalog: in no order."""
    digits = PREFIXES[kind] + hashlib.md5(f"{kind} {number}".encode()).hexdigest()[3:]
    return TypedUuid(str(UUID(digits)))


def record(uuid: TypedUuid) -> Record:
    kind = KIND_OF_PREFIX[uuid[:3]]
    name = f"/products/v2/1064aaf1459c5e42820db822aa4b3990/{uuid[:13]}/{uuid[14:]}.csv"
    body = {"name": name, "type": "CSV", "level": "1", "storage_system": "data-sd2e-community"}
    if kind is not Kind.FILE:
        body = (
            {**body, SPECS[kind].identifiers[0]: f"{kind}.tacc.{uuid}"} if SPECS[kind].identifiers else body
        )
    return Record(kind=kind, uuid=uuid, body=body, salt=uuid[:8], admin={"owner": "public"})


def said(source: TypedUuid, relation: Relation, target: TypedUuid) -> Link:
    return Link(source=source, relation=relation, target=target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=FILES)
    print(shown([main(parser.parse_args().files)]))
