"""The lane of small messages: many to a commit, each with an answer of its own."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from datacatalog.domain.errors import StoreDown, UnknownActor
from datacatalog.interfaces.http.lane import Lane
from datacatalog.ports.stores import Done, Work

NO_WORK: Any = None


class Counting:
    """Implements ports.stores.Together: runs what it is given, and keeps how much it was given at a time."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        self.batches: list[int] = []
        self._gate = gate

    def transact_each(self, bodies: Sequence[Callable[[Work], Any]]) -> Sequence[Done]:
        if self._gate is not None:
            assert self._gate.wait(10)
        self.batches.append(len(bodies))
        return [self._done(body) for body in bodies]

    def _done(self, body: Callable[[Work], Any]) -> Done:
        try:
            return Done(body(NO_WORK))
        except Exception as error:
            return Done(error=error)


def test_what_comes_at_once_goes_together_and_everybody_gets_their_own_answer() -> None:
    store = Counting()
    lane = Lane(store)

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(lane.run(lambda _, n=n: n * n) for n in range(150)))  # type: ignore[misc]

    assert asyncio.run(all_at_once()) == [n * n for n in range(150)]
    assert store.batches == [64, 64, 22]
    lane.close()


def test_an_error_is_its_own_sender_s_alone() -> None:
    lane = Lane(Counting())

    def fails(_: Work) -> None:
        raise UnknownActor("nobody")

    async def both() -> list[Any]:
        return await asyncio.gather(lane.run(fails), lane.run(lambda _: "done"), return_exceptions=True)

    refused, done = asyncio.run(both())
    assert isinstance(refused, UnknownActor)
    assert done == "done"
    lane.close()


def test_a_store_that_fails_altogether_is_told_everybody() -> None:
    class Down(Counting):
        def transact_each(self, bodies: Sequence[Callable[[Work], Any]]) -> Sequence[Done]:
            raise StoreDown("the store is closed")

    lane = Lane(Down())
    with pytest.raises(StoreDown):
        asyncio.run(lane.run(lambda _: None))
    lane.close()


def test_work_runs_in_the_context_of_who_asked_for_it() -> None:
    whose, lane = contextvars.ContextVar[str]("whose"), Lane(Counting())

    async def asks(name: str) -> str:
        whose.set(name)
        return await lane.run(lambda _: whose.get())

    async def both() -> list[str]:
        return await asyncio.gather(asks("a"), asks("b"))

    assert asyncio.run(both()) == ["a", "b"]
    lane.close()


def test_what_was_handed_over_is_done_before_the_lane_ends() -> None:
    gate = threading.Event()
    store = Counting(gate)
    lane = Lane(store)

    async def leave_early() -> None:
        waiting = asyncio.ensure_future(lane.run(lambda _: "done"))
        await asyncio.sleep(0.01)
        waiting.cancel()

    asyncio.run(leave_early())
    gate.set()
    lane.close()
    assert store.batches == [1]
    assert lane.pace.wait_s() == 0
