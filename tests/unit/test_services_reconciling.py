"""Jobs whose callbacks never came: the platform is asked, until it has told how they ended."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from datacatalog.domain.errors import LeaseLost, PlatformDown, Refused, StoreDown
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.interfaces.worker.loop import Worker
from datacatalog.ports.tasks import Task
from datacatalog.services.access import make_admin_token
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.indexing import INDEX_QUEUE
from datacatalog.services.jobs import Created, job_for, move, reset_job
from datacatalog.services.launching import LAUNCH_QUEUE
from datacatalog.services.reconciling import MISSING_MAX, WATCH_QUEUE, watch_job
from tests.unit.memory import SYSTEM, Memory, memory

LONGEST = timedelta(minutes=11)
"""More than any wait between two looks, with an interval of a minute."""


@pytest.fixture
def here() -> Memory:
    return memory()


def work(here: Memory, *queues: str) -> int:
    """Do what is due, in one thread; return how many messages were handled."""
    worker, count = Worker(here.app), 0
    while worker.work_once(queues or (*ACTORS, *here.app.tasks)):
        count += 1
    return count


def launched(here: Memory, status: str = "PENDING") -> Created:
    """Launch a job that no callback will tell of; the platform says that it is so far."""
    job = here.launch()
    work(here, LAUNCH_QUEUE)
    says(here, job, status)
    return job


def key(job: Created, run: int = 1) -> str:
    return f"launch:{job.job.uuid}:{run}"


def says(here: Memory, job: Created, status: str, note: str = "") -> None:
    here.platform.statuses[key(job)] = status
    here.platform.notes[key(job)] = note


def later(here: Memory) -> int:
    """Let the longest wait pass, and do what is due; return how often the platform was asked."""
    asked = here.platform.asked
    here.clock.move(seconds=LONGEST.total_seconds())
    work(here)
    return here.platform.asked - asked


def waiting(here: Memory) -> int:
    return here.env.transport.depth().get(WATCH_QUEUE, 0)


def calls_back(here: Memory, job: Created, status: str, **url: str) -> None:
    here.handle("jobs-manager", "", uuid=job.job.uuid, token=job.token, status=status, **url)


def test_job_whose_callbacks_were_lost_is_finished_and_indexed(here: Memory):
    job = launched(here, "FINISHED")
    here.storage.put(SYSTEM, f"{job.job.archive_path}/out.csv", io.BytesIO(b"1,2"))
    assert later(here) == 1
    assert here.names(job) == ["create", "resource", "run", "finish", "index", "indexed"]
    assert here.state(job) == "FINISHED"
    run, finish = here.history(job)[2:4]
    assert run["implied"] is True
    assert finish["data"] == {"id": key(job), "status": "FINISHED", "polled": True}
    assert here.history(job)[-1]["data"]["files"] == 1
    assert waiting(here) == 0
    assert later(here) == 0


def test_job_is_not_asked_for_before_the_interval_is_over(here: Memory):
    launched(here, "FINISHED")
    here.clock.move(seconds=59)
    assert work(here) == 0
    here.clock.move(seconds=1)
    assert work(here) > 0


@pytest.mark.parametrize(
    ("platform", "status", "state"),
    [
        ("local", "FAILED", "FAILED"), ("agave", "STOPPED", "FAILED"), ("agave", "FINISHED", "FINISHED"),
        ("tapis", "CANCELLED", "FAILED"), ("tapis", "FINISHED", "FINISHED"), ("tapis", "STOPPED", "CREATED"),
        ("agave", "RUNNING", "RUNNING"), ("tapis", "PAUSED", "CREATED"),
    ],
)  # fmt: skip
def test_words_are_those_of_the_platform(here: Memory, platform: str, status: str, state: str):
    here.platform.name = platform
    job = launched(here, status)
    assert later(here) == 1
    assert here.state(job) == state


def test_failure_is_told_with_what_the_platform_notes_of_it(here: Memory):
    job = launched(here)
    says(here, job, "FAILED", "out of disk")
    later(here)
    assert here.history(job)[-1]["data"] == {
        "id": key(job), "status": "FAILED", "polled": True, "note": "out of disk"
    }  # fmt: skip


def test_failure_is_told_where_the_platform_tells_no_reason(here: Memory):
    class Silent(type(here.platform)):  # type: ignore[misc]
        def history(self, id: str) -> Any:
            raise PlatformDown("away")

    silent = Silent(submitted=here.platform.submitted, statuses=here.platform.statuses)
    there = here.rewired(platform=silent)
    job = launched(there)
    says(there, job, "FAILED")
    silent.statuses = here.platform.statuses
    later(there)
    assert there.state(job) == "FAILED"


def test_running_is_news_once(here: Memory):
    job = launched(here, "RUNNING")
    assert [later(here) for _ in range(3)] == [1, 1, 1]
    assert here.names(job) == ["create", "resource", "run"]
    says(here, job, "FINISHED")
    assert later(here) == 1
    assert here.names(job)[-2:] == ["index", "indexed"]


@pytest.mark.parametrize("status", ["QUEUED", "ARCHIVING", "a word of its own"])
def test_what_changes_no_state_is_not_written(here: Memory, status: str):
    job = launched(here, status)
    for _ in range(3):
        assert later(here) == 1
    assert here.names(job) == ["create", "resource"]


def test_looks_are_further_and_further_apart_up_to_a_bound(here: Memory):
    launched(here)
    times, at = [], here.clock.at
    while len(times) < 30:
        here.clock.move(seconds=1)
        if work(here, WATCH_QUEUE):
            times.append((here.clock.at - at).total_seconds())
            at = here.clock.at
    assert times[0] == 60
    assert all(first <= second <= 1.3 * first for first, second in itertools.pairwise(times))
    assert 500 < times[-1] < LONGEST.total_seconds()
    assert times[-1] == times[-2]


def test_interval_is_a_setting():
    here = memory()
    there = here.rewired(rules=replace(here.env.rules, poll_interval=timedelta(seconds=5)))
    launched(there)
    there.clock.move(seconds=5)
    assert work(there, WATCH_QUEUE) == 1
    there.clock.move(seconds=7)
    assert work(there, WATCH_QUEUE) == 1


# ------------------------------------------------------------------------------------------ it is over


@pytest.mark.parametrize("status", ["FINISHED", "FAILED"])
def test_job_whose_callback_came_is_asked_for_no_more(here: Memory, status: str):
    job = launched(here, status)
    calls_back(here, job, status)
    before = here.names(job)
    assert later(here) == 0
    assert waiting(here) == 0
    assert [name for name in here.names(job) if name not in ("index", "indexed")] == before


def test_job_that_finished_before_its_launch_was_taken_down_is_not_watched(here: Memory):
    job = here.launch()
    calls_back(here, job, "FINISHED")
    work(here, LAUNCH_QUEUE)
    assert waiting(here) == 0


def test_job_that_was_deleted_is_asked_for_no_more(here: Memory):
    job = launched(here, "FINISHED")
    token = make_admin_token("a" * 32, here.env)
    here.handle("jobs-manager", {"uuid": job.job.uuid, "action": "delete", "force": True}, token=token)
    assert later(here) == 0
    assert waiting(here) == 0


def test_job_that_was_reset_is_asked_for_no_more_and_its_next_run_is(here: Memory):
    job = launched(here, "FINISHED")
    reset_job(job.job.uuid, make_admin_token("a" * 32, here.env), here.env, clear=False)
    before = here.names(job)
    assert later(here) == 0
    assert here.names(job) == before
    definition = here.platform.submitted[key(job)]
    kept = {
        k: v
        for k, v in definition.items()
        if k not in ("archive", "archiveSystem", "archivePath", "notifications")
    }
    here.handle("agave-proxy", {"job_definition": kept}, token=job.token)
    work(here, LAUNCH_QUEUE)
    here.platform.statuses[key(job, 2)] = "FINISHED"
    assert later(here) == 1
    assert here.state(job) == "FINISHED"


# --------------------------------------------------------------------------------- what goes wrong


def test_job_is_found_however_long_its_platform_was_down(here: Memory):
    job = launched(here, "FINISHED")
    here.platform.trouble = [PlatformDown("away")] * 40
    assert sum(later(here) for _ in range(40)) == 40
    assert here.state(job) == "CREATED"
    assert here.env.transport.dead() == []
    assert later(here) == 1
    assert here.state(job) == "FINISHED"


def test_platform_that_refuses_to_tell_is_asked_later(here: Memory):
    job = launched(here, "FINISHED")
    here.platform.trouble = [Refused("the token has expired")]
    assert (later(here), here.state(job)) == (1, "CREATED")
    assert (later(here), here.state(job)) == (1, "FINISHED")


def test_job_that_its_platform_does_not_know_fails_after_a_while(here: Memory):
    job = launched(here)
    known = here.platform.submitted.pop(key(job))
    for _ in range(MISSING_MAX - 1):
        assert (later(here), here.state(job)) == (1, "CREATED")
    here.platform.submitted[key(job)] = known  # It is there again: the count begins anew.
    later(here)
    del here.platform.submitted[key(job)]
    for _ in range(MISSING_MAX - 1):
        assert (later(here), here.state(job)) == (1, "CREATED")
    assert (later(here), here.state(job)) == (1, "FAILED")
    assert here.history(job)[-1]["data"] == {
        "reason": f"unknown job at the platform: {key(job)}", "code": "unknown-record"
    }  # fmt: skip
    assert waiting(here) == 0


def test_platform_that_is_down_says_nothing_about_whether_it_knows_a_job(here: Memory):
    job = launched(here)
    del here.platform.submitted[key(job)]
    later(here)
    here.platform.trouble = [PlatformDown("away")] * 5
    for _ in range(5):
        later(here)
    assert here.state(job) == "CREATED"
    later(here)
    assert (later(here), here.state(job)) == (1, "FAILED")


# ------------------------------------------------------------------------------------------- two at once


def watched(here: Memory) -> Task:
    """Claim the look that is due."""
    here.clock.move(seconds=LONGEST.total_seconds())
    delivery = here.env.transport.claim([WATCH_QUEUE], lease=timedelta(seconds=30))
    assert delivery is not None
    return Task(delivery=delivery, store=here.env.store, last=False)


class Meanwhile:
    """A platform during whose answer something happens."""

    def __init__(self, platform: Any, happens: Any) -> None:
        self._platform, self._happens = platform, happens

    def job(self, id: str) -> Any:
        found = self._platform.job(id)
        self._happens()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._platform, name)


def test_callback_that_comes_while_the_platform_is_asked_finishes_the_job_once(here: Memory):
    job = launched(here, "FINISHED")
    there = here.with_ports(platform=Meanwhile(here.platform, lambda: calls_back(here, job, "FINISHED")))
    watch_job(watched(there), there.env)
    assert here.names(job) == ["create", "resource", "run", "finish"]
    assert here.env.transport.depth() == {"jobs-indexer": 1}


def test_callback_that_comes_after_the_platform_was_asked_is_a_repeat(here: Memory):
    job = launched(here, "FINISHED")
    later(here)
    calls_back(here, job, "FINISHED")
    work(here)
    assert here.names(job).count("index") == 1
    assert here.state(job) == "FINISHED"


@pytest.mark.parametrize("event", [Event.FAIL, Event.RESET])
def test_job_that_moved_on_while_the_platform_was_asked_stays_as_it_is(here: Memory, event: Event):
    job = launched(here, "FINISHED")

    def moves() -> None:
        here.env.store.transact(lambda work: move(job_for(job.job.uuid, work), event, None, work, here.env))

    there = here.with_ports(platform=Meanwhile(here.platform, moves))
    watch_job(watched(there), there.env)
    assert here.names(job) == ["create", "resource", event.value]
    assert waiting(here) == 0


def test_worker_that_lost_its_lease_writes_nothing(here: Memory):
    job = launched(here, "FINISHED")
    stale = watched(here)
    fresh = watched(here)
    with pytest.raises(LeaseLost):
        watch_job(stale, here.env)
    assert here.names(job) == ["create", "resource"]
    watch_job(fresh, here.env)
    assert here.names(job)[-1] == "finish"
    assert waiting(here) == 0


def test_look_that_kills_its_workers_is_given_up_and_the_next_one_is_not(here: Memory):
    job = launched(here, "FINISHED")
    task = watched(here)
    watch_job(replace(task, exhausted=True), here.env)
    assert (here.platform.asked, waiting(here)) == (0, 1)
    assert later(here) == 1
    assert here.state(job) == "FINISHED"


def test_ledger_that_is_down_is_worth_another_try(here: Memory):
    class Down:
        def read(self, body: Any) -> Any:
            raise StoreDown("away")

    launched(here, "FINISHED")
    with pytest.raises(StoreDown):
        watch_job(watched(here), here.with_ports(store=Down()).env)


def test_indexing_has_its_own_queue_and_waits_for_no_watcher(here: Memory):
    assert here.app.tasks[WATCH_QUEUE].long
    assert WATCH_QUEUE != INDEX_QUEUE
