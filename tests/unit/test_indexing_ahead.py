"""Making things ready ahead of their use: in order, bounded, and over when nobody wants them any more."""

from __future__ import annotations

import gc
import threading
from collections.abc import Generator

import pytest

from datacatalog.services.indexing.ahead import made_ahead
from datacatalog.services.indexing.garbage import rarely_collected


def numbers(made: list[int], end: int = 10, error: Exception | None = None) -> Generator[int, None, None]:
    try:
        for number in range(end):
            made.append(number)
            yield number
        if error is not None:
            raise error
    finally:
        made.append(-1)


def test_items_come_in_their_order_and_the_maker_is_closed() -> None:
    made: list[int] = []
    with made_ahead(numbers(made)) as items:
        assert list(items) == list(range(10))
    assert made == [*range(10), -1]


def test_error_of_the_maker_comes_after_what_it_made() -> None:
    used: list[int] = []
    with pytest.raises(KeyError), made_ahead(numbers([], 3, KeyError())) as items:
        used.extend(items)
    assert used == [0, 1, 2]


def test_maker_is_a_bounded_way_ahead_and_ends_with_its_user() -> None:
    made: list[int] = []
    before = threading.active_count()
    with made_ahead(numbers(made, 10**6)) as items:
        assert next(items) == 0
    assert made[-1] == -1
    assert len(made) <= 5
    assert threading.active_count() == before


def test_cycles_are_looked_for_rarely_until_the_last_one_is_done() -> None:
    before = gc.get_threshold()
    one, other = rarely_collected(), rarely_collected()
    with one:
        with other:
            assert gc.get_threshold()[0] == 20_000
        assert gc.get_threshold()[0] == 20_000
    assert gc.get_threshold() == before
