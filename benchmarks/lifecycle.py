"""What the whole life of a job costs, beside five bare commits.

    python -m benchmarks.lifecycle

Created, run, finish, index, indexed: five steps by one client in this process, and each is exactly one durable commit, which is
asserted. The four events go the whole way of a message: bytes, schema, handler, lifecycle, commit (`services.reception.receive`).
Creating a job is `services.jobs.create_job`.

- The first figure is the ledger alone: the archive directory, which is no commit, is not made.
- The second makes it, as `create_job` does by default; the floor then makes the same two directories, bare.
- The third is the second with a worker in place of the client's `index` and `indexed`: the two messages that `finish` sets going
  (jobs-indexer's `index`, then the walk over the empty archive) are each claimed and done: four commits in place of the client's two.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import (
    Figure,
    Step,
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
from datacatalog.domain.kinds import TypedUuid
from datacatalog.services.env import Principal
from datacatalog.services.jobs import Created, JobPlan, create_job
from datacatalog.services.reading import Request
from datacatalog.services.reception import Envelope, receive
from tests.harness import Catalog

ROUNDS = 21
JOBS_PER_ROUND = 20
COMMITS = 5

CLIENT = Principal(name="benchmarks", via="in process", level="UPDATE")


def main() -> dict[str, Any]:
    with folder() as home, installation(home / "a") as catalog:
        pipeline = catalog.pipeline()
        ledger = partial(live, catalog, pipeline, directory=False)
        _check_commits(catalog, ledger)
        bare = partial(_bare_life, bare_commit(home / "bare.db"))
        bare_with = partial(_bare_life, bare_commit(home / "bare-too.db"), home / "a" / "storage")
        figures = [
            _compared("whole lifecycle / 5 bare commits", ledger, bare, goal=">= 0.50"),
            _compared(
                "with its archive directory / and 2 bare directories",
                partial(live, catalog, pipeline, directory=True),
                bare_with,
            ),
        ]
        # Messages that the jobs so far left behind are not the next figure's.
        catalog.work()
        worked = partial(live_with_worker, catalog, pipeline)
        figures.append(_compared("and with the indexing done by a worker / the same", worked, bare_with))
        return result("one client, in process", figures)


def _compared(name: str, life: Step, floor: Step, *, goal: str = "") -> Figure:
    ours, bare = alternated(
        lambda: seconds(life, JOBS_PER_ROUND), lambda: seconds(floor, JOBS_PER_ROUND), ROUNDS
    )
    return figure(
        name,
        [low / high for low, high in zip(bare, ours, strict=True)],
        goal=goal,
        ours=f"{each_ms(JOBS_PER_ROUND, ours)} per job",
        floor=each_ms(JOBS_PER_ROUND, bare),
    )


def _bare_life(commit: Step, below: Path | None = None) -> None:
    for _ in range(COMMITS):
        commit()
    if below is not None:
        _bare_directories(below / secrets.token_hex(8))


def _bare_directories(path: Path) -> None:
    """Make a directory in a new directory, both on disk, as every job has them."""
    for each in (path, path / "casual-bass"):
        each.mkdir()
        descriptor = os.open(each.parent, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _check_commits(catalog: Catalog, life: Callable[[], None]) -> None:
    store: Any = catalog.app.env.store
    before = store.commits
    life()
    if store.commits - before != COMMITS:
        raise RuntimeError(f"a job's life is {store.commits - before} commits, not {COMMITS}")


def live(catalog: Catalog, pipeline: str, *, directory: bool) -> None:
    """Take one job through its life."""
    job = create(catalog, pipeline, directory=directory)
    for name in ("run", "finish"):
        send(catalog, "jobs-manager", event(job, name))
    for name in ("index", "indexed"):
        send(catalog, "jobs-indexer", event(job, name))


def live_with_worker(catalog: Catalog, pipeline: str) -> None:
    """Take one job to its `finish`; a worker does the rest."""
    job = create(catalog, pipeline, directory=True)
    for name in ("run", "finish"):
        send(catalog, "jobs-manager", event(job, name))
    if catalog.work() != 2:
        raise RuntimeError("there were other messages than this job's")


def create(catalog: Catalog, pipeline: str, *, directory: bool) -> Created:
    plan = JobPlan(pipeline_uuid=TypedUuid(pipeline), data={"n": secrets.token_hex(8)})
    return create_job(plan, catalog.app.env, make_directory=directory)


def event(job: Created, name: str) -> bytes:
    """Return the message of an event."""
    document: dict[str, Any] = {"uuid": job.job.uuid, "name": name, "token": job.token}
    if name in ("run", "finish"):
        document["data"] = {"note": "as the platform told", "try": 1}
    return json.dumps(document).encode()


def send(catalog: Catalog, actor: str, body: bytes) -> None:
    """Let an actor receive a message."""
    receive(Envelope(request=Request(actor=actor, body=body), principal=CLIENT), catalog.app.env)


if __name__ == "__main__":
    print(shown([main()]))
