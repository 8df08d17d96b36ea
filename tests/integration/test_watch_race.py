"""A callback, and two workers that ask the platform, at the same time on one ledger file: the job finishes once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from datacatalog.domain.errors import LeaseLost
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.ports.tasks import Task
from datacatalog.services.env import Env, Principal
from datacatalog.services.jobs import Created, job_for, move
from datacatalog.services.reading import Request
from datacatalog.services.reception import Envelope, receive
from datacatalog.services.reconciling import WATCH_QUEUE, watch, watch_job
from tests.harness import Catalog, install, until
from tests.unit.memory import MemoryPlatform

ROUNDS = 12
LEASE = timedelta(milliseconds=1)
"""It has ended when the second worker comes, so that both work on the same look."""


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = install(tmp_path / "home")
    yield made
    made.app.close()


def running(catalog: Catalog, pipeline: str, env: Env) -> Created:
    """Create a job that runs on a platform, which says that it is over; the first look at it is due at once."""
    job = catalog.job(pipeline)

    def go(work: object) -> None:
        moved = move(job_for(job.job.uuid, work), Event.RUN, None, work, env)  # type: ignore[arg-type]
        watch(moved, "over", work, env)  # type: ignore[arg-type]

    env.store.transact(go)
    return job


def claimed(env: Env) -> Task:
    found: list[Task] = []

    def take() -> bool:
        delivery = env.transport.claim([WATCH_QUEUE], lease=LEASE)
        found.extend([] if delivery is None else [Task(delivery=delivery, store=env.store, last=False)])
        return bool(found)

    until(take, 5)
    return found[0]


def test_callback_and_two_workers_at_once_finish_a_job_once_and_have_it_indexed_once(
    catalog: Catalog,
) -> None:
    platform = MemoryPlatform(submitted={"over": {}}, statuses={"over": "FINISHED"})
    rules = replace(catalog.app.env.rules, poll_interval=timedelta(0))
    env = replace(catalog.app.env, platform=platform, rules=rules)  # type: ignore[arg-type]
    pipeline, lost = catalog.pipeline(), []
    for _ in range(ROUNDS):
        job = running(catalog, pipeline, env)
        tasks = [claimed(env), claimed(env)]
        together = threading.Barrier(3)

        def look(task: Task, together: threading.Barrier = together) -> None:
            together.wait()
            try:
                watch_job(task, env)
            except LeaseLost:
                lost.append(task)

        def call_back(job: Created = job, together: threading.Barrier = together) -> None:
            context = {"uuid": job.job.uuid, "token": job.token, "status": "FINISHED"}
            request = Request(actor="jobs-manager", context=context)
            together.wait()
            receive(Envelope(request=request, principal=Principal(name="platform", via="nonce")), env)

        threads = [threading.Thread(target=look, args=(task,)) for task in tasks]
        threads.append(threading.Thread(target=call_back))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        history = catalog.history(job.job.uuid)
        polled = [entry for entry in history if (entry["data"] or {}).get("polled")]
        assert [entry["name"] for entry in history[:3]] == ["create", "run", "finish"]
        assert len(polled) <= 1
        assert len(history) == 3 + len(polled)
        assert catalog.state(job.job.uuid) == "FINISHED"
    depth = env.transport.depth()
    assert depth == {"jobs-indexer": ROUNDS}
    assert len(lost) == ROUNDS
