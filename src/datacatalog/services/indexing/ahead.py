"""Making things ready in a thread of its own while those before are being used."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

from datacatalog.ports.telemetry import in_context

T = TypeVar("T")

_POLL_S = 0.1


@contextmanager
def made_ahead(items: Generator[T, None, None]) -> Iterator[Iterator[T]]:
    """Run a generator in a thread; give an iterator of what it yields.

    What it raises is raised where its next item would be. It is closed, and its thread has ended, when the context is left.
    One item waits at most, beside one that is being made and one that is being used.
    """
    ready: Queue[tuple[T | None, BaseException | None]] = Queue(1)
    over = Event()

    def hand(item: T | None, error: BaseException | None = None) -> None:
        while not over.is_set():
            try:
                ready.put((item, error), timeout=_POLL_S)
            except Full:
                continue
            return

    def make() -> None:
        try:
            with closing(items):
                for item in items:
                    hand(item)
                    if over.is_set():
                        return
            hand(None)
        except BaseException as error:
            hand(None, error)

    thread = Thread(target=in_context(make), name="ahead", daemon=True)
    thread.start()
    try:
        yield _taken(ready)
    finally:
        over.set()
        thread.join()


def _taken(ready: Queue[tuple[T | None, BaseException | None]]) -> Iterator[T]:
    while True:
        item, error = ready.get()
        if error is not None:
            raise error
        if item is None:
            return
        yield item
