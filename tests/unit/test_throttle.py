"""Whoever guesses is slowed down, and nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from datacatalog.domain.errors import Throttled
from datacatalog.services.throttle import FREE_GUESSES, TRACKED_MAX, WINDOW, Throttle

AT = datetime(2019, 1, 1, tzinfo=UTC)


def guess(
    throttle: Throttle, times: int, *, source: str = "here", target: str = "job", at: datetime = AT
) -> int:
    """Return how many of so many guesses were held up."""
    held = 0
    for _ in range(times):
        try:
            throttle.wrong(source, target, at=at)
        except Throttled:
            held += 1
    return held


def test_ten_wrong_guesses_a_minute_are_free_and_the_next_are_held_up():
    assert guess(Throttle(), FREE_GUESSES + 5) == 5
    assert FREE_GUESSES == 10


def test_other_sources_and_other_targets_are_not_held_up():
    throttle = Throttle()
    guess(throttle, 50)
    assert guess(throttle, 1, source="there") == guess(throttle, 1, target="other job") == 0


def test_a_minute_later_guessing_starts_anew():
    throttle = Throttle()
    guess(throttle, 50)
    assert guess(throttle, 1, at=AT + WINDOW - timedelta(milliseconds=1)) == 1
    assert guess(throttle, 11, at=AT + WINDOW) == 1


def test_refusal_tells_how_long_to_wait():
    throttle = Throttle()
    guess(throttle, FREE_GUESSES)
    with pytest.raises(Throttled) as held:
        throttle.wrong("here", "job", at=AT + timedelta(seconds=20))
    assert held.value.wait == timedelta(seconds=40)


def test_memory_stays_bounded_and_forgets_the_oldest():
    throttle = Throttle()
    guess(throttle, FREE_GUESSES)
    for n in range(TRACKED_MAX):
        throttle.wrong(f"source {n}", "job", at=AT)
    assert len(throttle._wrong) == TRACKED_MAX
    assert guess(throttle, 1) == 0


def test_log_tells_once_a_minute_who_guesses_and_how_often(caplog: pytest.LogCaptureFixture):
    throttle = Throttle()
    for minute in range(5):
        guess(throttle, 2_000, at=AT + minute * WINDOW)
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"here guessed job wrong {minute * 2_000 + 11} times; it is slowed down" for minute in range(5)
    ]
    guess(throttle, 11, at=AT + 6 * WINDOW)
    assert caplog.records[-1].getMessage() == "here guessed job wrong 11 times; it is slowed down"


def test_guesses_from_many_threads_are_all_counted():
    throttle = Throttle()
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: guess(throttle, 100), range(8))) == 800 - FREE_GUESSES
