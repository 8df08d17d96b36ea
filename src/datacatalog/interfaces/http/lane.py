"""The lane of small messages: one thread takes all that wait, does them in one commit, and hands out what came of each.

A hop to a thread and back costs more than most messages do; here many share one. While the disk takes a commit, the next
messages arrive.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from datacatalog.interfaces.http.pace import Pace
from datacatalog.ports.stores import Done, Together, Work

T = TypeVar("T")

TOGETHER_MAX = 64
"""So many share a commit at most: those behind them, and other processes, get their turn then."""

log = logging.getLogger("datacatalog.gateway")


class _Waiting(NamedTuple):
    """A piece of work, in the context that it is to run in, and who waits for it."""

    body: Callable[[Work], Any]
    context: contextvars.Context
    answer: asyncio.Future[Any]

    def run(self, work: Work) -> Any:
        return self.context.run(self.body, work)


class Lane:
    """Pieces of work, many to a commit.

    Attributes:
        pace: tells how long one would wait.
    """

    def __init__(self, store: Together) -> None:
        self._store = store
        self._queue: SimpleQueue[Sequence[_Waiting]] = SimpleQueue()
        self._arrived: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
        self._starting = threading.Lock()
        self.pace = Pace()
        self._thread: threading.Thread | None = None

    async def run(self, body: Callable[[Work], T]) -> T:
        """Do as `Store.transact`, off the event loop; `body` is quick, and waits for nothing but the ledger."""
        if self._thread is None:
            self._start()
        loop = asyncio.get_running_loop()
        self.pace.come()
        waiting = _Waiting(body, contextvars.copy_context(), loop.create_future())
        if (arrived := self._arrived.get(loop)) is not None:
            arrived.append(waiting)
        else:
            # What else has come by now is read in this turn of the loop, and goes along.
            self._arrived[loop] = [waiting]
            loop.call_soon(self._hand_over, loop)
        answer: T = await waiting.answer
        return answer

    def close(self) -> None:
        """Do what was handed over, and end."""
        if self._thread is not None:
            self._queue.put(())
            self._thread.join()
            self._thread = None

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="gateway-lane", daemon=True)
                self._thread.start()

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._queue.put(self._arrived.pop(loop))

    # ------------------------------------------------------------------------------------ in the thread

    def _serve(self) -> None:
        while True:
            waiting, last = self._take()
            for start in range(0, len(waiting), TOGETHER_MAX):
                self._do(waiting[start : start + TOGETHER_MAX])
            if last:
                return

    def _take(self) -> tuple[list[_Waiting], bool]:
        """Return what waits, and whether nothing comes after it."""
        found = self._queue.get()
        waiting = [*found]
        try:
            while found and len(waiting) < TOGETHER_MAX:
                found = self._queue.get_nowait()
                waiting += found
        except Empty:
            pass
        return waiting, not found

    def _do(self, together: Sequence[_Waiting]) -> None:
        began = time.monotonic()
        try:
            done = self._store.transact_each([each.run for each in together])
        except Exception as error:
            log.exception("the lane of messages")
            done = [Done(error=error)] * len(together)
        self.pace.done(len(together), time.monotonic() - began)
        answers: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Done]]] = {}
        for waiting, what in zip(together, done, strict=True):
            answers.setdefault(waiting.answer.get_loop(), []).append((waiting, what))
        for loop, mine in answers.items():
            try:
                loop.call_soon_threadsafe(_answer, mine)
            except RuntimeError:
                log.warning("%d messages were done after the server had ended", len(mine))


def _answer(done: Sequence[tuple[_Waiting, Done]]) -> None:
    for waiting, (result, error) in done:
        if waiting.answer.done():
            continue  # its client is gone
        if error is None:
            waiting.answer.set_result(result)
        else:
            waiting.answer.set_exception(error)
