"""Workers: they claim messages, do what these ask for, and settle, retry or bury them.

Quick work (messages, launches, callbacks) and each kind of long work have threads of their own, so that a job that computes for
hours holds up no event. A worker that dies leaves its messages under a lease that ends; another worker then takes them.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from datacatalog.bootstrap import App
from datacatalog.domain.errors import DatacatalogError, GivenUp, LeaseLost, NotYet
from datacatalog.interfaces.worker.heart import Heart
from datacatalog.ports.stores import Delivery
from datacatalog.ports.tasks import Task
from datacatalog.ports.telemetry import Activity, about, job_in, outcome_of
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.reception import handle_delivery, refuse_delivery

log = logging.getLogger("datacatalog.worker")

IDLE = timedelta(seconds=1)
RETRY_MAX = timedelta(minutes=5)
DOUBLINGS_MAX = 20
TURN = timedelta(seconds=1)
"""How long what has to wait for something else is put aside."""
HOUSEKEEPING = timedelta(hours=1)
ENDING = timedelta(seconds=3)
"""How long work has to end by itself, once its commands were ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Threads that serve the same queues."""

    queues: Sequence[str]
    threads: int


class Worker:
    """Serves queues until it is told to stop.

    Args:
        queues: only these; None: all.
    """

    def __init__(self, app: App, queues: Sequence[str] | None = None) -> None:
        self.app = app
        config = app.settings.config["worker"]
        self._lease = timedelta(seconds=config["lease_s"])
        self._max_tries: int = config["max_tries"]
        self._retry_base = timedelta(seconds=config["retry_base_s"])
        self._retention = timedelta(days=config["retention_days"])
        self._stop = threading.Event()
        self._drain = timedelta(seconds=config["drain_s"])
        self._heart = Heart(app.env.transport, self._lease)
        self._held: dict[str, Delivery] = {}
        self._threads: Sequence[threading.Thread] = ()
        self._pools = _pools(app, config["concurrency"], queues)

    def run(self) -> None:
        """Work until `stop`; then finish what is in hand, or give it back."""
        threads = [
            threading.Thread(
                target=self._serve, args=(pool.queues,), name=f"worker-{pool.queues[0]}-{n}", daemon=True
            )
            for pool in self._pools
            for n in range(pool.threads)
        ]
        threads.append(threading.Thread(target=self._keep_house, name="worker-house", daemon=True))
        for thread in threads:
            thread.start()
        self._threads = threads
        log.info("worker serves %s", ", ".join(q for pool in self._pools for q in pool.queues))
        self._stop.wait()
        if not _ended(threads, self._drain):
            log.info("worker gives back what it could not finish in %g s", self._drain.total_seconds())
            self._give_back(threads)

    def serves(self) -> bool:
        """Tell whether it takes messages: it was not told to stop, and none of its threads has come to an end."""
        return (
            bool(self._threads)
            and not self._stop.is_set()
            and all(thread.is_alive() for thread in self._threads)
        )

    def stop(self) -> None:
        """Have `run` claim nothing more, and return once it has finished what is in hand or given it back."""
        self._stop.set()

    def _give_back(self, threads: Sequence[threading.Thread]) -> None:
        held = dict(self._held)
        self.app.stop_commands()
        _ended(threads, ENDING)
        for delivery in (held | self._held).values():  # Those that were settled meanwhile stay so.
            try:
                self.app.env.transport.retry(
                    delivery, delay=timedelta(0), reason="its worker was stopped", counted=False
                )
            except DatacatalogError as e:
                log.error("%s %s comes back when its lease ends: %s", delivery.queue, delivery.id, e)

    # ---------------------------------------------------------------------------------------- messages

    def _serve(self, queues: Sequence[str]) -> None:
        transport = self.app.env.transport
        while not self._stop.is_set():
            try:
                if not self.work_once(queues):
                    transport.wait(IDLE)
            except DatacatalogError as e:
                log.error("%s: %s", e.code, e)
                self._stop.wait(IDLE.total_seconds())
            except Exception:
                log.exception("a worker thread met an error of its own")
                self._stop.wait(IDLE.total_seconds())

    def work_once(self, queues: Sequence[str]) -> bool:
        """Handle one message that is due; False where none is."""
        # What was tried too often is handed out all the same: somebody has to write down that it is given up.
        delivery = self.app.env.transport.claim(queues, lease=self._lease, max_tries=sys.maxsize)
        if delivery is None:
            return False
        self._held[delivery.lease] = delivery
        queue = delivery.queue
        try:
            with (
                about(**delivery.facts, queue=queue, task_id=delivery.id),
                self.app.env.telemetry.watch(Activity.WORK, queue) as watched,
            ):
                watched.outcome = self._attempt(delivery)
        finally:
            del self._held[delivery.lease]
            self.app.env.transport.done(delivery)
        return True

    def _attempt(self, delivery: Delivery) -> str:
        """Handle a message, or see to what becomes of it; return how it went (ports.telemetry.outcome_of)."""
        try:
            with self._heart.beating_for(delivery):
                self._handle(delivery)
        except LeaseLost as e:
            log.warning("%s", e)
            return outcome_of(e)
        except DatacatalogError as e:
            self._refused(delivery, e)
            return outcome_of(e)
        except Exception as e:
            log.exception("handling message %s of %s", delivery.id, delivery.queue)
            self._failed(delivery, e)
            return outcome_of(e)
        return outcome_of(None)

    def _handle(self, delivery: Delivery) -> None:
        tries = self._tries(delivery)
        exhausted = delivery.tries > tries
        kind = self.app.tasks.get(delivery.queue)
        if kind is not None:
            last = delivery.tries >= tries
            with self.app.env.telemetry.watch(Activity.TASK, delivery.queue):
                kind.run(Task(delivery=delivery, store=self.app.env.store, last=last, exhausted=exhausted))
            log.info("%s %s: done", delivery.queue, delivery.id)
        elif exhausted:
            raise GivenUp(tries)
        else:
            answer = handle_delivery(delivery, self.app.env)
            with about(execution_id=answer.execution, job_uuid=job_in(answer.result.get("uuid"))):
                log.info("%s %s: %s", delivery.queue, delivery.id, "; ".join(answer.log))

    def _refused(self, delivery: Delivery, error: DatacatalogError) -> None:
        if isinstance(error, NotYet):
            self.app.env.transport.retry(
                delivery, delay=error.after or TURN, reason=str(error), counted=False
            )
        elif error.retry and not self._over(delivery):
            self._again(delivery, str(error))
        else:
            self._give_up(delivery, error, f"{error.code}: {error}")

    def _failed(self, delivery: Delivery, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        if self._over(delivery):
            self._give_up(delivery, GivenUp(delivery.tries), reason)
        else:
            self._again(delivery, reason)

    def _over(self, delivery: Delivery) -> bool:
        """Tell whether a message was tried often enough; a task has one more, to write down what became of it."""
        return delivery.tries >= self._tries(delivery) + (delivery.queue in self.app.tasks)

    def _give_up(self, delivery: Delivery, error: DatacatalogError, reason: str) -> None:
        log.warning("%s %s refused: %s", delivery.queue, delivery.id, error)
        try:
            if delivery.queue in ACTORS:
                refuse_delivery(delivery, error, self.app.env)
            self.app.env.transport.bury(delivery, reason=reason)
        except LeaseLost as e:
            log.warning("%s", e)

    def _again(self, delivery: Delivery, reason: str) -> None:
        wait = min(self._retry_base * 2 ** min(delivery.tries - 1, DOUBLINGS_MAX), RETRY_MAX)
        log.info(
            "%s %s is tried again in %.1f s: %s", delivery.queue, delivery.id, wait.total_seconds(), reason
        )
        jitter = random.uniform(0.8, 1.2)  # noqa: S311  it only keeps workers from marching in step
        self.app.env.transport.retry(delivery, delay=wait * jitter, reason=reason)

    def _tries(self, delivery: Delivery) -> int:
        kind = self.app.tasks.get(delivery.queue)
        return self._max_tries if kind is None or kind.tries is None else kind.tries

    # ------------------------------------------------------------------------------------------- house

    def _keep_house(self) -> None:
        """Forget what is older than the retention; any number of workers may do so at once."""
        while not self._stop.is_set():
            try:
                before = self.app.env.clock.now() - self._retention
                gone = self.app.env.store.prune(before=before)
                self.app.forget(before)
                log.debug("forgot %s", dict(gone))
            except DatacatalogError as e:
                log.error("%s: %s", e.code, e)
            except Exception:
                log.exception("house-keeping met an error of its own")
            self._stop.wait(HOUSEKEEPING.total_seconds())


def _pools(app: App, threads: int, wanted: Sequence[str] | None) -> list[Pool]:
    served = [q for q in queues_of(app) if wanted is None or q in wanted]
    long = [q for q in served if q in app.tasks and app.tasks[q].long]
    quick = [q for q in served if q not in long]
    pools = [Pool(queues=quick, threads=threads)] if quick else []
    return pools + [Pool(queues=[q], threads=threads) for q in long]


def _ended(threads: Sequence[threading.Thread], within: timedelta) -> bool:
    """Wait for threads to end; tell whether they did."""
    deadline = time.monotonic() + within.total_seconds()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def queues_of(app: App) -> tuple[str, ...]:
    """Return every queue that a worker may serve."""
    return (*ACTORS, *app.tasks)
