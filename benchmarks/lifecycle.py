"""What the whole life of a job costs, beside five bare commits.

Created, run, finish, index, indexed: five steps, each from the bytes of a message through schema, handler and lifecycle to
one durable commit, by one client in this process (`services.reception.receive`; creating a job is `services.jobs.create_job`,
which also makes its archive directory). Each step is exactly one commit, which is asserted. What `index` sets going, the walk
over the archive, is a worker's and not part of the five; the second figure has it: five messages handled and the two queued
ones (jobs-indexer's `index`, index-archive) claimed and done by a worker, over an empty archive.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from benchmarks.common import (
    Figure,
    alternated,
    bare_commit,
    each_ms,
    figure,
    folder,
    installation,
    result,
    seconds,
    shown,
)
from datacatalog.services.env import Principal
from datacatalog.services.jobs import Created
from datacatalog.services.reading import Request
from datacatalog.services.reception import Envelope, receive
from tests.harness import Catalog

ROUNDS = 15
JOBS_PER_ROUND = 20
COMMITS_PER_JOB = 5

CLIENT = Principal(name="benchmarks", via="in process", level="UPDATE")


def main() -> dict[str, Any]:
    with folder() as home, installation(home / "a") as catalog:
        pipeline = catalog.pipeline()
        _check_commits(catalog, pipeline)
        whole = _measured("whole lifecycle / 5 bare commits", catalog, pipeline, home, goal=">= 0.50")
        # Messages that the measured jobs left behind are not the next figure's.
        catalog.work()
        worked = _measured("the same with its indexing done by a worker", catalog, pipeline, home, work=True)
        return result("one client, in process", [whole, worked])


def _measured(
    name: str, catalog: Catalog, pipeline: str, home: Path, *, goal: str = "", work: bool = False
) -> Figure:
    bare = bare_commit(home / f"bare-{secrets.token_hex(4)}.db")

    def step() -> None:
        if work:
            finish_with_worker(catalog, pipeline)
        else:
            live(catalog, pipeline)

    ours, floor = alternated(
        lambda: seconds(step, JOBS_PER_ROUND),
        lambda: seconds(bare, JOBS_PER_ROUND * COMMITS_PER_JOB),
        ROUNDS,
    )
    return figure(
        name,
        [low / high for low, high in zip(floor, ours, strict=True)],
        goal=goal,
        ours=f"{each_ms(JOBS_PER_ROUND, ours)} per job",
        floor=f"{each_ms(JOBS_PER_ROUND, floor)} per five",
    )


def _check_commits(catalog: Catalog, pipeline: str) -> None:
    store: Any = catalog.app.env.store
    before = store.commits
    live(catalog, pipeline)
    if store.commits - before != COMMITS_PER_JOB:
        raise RuntimeError(f"a job's life is {store.commits - before} commits, not {COMMITS_PER_JOB}")


def live(catalog: Catalog, pipeline: str) -> None:
    """Take one job through its life."""
    job = catalog.job(pipeline)
    for name in ("run", "finish"):
        send(catalog, "jobs-manager", event(job, name))
    for name in ("index", "indexed"):
        send(catalog, "jobs-indexer", event(job, name))


def finish_with_worker(catalog: Catalog, pipeline: str) -> None:
    """Take one job to its `finish`; a worker does the rest."""
    job = catalog.job(pipeline)
    for name in ("run", "finish"):
        send(catalog, "jobs-manager", event(job, name))
    if catalog.work() != 2:
        raise RuntimeError("there were other messages than this job's")


def event(job: Created, name: str) -> bytes:
    document: dict[str, Any] = {"uuid": job.job.uuid, "name": name, "token": job.token}
    if name in ("run", "finish"):
        document["data"] = {"note": "as the platform told", "try": 1}
    return json.dumps(document).encode()


def send(catalog: Catalog, actor: str, body: bytes) -> None:
    receive(Envelope(request=Request(actor=actor, body=body), principal=CLIENT), catalog.app.env)


if __name__ == "__main__":
    print(shown([main()]))
