"""Whose turn it is to write: bodies of work that wait at the same time share one commit.

A thread that wants to write leads if nobody does; else it queues up. The leader has everything that waits run as one batch, hands out
results and errors, and makes the head of the queue leader.
"""

from __future__ import annotations

import collections
import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from datacatalog.domain.errors import StoreDown

S = TypeVar("S")
"""What a body works with: a connection or a session of the engine."""

BATCH_MAX = 64


class Task(Generic[S]):
    """One body that is to be run, and what became of it.

    Attributes:
        others: of the same thread; they go wherever this one goes.
    """

    __slots__ = ("body", "context", "done", "error", "leads", "others", "result", "wake")

    def __init__(self, body: Callable[[S], Any]) -> None:
        self.body = body
        self.others: Sequence[Task[S]] = ()
        self.context: contextvars.Context | None = None
        self.wake: threading.Lock | None = None
        self.leads = False
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def call(self, session: S) -> None:
        """Run the body, in the context of the thread that brought it; what it raises rises."""
        if self.context is None:
            self.result = self.body(session)
        else:
            self.result = self.context.run(self.body, session)


class Turns(Generic[S]):
    """Has tasks run in batches, one batch at a time."""

    def __init__(self, run: Callable[[Sequence[Task[S]]], None]) -> None:
        """Args: run: runs a batch; every task of it is done afterwards."""
        self._run = run
        self._queue: collections.deque[Task[S]] = collections.deque()
        self._mutex = threading.Lock()
        self._led = False
        self._crowd = 1

    def take(self, task: Task[S]) -> None:
        """Return once a task, with its others, is done."""
        self._enter(task)
        try:
            if task.wake is not None:
                task.wake.acquire()
            if not task.done:
                self._lead(task)
        except BaseException:
            self._withdraw(task)
            raise

    def _enter(self, task: Task[S]) -> None:
        for each in task.others:
            each.context = contextvars.copy_context()
        with self._mutex:
            if self._led:
                task.context = contextvars.copy_context()
                task.wake = threading.Lock()
                task.wake.acquire()
                self._queue.append(task)
            else:
                self._led = task.leads = True

    def _lead(self, task: Task[S]) -> None:
        batch = [task, *task.others]
        try:
            if len(self._queue) + 1 < self._crowd and not task.others:
                # Whom the last commit served may be about to come again: a whole commit for one is worth a blink.
                time.sleep(0)
            self._crowd = 1
            with self._mutex:
                while self._queue and len(batch) < BATCH_MAX:
                    taken = self._queue.popleft()
                    batch += [taken, *taken.others]
                    self._crowd += 1
            self._run(batch)
        finally:
            for each in batch:
                if not each.done:
                    each.error = StoreDown("the commit was interrupted; whether it was written is unknown")
                    each.done = True
            self._hand_over(task)
            for each in batch:
                if each.wake is not None and each is not task:
                    each.wake.release()

    def _hand_over(self, task: Task[S]) -> None:
        with self._mutex:
            task.leads = False
            if not self._queue:
                self._led = False
                return
            heir = self._queue.popleft()
            heir.leads = True
        if heir.wake is not None:
            heir.wake.release()

    def _withdraw(self, task: Task[S]) -> None:
        """Leave the queue, or pass the lead on: a signal handler raised in the thread that waited."""
        with self._mutex:
            leads = task.leads
            if not leads and task in self._queue:
                self._queue.remove(task)
        if leads:
            self._hand_over(task)
