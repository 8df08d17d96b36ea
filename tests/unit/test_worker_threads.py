"""Workers in threads: they serve until they are stopped, hold on to what they do, and outlive what goes wrong."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from datacatalog.domain.errors import StoreDown
from datacatalog.interfaces.worker import loop
from datacatalog.interfaces.worker.heart import Heart
from datacatalog.interfaces.worker.loop import Worker, queues_of
from datacatalog.ports.tasks import Task
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.indexing import INDEX_QUEUE
from datacatalog.services.launching import LAUNCH_QUEUE
from datacatalog.services.reconciling import WATCH_QUEUE
from datacatalog.services.webhooks import WEBHOOK_QUEUE
from tests.unit.memory import memory
from tests.unit.test_worker import QUEUE, Doing, dead, send


def test_worker_serves_in_threads_until_it_is_stopped():
    served = threading.Event()
    done: list[str] = []

    def task(task: Task) -> None:
        done.append(task.delivery.id)
        task.finish(lambda work: None)
        if len(done) == 10:
            served.set()

    here = memory(tasks={QUEUE: task})
    worker = Worker(here.app, [QUEUE])
    thread = threading.Thread(target=worker.run)
    thread.start()
    for n in range(10):
        send(here, id=f"m{n}")
    assert served.wait(10)
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert sorted(done) == [f"m{n}" for n in range(10)]


def test_what_a_stopped_worker_could_not_finish_is_given_back(monkeypatch):
    monkeypatch.setattr(loop, "ENDING", timedelta(milliseconds=50))
    held, release = threading.Event(), threading.Event()

    def task(task: Task) -> None:
        held.set()
        release.wait(20)

    here = memory(tasks={QUEUE: task}, drain_s=0.05)
    worker = Worker(here.app, [QUEUE])
    thread = threading.Thread(target=worker.run)
    send(here)
    thread.start()
    assert held.wait(10)
    worker.stop()
    thread.join(20)
    again = here.env.transport.claim([QUEUE], lease=timedelta(seconds=30))
    release.set()
    assert again is not None
    assert again.tries == 1  # stopping its worker was no try


def test_stopped_worker_finishes_what_is_in_hand_and_claims_nothing_more():
    held, release = threading.Event(), threading.Event()

    def task(task: Task) -> None:
        held.set()
        assert release.wait(20)
        task.finish(lambda work: None)

    here = memory(tasks={QUEUE: task}, drain_s=20, concurrency=1)
    worker = Worker(here.app, [QUEUE])
    thread = threading.Thread(target=worker.run)
    send(here, id="first")
    send(here, id="second")
    thread.start()
    assert held.wait(10)
    worker.stop()
    release.set()
    thread.join(20)
    assert not thread.is_alive()
    again = here.env.transport.claim([QUEUE], lease=timedelta(seconds=30))
    assert again is not None
    assert (again.id, again.tries) == ("second", 1)


def test_stopped_worker_ends_though_the_ledger_is_down(monkeypatch):
    monkeypatch.setattr(loop, "ENDING", timedelta(milliseconds=50))
    held, release = threading.Event(), threading.Event()

    def task(task: Task) -> None:
        held.set()
        release.wait(20)

    here = memory(tasks={QUEUE: task}, drain_s=0)
    failing = Failing(here.env.transport, "retry", StoreDown("away"))
    worker = Worker(here.with_ports(transport=failing).app, [QUEUE])
    thread = threading.Thread(target=worker.run)
    send(here)
    thread.start()
    assert held.wait(10)
    worker.stop()
    thread.join(20)
    assert not thread.is_alive()
    release.set()


def test_lease_of_a_message_to_an_actor_is_renewed_while_it_is_handled():
    here = memory(lease_s=0.1)
    heart = Heart(watched := WatchedTransport(here.env.transport), timedelta(seconds=0.1))
    here.env.store.transact(lambda w: w.outbox.send("jobs-manager", {}, id="m", at=here.clock.now()))
    delivery = here.env.transport.claim(["jobs-manager"], lease=timedelta(seconds=0.1))
    assert delivery is not None
    with heart.beating_for(delivery):
        assert watched.renewed.wait(10)


class WatchedTransport:
    """A transport that tells when a lease is renewed, or fails to."""

    def __init__(self, transport: Any, *errors: Exception) -> None:
        self._transport, self._errors = transport, list(errors)
        self.renewed = threading.Event()

    def renew(self, delivery: Any, *, lease: timedelta) -> None:
        if self._errors:
            raise self._errors.pop(0)
        self._transport.renew(delivery, lease=lease)
        self.renewed.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@pytest.mark.parametrize("errors", [[], [StoreDown("away")], [ValueError("bug")]])
def test_lease_is_renewed_while_a_task_is_at_work(errors: list[Exception]):
    def task(task: Task) -> None:
        assert watched.renewed.wait(10)
        task.finish(lambda work: None)

    here = memory(tasks={QUEUE: task}, lease_s=0.1)
    watched = WatchedTransport(here.env.transport, *errors)
    send(here)
    Worker(here.with_ports(transport=watched).app).work_once([QUEUE])
    assert here.env.transport.depth() == {}
    assert dead(here) == []


def test_every_queue_can_be_named_and_served():
    here = memory(tasks={QUEUE: Doing()})
    assert set(queues_of(here.app)) == {
        *ACTORS,
        INDEX_QUEUE,
        LAUNCH_QUEUE,
        WATCH_QUEUE,
        WEBHOOK_QUEUE,
        QUEUE,
    }


class Failing:
    """A port whose calls of one name fail a few times, and then tell that they did not."""

    def __init__(self, port: Any, name: str, *errors: Exception) -> None:
        self._port, self._name, self._errors = port, name, list(errors)
        self.went_well = threading.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name != self._name:
            return found

        def call(*given: Any, **named: Any) -> Any:
            if self._errors:
                raise self._errors.pop(0)
            result = found(*given, **named)
            self.went_well.set()
            return result

        return call


@pytest.mark.parametrize(
    ("port", "call"), [("transport", "claim"), ("store", "prune"), ("transport", "wait")]
)
@pytest.mark.parametrize("error", [StoreDown("away"), ValueError("bug")])
def test_threads_outlive_what_goes_wrong(monkeypatch, port: str, call: str, error: Exception):
    monkeypatch.setattr(loop, "IDLE", timedelta(milliseconds=20))
    monkeypatch.setattr(loop, "HOUSEKEEPING", timedelta(milliseconds=20))
    here = memory(tasks={QUEUE: Doing()})
    failing = Failing(getattr(here.env, port), call, error)
    worker = Worker(here.with_ports(**{port: failing}).app, [QUEUE])
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert failing.went_well.wait(10)
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()
