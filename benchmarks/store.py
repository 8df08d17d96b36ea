"""How fast the ledger's store commits, beside the floor of this disk.

    python -m benchmarks.store

A transaction is what one job event costs the store: read the job, store its new state, append to its history, record the
execution, and send a message with every fifth. Services and schemas are left out; benchmarks.lifecycle has them.
"""

from __future__ import annotations

import random
import secrets
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

from benchmarks.common import Figure, Step, alternated, bare_commit, figure, folder, result, shown
from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.domain.jobs.job import Job, new_job
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import TypedUuid
from datacatalog.ports.stores import Execution, Work

SIZES = (1_000, 100_000)
THREADS = 16
ROUNDS = 7
ROUND_S = 0.3
SEEDED_PER_COMMIT = 5_000

# Every event moves its job.
NEXT = {
    State.CREATED: Event.RUN,
    State.RUNNING: Event.FINISH,
    State.FINISHED: Event.INDEX,
    State.INDEXING: Event.INDEXED,
}


def main() -> dict[str, Any]:
    figures = []
    with folder() as home:
        bare = bare_commit(home / "bare.db")
        for size in SIZES:
            store = SqliteStore(home / f"{size}.db", check=lambda record: None)
            jobs = seeded(store, size)
            figures += [compared(store, jobs, bare, threads) for threads in (1, THREADS)]
            store.close()
    return result("the store alone", figures)


def compared(store: SqliteStore, jobs: Sequence[TypedUuid], bare: Step, threads: int) -> Figure:
    """Measure both in turn; return how much of the floor's rate is reached."""
    steps = [ledger_event(store, jobs) for _ in range(threads)]
    ours, floor = alternated(
        partial(per_second, steps, ROUND_S), partial(per_second, [bare], ROUND_S), ROUNDS
    )
    return figure(
        f"transactions / bare commits, {len(jobs):,} jobs, {threads} thread{'s' * (threads > 1)}",
        [high / low for high, low in zip(ours, floor, strict=True)],
        ours=f"{statistics.median(ours):.0f} /s",
        floor=f"{statistics.median(floor):.0f} commits/s",
    )


def ledger_event(store: SqliteStore, jobs: Sequence[TypedUuid]) -> Callable[[], None]:
    draw = random.Random(jobs[0])
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        uuid = draw.choice(jobs)
        store.transact(lambda work: handle_event(uuid, work, send=count % 5 == 0))

    return step


def handle_event(uuid: TypedUuid, work: Work, *, send: bool) -> None:
    now = datetime.now(UTC)
    job = Job(work.records.get(uuid))
    event = NEXT[job.state]
    moved, entry = job.after(
        event, at=now, entry=entry_uuid(), data={"note": "as the platform told", "try": 1}
    )
    work.records.put(moved.record, at=now)
    work.history.append(uuid, entry)
    execution = secrets.token_hex(12)
    work.executions.put(
        Execution(
            id=execution,
            actor="jobs-manager",
            status="COMPLETE",
            received=now,
            finished=now,
            outcome={"uuid": uuid, "state": moved.state.value, "event": event.value},
        )
    )
    if send:
        work.outbox.send("jobs-indexer", {"uuid": uuid, "name": "index"}, id=execution, at=now)


def entry_uuid() -> TypedUuid:
    return TypedUuid("108" + str(uuid4())[3:])


def seeded(store: SqliteStore, size: int) -> Sequence[TypedUuid]:
    """Return the UUIDs of that many new jobs."""
    uuids = [TypedUuid("107" + str(uuid4())[3:]) for _ in range(size)]
    for start in range(0, size, SEEDED_PER_COMMIT):
        some = uuids[start : start + SEEDED_PER_COMMIT]
        store.transact(lambda work, some=some: insert_jobs(some, work))  # type: ignore[misc]
    return uuids


def insert_jobs(uuids: Sequence[TypedUuid], work: Work) -> None:
    now = datetime.now(UTC)
    for uuid in uuids:
        job, entry = new_job(
            uuid=uuid,
            body=job_body(uuid),
            salt=uuid[-12:],
            admin={"owner": "public"},
            at=now,
            entry=entry_uuid(),
        )
        work.records.put(job.record, at=now)
        work.history.append(uuid, entry)


def job_body(uuid: TypedUuid) -> dict[str, object]:
    return {
        "pipeline_uuid": "1064aaf1-459c-5e42-820d-b822aa4b3990",
        "archive_system": "data-sd2e-community",
        "archive_path": f"/products/v2/1064aaf1459c5e42820db822aa4b3990/{uuid.replace('-', '')}",
        "session": "casual-bass",
        "agent": "https://api.sd2e.org/apps/v2/kallisto-0.43.1u3",
        "task": "https://api.sd2e.org/jobs/v2/7381691026605150696-242ac11b-0001-007",
        "data": {
            "appId": "kallisto-0.43.1u3",
            "inputs": {f"reads{n}": f"agave://data-sd2e-community/sample/reads_{n}.fq.gz" for n in range(4)},
            "parameters": {"bootstraps": 100, "fragment_length": 180.5, "single": False, "label": "GFP"},
        },
        "archive_patterns": [{"level": "1", "patterns": [".csv$", ".tsv$"]}],
        "product_patterns": [],
    }


def per_second(steps: Sequence[Callable[[], object]], seconds: float) -> float:
    """Run each step over and over in a thread of its own; return how many ran per second, all together."""
    counts = [0] * len(steps)
    started = time.perf_counter()

    def run(number: int) -> None:
        while time.perf_counter() - started < seconds:
            steps[number]()
            counts[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, len(steps))]
    for thread in threads:
        thread.start()
    run(0)
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


if __name__ == "__main__":
    print(shown([main()]))
