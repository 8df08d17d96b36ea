"""Whether an event costs the same in a large ledger as in a small one, and late in a job's life as early.

Two installations on one disk, measured in turn: one holds 1,000 jobs, the other 100,000; each event is a `run` of a job drawn
at random, from bytes to commit. Then, in one installation: an event of jobs that have a history of 10,000 entries, beside
one of jobs that have none. Then whole lives (created, run, finish): the last of 20,000 in a ledger, beside the first 200 in a new one.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import (
    Figure,
    alternated,
    each_ms,
    figure,
    folder,
    installation,
    result,
    seconds,
    shown,
)
from benchmarks.lifecycle import event, send
from benchmarks.peers.lifecycle import life
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import TypedUuid
from datacatalog.ports.stores import Work
from datacatalog.services.jobs import Created, JobPlan, insert_job, job_for, move
from tests.harness import Catalog

SMALL, LARGE = 1_000, 100_000
LOADED_PER_COMMIT = 5_000
LOAD_MAX = timedelta(seconds=90)
HISTORY = 10_000
EVENTS_PER_ROUND = 100
ROUNDS = 15
GOAL = "<= 1.5"
LIVES, FEW_LIVES = 20_000, 200
LIFE_ROUNDS = 10
LIFE_GOAL = "<= 1.25"


def main() -> dict[str, Any]:
    with folder() as home, installation(home / "small") as small, installation(home / "large") as large:
        few, _ = _loaded(small, SMALL)
        many, load_s = _loaded(large, LARGE)
        figures = [_by_size(small, few, large, many), _by_age(small), _by_lives(home)]
        return result(
            "the cost of one event stays the same",
            figures,
            load_s=round(load_s, 1),
            loaded_per_s=round(LARGE / load_s),
            load_within_90_s=load_s <= LOAD_MAX.total_seconds(),
            size_mb=round(large.app.env.store.check()["size_bytes"] / 1e6),
        )


def _by_size(small: Catalog, few: Sequence[Created], large: Catalog, many: Sequence[Created]) -> Figure:
    def runs(catalog: Catalog, jobs: Sequence[Created]) -> float:
        drawn = iter([event(random.choice(jobs), "run") for _ in range(EVENTS_PER_ROUND)])
        return seconds(lambda: send(catalog, "jobs-manager", next(drawn)), EVENTS_PER_ROUND)

    later, earlier = alternated(lambda: runs(large, many), lambda: runs(small, few), ROUNDS)
    return _compared(f"one event with {LARGE:,} jobs / with {SMALL:,}", later, earlier)


def _by_age(catalog: Catalog) -> Figure:
    pipeline = catalog.pipeline()
    old = catalog.job(pipeline)
    _age(catalog, old.job.uuid)

    def early() -> float:
        bodies = iter([event(catalog.job(pipeline), "run") for _ in range(EVENTS_PER_ROUND)])
        return seconds(lambda: send(catalog, "jobs-manager", next(bodies)), EVENTS_PER_ROUND)

    def late() -> float:
        body = event(old, "run")
        return seconds(lambda: send(catalog, "jobs-manager", body), EVENTS_PER_ROUND)

    later, earlier = alternated(late, early, ROUNDS)
    return _compared(f"event {HISTORY:,} of a job / its first", later, earlier)


def _by_lives(home: Path) -> Figure:
    """The last lives of many, and as many in a new ledger each time."""
    with installation(home / "lives") as catalog:
        late = partial(life, catalog, catalog.pipeline(), directory=False)
        seconds(late, LIVES - LIFE_ROUNDS * FEW_LIVES)
        later, earlier = [], []
        for number in range(LIFE_ROUNDS):
            with installation(home / f"new-{number}") as fresh:
                early = partial(life, fresh, fresh.pipeline(), directory=False)
                turns = [(later, late), (earlier, early)]
                for times, lives in turns[:: 1 if number % 2 else -1]:
                    times.append(seconds(lives, FEW_LIVES))
    return figure(
        f"one of the last lives of {LIVES:,} / one of the first {FEW_LIVES}",
        [one / other for one, other in zip(later, earlier, strict=True)],
        goal=LIFE_GOAL,
        ours=each_ms(FEW_LIVES, later),
        floor=each_ms(FEW_LIVES, earlier),
    )


def _compared(name: str, later: Sequence[float], earlier: Sequence[float]) -> Figure:
    return figure(
        name,
        [one / other for one, other in zip(later, earlier, strict=True)],
        goal=GOAL,
        ours=each_ms(EVENTS_PER_ROUND, later),
        floor=each_ms(EVENTS_PER_ROUND, earlier),
    )


def _age(catalog: Catalog, uuid: TypedUuid) -> None:
    """Give a job a long history, many events to a commit."""
    env = catalog.app.env
    job: Job = env.store.transact(lambda work: move(job_for(uuid, work), Event.RUN, None, work, env))
    for _ in range(HISTORY // LOADED_PER_COMMIT):

        def body(work: Work, job: Job = job) -> Job:
            for n in range(LOADED_PER_COMMIT):
                job = move(job, Event.UPDATE, {"progress": n}, work, env)
            return job

        job = env.store.transact(body)


def _loaded(catalog: Catalog, count: int) -> tuple[list[Created], float]:
    """Put that many jobs into a ledger, without directories; return them, and the seconds it took."""
    env, pipeline = catalog.app.env, TypedUuid(catalog.pipeline())
    started, jobs = time.perf_counter(), []

    def insert(work: Work, number: int) -> list[Created]:
        plans = [JobPlan(pipeline_uuid=pipeline, data={"n": secrets.token_hex(8)}) for _ in range(number)]
        return [
            insert_job(plan, (f"/products/v2/{plan.data['n']}", "bulk-load"), work, env) for plan in plans
        ]

    for start in range(0, count, LOADED_PER_COMMIT):
        jobs += env.store.transact(partial(insert, number=min(LOADED_PER_COMMIT, count - start)))
    return jobs, time.perf_counter() - started


if __name__ == "__main__":
    print(shown([main()]))
