"""Workers: what is tried again, when, how often; what is given up, and what a stale worker may still write."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from datacatalog.domain.errors import (
    DatacatalogError,
    IllegalTransition,
    LeaseLost,
    PlatformDown,
    StaleWrite,
    StoreDown,
)
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.interfaces.worker.loop import RETRY_MAX, Worker
from datacatalog.ports.tasks import Task
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.env import Principal
from datacatalog.services.jobs import job_for, move
from datacatalog.services.launching import LAUNCH_QUEUE
from datacatalog.services.reading import Request
from datacatalog.services.reception import Envelope, receive
from datacatalog.services.reconciling import WATCH_QUEUE
from tests.unit.memory import Memory, MemoryPlatform, memory

QUEUE = "tests"


class Doing:
    """A task that does what it is told, once per try; then it finishes.

    Attributes:
        seen: (tries, last, exhausted) of every try.
    """

    def __init__(self, *steps: Exception | None) -> None:
        self._steps = list(steps)
        self.seen: list[tuple[int, bool, bool]] = []

    def __call__(self, task: Task) -> None:
        self.seen.append((task.delivery.tries, task.last, task.exhausted))
        step = self._steps.pop(0) if self._steps else None
        if step is not None:
            raise step
        task.finish(lambda work: None)


def send(here: Memory, queue: str = QUEUE, id: str = "m", body: dict[str, Any] | None = None) -> None:
    here.env.store.transact(lambda w: w.outbox.send(queue, body or {}, id=id, at=here.clock.now()))


def waits(here: Memory, worker: Worker, *, most: float = 400) -> float:
    """Return how many seconds it takes until the next message is due; it is then handled."""
    waited = 0.0
    while not worker.work_once([QUEUE]):
        here.clock.move(seconds=0.1)
        waited += 0.1
        assert waited < most, "nothing is due any more"
    return waited


def dead(here: Memory) -> list[tuple[str, str]]:
    return [(letter.id, letter.reason) for letter in here.env.transport.dead()]


def queue_event(here: Memory, job: Any, name: str, **fields: Any) -> str:
    body = {"uuid": job.job.uuid, "name": name, "token": job.token, **fields}
    request = Request(actor="jobs-manager", body=json.dumps(body).encode())
    sent = Envelope(request=request, principal=Principal(name="t", via="t"))
    return receive(sent, here.env, queued=True).execution


def execution(here: Memory, id: str) -> Any:
    return here.env.store.read(lambda work: work.executions.get("jobs-manager", id))


def test_nothing_due_is_nothing_done():
    here = memory()
    assert Worker(here.app).work_once([*ACTORS, *here.app.tasks]) is False


@pytest.mark.parametrize(
    "error", [PlatformDown("away"), StoreDown("away"), StaleWrite("x"), ValueError("bug")]
)
def test_what_may_get_better_is_tried_again_with_doubling_waits(error: Exception):
    doing = Doing(*[error] * 4)
    here = memory(tasks={QUEUE: doing}, retry_base_s=2)
    worker = Worker(here.app)
    send(here)
    waited = [waits(here, worker) for _ in range(5)]
    assert waited[0] == 0
    for found, expected in zip(waited[1:], (2, 4, 8, 16), strict=True):
        assert 0.8 * expected - 0.2 <= found <= 1.2 * expected + 0.2
    assert [seen[0] for seen in doing.seen] == [1, 2, 3, 4, 5]
    assert dead(here) == []
    assert here.env.transport.depth() == {}


def test_waits_grow_to_five_minutes_and_no_longer():
    doing = Doing(*[PlatformDown("away")] * 60)
    here = memory(tasks={QUEUE: doing}, tries=60)
    worker = Worker(here.app)
    send(here)
    for _ in range(60):
        worker.work_once([QUEUE])
        here.clock.move(seconds=1.2 * RETRY_MAX.total_seconds())
    assert len(doing.seen) == 60


def test_task_that_fails_every_time_gets_one_more_try_to_write_it_down_and_is_then_buried():
    doing = Doing(*[PlatformDown("away")] * 9)
    here = memory(tasks={QUEUE: doing}, max_tries=3)
    worker = Worker(here.app)
    send(here)
    for _ in range(9):
        worker.work_once([QUEUE])
        here.clock.move(minutes=10)
    assert doing.seen == [(1, False, False), (2, False, False), (3, True, False), (4, True, True)]
    assert dead(here) == [("m", "platform-down: away")]


def test_task_that_meets_an_error_of_its_own_is_buried_with_its_name():
    here = memory(tasks={QUEUE: Doing(*[ValueError("a bug")] * 9)}, max_tries=2)
    worker = Worker(here.app)
    send(here)
    for _ in range(9):
        worker.work_once([QUEUE])
        here.clock.move(minutes=10)
    assert dead(here) == [("m", "ValueError: a bug")]


def test_what_can_never_get_better_is_buried_at_once():
    doing = Doing(IllegalTransition("j", "CREATED", "finish"))
    here = memory(tasks={QUEUE: doing})
    send(here)
    Worker(here.app).work_once([QUEUE])
    assert dead(here) == [("m", "illegal-transition: job j is CREATED and cannot 'finish'")]
    assert len(doing.seen) == 1


def test_one_message_that_fails_does_not_hold_up_the_others():
    doing = Doing(PlatformDown("away"))
    here = memory(tasks={QUEUE: doing})
    for n in range(5):
        send(here, id=f"m{n}")
    worker = Worker(here.app)
    while worker.work_once([QUEUE]):
        pass
    assert here.env.transport.depth() == {QUEUE: 1}


def test_dead_letter_can_be_revived_and_is_tried_from_the_start():
    doing = Doing(IllegalTransition("j", "CREATED", "finish"))
    here = memory(tasks={QUEUE: doing})
    send(here)
    worker = Worker(here.app)
    worker.work_once([QUEUE])
    assert here.env.transport.revive(QUEUE, "m")
    worker.work_once([QUEUE])
    assert [seen[0] for seen in doing.seen] == [1, 1]
    assert dead(here) == []


# ------------------------------------------------------------------------------------ queued messages


def test_queued_event_is_handled_and_told_of():
    here = memory()
    job = here.job()
    id = queue_event(here, job, "run", data={"k": 1})  # noqa: A001  an execution's id
    assert execution(here, id).status == "SUBMITTED"
    here.clock.move(seconds=3)
    assert Worker(here.app).work_once(["jobs-manager"])
    done = execution(here, id)
    assert (done.status, done.http, done.finished - done.received) == ("COMPLETE", 200, timedelta(seconds=3))
    assert here.names(job) == ["create", "run"]


def test_queued_event_that_is_refused_shows_as_error_and_is_a_dead_letter():
    here = memory()
    job = here.job()
    id = queue_event(here, job, "finish")  # noqa: A001  an execution's id
    Worker(here.app).work_once(["jobs-manager"])
    done = execution(here, id)
    assert (done.status, done.http, done.outcome["code"]) == ("ERROR", 409, "illegal-transition")
    assert dead(here)[0][0] == id
    assert here.names(job) == ["create"]


class FailingStore:
    """A store whose next commits fail."""

    def __init__(self, store: Any, *errors: Exception) -> None:
        self._store, self._errors = store, list(errors)

    def transact(self, body: Any) -> Any:
        if self._errors:
            raise self._errors.pop(0)
        return self._store.transact(body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize("error", [StoreDown("away"), ValueError("bug")])
def test_queued_event_that_fails_to_the_last_try_shows_as_error(error: Exception):
    here = memory(max_tries=3)
    job = here.job()
    id = queue_event(here, job, "run")  # noqa: A001  an execution's id
    worker = Worker(here.with_ports(store=FailingStore(here.env.store, *[error] * 3)).app)
    for _ in range(3):
        assert execution(here, id).status == "SUBMITTED"
        assert worker.work_once(["jobs-manager"])
        here.clock.move(minutes=10)
    assert execution(here, id).status == "ERROR"
    assert [letter for letter, _ in dead(here)] == [id]
    assert not worker.work_once(["jobs-manager"])
    assert here.names(job) == ["create"]


def test_error_while_giving_up_leaves_the_message_to_its_lease():
    here = memory(max_tries=1)
    job = here.job()
    id = queue_event(here, job, "run")  # noqa: A001  an execution's id
    store = FailingStore(here.env.store, StoreDown("away"), StoreDown("still away"))
    worker = Worker(here.with_ports(store=store).app)
    with pytest.raises(StoreDown, match="still away"):
        worker.work_once(["jobs-manager"])
    assert not worker.work_once(["jobs-manager"])
    here.clock.move(seconds=31)
    assert worker.work_once(["jobs-manager"])
    assert execution(here, id).outcome["code"] == "given-up"


def test_queued_event_whose_workers_died_each_time_is_given_up_in_writing():
    here = memory(max_tries=2)
    job = here.job()
    id = queue_event(here, job, "run")  # noqa: A001  an execution's id
    for _ in range(2):
        assert here.env.transport.claim(["jobs-manager"], lease=timedelta(seconds=30)) is not None
        here.clock.move(seconds=31)
    Worker(here.app).work_once(["jobs-manager"])
    assert execution(here, id).outcome["code"] == "given-up"
    assert here.names(job) == ["create"]


# ------------------------------------------------------------------------------------- stale workers


def test_worker_that_lost_its_lease_writes_nothing():
    here = memory()
    job = here.job()
    id = queue_event(here, job, "run")  # noqa: A001  an execution's id
    stale = here.env.transport.claim(["jobs-manager"], lease=timedelta(seconds=30))
    assert stale is not None
    here.clock.move(seconds=31)
    worker = Worker(here.app)
    assert worker.work_once(["jobs-manager"])
    assert here.names(job) == ["create", "run"]
    known = execution(here, id)
    with pytest.raises(LeaseLost):
        worker._handle(stale)
    worker._refused(stale, IllegalTransition(job.job.uuid, "CREATED", "finish"))
    worker._refused(stale, StoreDown("away"))
    assert here.names(job) == ["create", "run"]
    assert execution(here, id) == known
    assert dead(here) == []
    assert here.env.transport.depth() == {}


def test_task_that_lost_its_lease_in_the_middle_writes_nothing_more():
    wrote: list[Event] = []

    def slow(task: Task) -> None:
        def step(event: Event) -> None:
            def write(work: Any) -> None:
                move(job_for(job.job.uuid, work), event, None, work, here.env)

            task.transact(write)
            wrote.append(event)

        step(Event.RUN)
        here.clock.move(seconds=31)
        assert here.env.transport.claim([QUEUE], lease=timedelta(seconds=30)) is not None
        step(Event.FAIL)

    here = memory(tasks={QUEUE: slow}, lease_s=30)
    job = here.job()
    send(here)
    Worker(here.app).work_once([QUEUE])
    assert wrote == [Event.RUN]
    assert here.names(job) == ["create", "run"]


# ------------------------------------------------------------------------------------- long tasks


def test_launch_is_submitted_once_and_taken_down():
    here = memory()
    launched = here.launch()
    assert Worker(here.app).work_once([LAUNCH_QUEUE])
    (definition,) = here.platform.submitted.values()
    assert definition["archivePath"] == launched.job.archive_path
    assert here.names(launched) == ["create", "resource"]
    assert here.history(launched)[-1]["data"]["status"] == "PENDING"


@pytest.mark.parametrize(
    ("trouble", "names", "tries"),
    [
        ([PlatformDown("away")] * 2, ["create", "resource"], 3),
        ([PlatformDown("away")] * 9, ["create", "fail"], 3),
        ([DatacatalogError("refused")], ["create", "fail"], 1),
    ],
)
def test_launch_is_tried_again_while_the_platform_is_away_and_else_fails_the_job(
    trouble: list[DatacatalogError], names: list[str], tries: int
):
    here = memory(max_tries=3)
    launched = here.launch()
    here.platform.trouble = list(trouble)
    worker = Worker(here.app)
    for _ in range(5):
        worker.work_once([LAUNCH_QUEUE])
        here.clock.move(minutes=10)
    assert here.names(launched) == names
    assert len(trouble) - len(here.platform.trouble) == min(tries, len(trouble))
    assert dead(here) == []
    assert here.env.transport.depth() == ({WATCH_QUEUE: 1} if "resource" in names else {})


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_launch_of_a_job_that_was_deleted_ends_quietly(when: str):
    here = memory()
    launched = here.launch()

    class Purging(MemoryPlatform):
        def submit(self, definition: Any, **whose: Any) -> Any:
            purge()
            return here.platform.submit(definition, **whose)

    def purge() -> None:
        here.env.store.transact(lambda w: w.records.purge(launched.job.uuid, at=here.clock.now()))

    if when == "before":
        purge()
    Worker(here.rewired(platform=Purging()).app).work_once([LAUNCH_QUEUE])
    assert dead(here) == []
    assert here.env.transport.depth() == {}
    assert len(here.platform.submitted) == (0 if when == "before" else 1)


def test_callback_that_was_quicker_than_the_launch_itself_is_not_undone():
    here = memory()
    launched = here.launch()
    here.handle("jobs-manager", " ", uuid=launched.job.uuid, token=launched.token, status="FINISHED")
    Worker(here.app).work_once([LAUNCH_QUEUE])
    assert here.state(launched) is State.FINISHED
    entry = here.history(launched)[-1]
    assert (entry["name"], entry["noted"], entry["data"]["status"]) == ("resource", True, "PENDING")


def test_finished_job_is_indexed():
    here = memory()
    job = here.job(Event.RUN, Event.FINISH)
    worker = Worker(here.app)
    while worker.work_once([*ACTORS, *here.app.tasks]):
        pass
    assert here.state(job) is State.FINISHED
    assert here.names(job) == ["create", "run", "finish", "index", "indexed"]


def test_owner_and_tenant_of_a_job_go_with_its_submission():
    here = memory()
    whose: list[dict[str, str]] = []

    class Noting(MemoryPlatform):
        def submit(self, definition: Any, *, key: str, owner: str = "", tenant: str = "") -> Any:
            whose.append({"owner": owner, "tenant": tenant})
            return here.platform.submit(definition, key=key)

    for admin in ({"owner": "cook", "project": "p", "tenant": "green"}, {"owner": "cook"}, {}):
        there = here.rewired(platform=Noting(), rules=replace(here.env.rules, admin=admin))
        there.launch()
        Worker(there.app).work_once([LAUNCH_QUEUE])
    assert whose == [
        {"owner": "cook", "tenant": "green"},
        {"owner": "cook", "tenant": ""},
        {"owner": "", "tenant": ""},
    ]
