"""Who comes in, and who is told to come again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Match, Route

from datacatalog.domain.errors import Overloaded
from datacatalog.interfaces.http.admission import Admission, actor_in
from datacatalog.interfaces.http.pace import LATELY_S, REMEMBERED, Pace


def admission(places: int = 8, wait_s: float = 2, bytes_max: int = 1000) -> Admission:
    return Admission(places=places, wait_s=wait_s, bytes_max=bytes_max)


def test_the_last_quarter_of_the_places_is_for_callbacks() -> None:
    door = admission(places=8)
    for _ in range(6):
        door.enter(0, reserved=False)
    with pytest.raises(Overloaded):
        door.enter(0, reserved=False)
    for _ in range(2):
        door.enter(0, reserved=True)
    with pytest.raises(Overloaded):
        door.enter(0, reserved=True)
    assert door.refused == 2


def test_who_leaves_makes_room() -> None:
    door = admission(places=4)
    for _ in range(3):
        door.enter(0, reserved=False)
    door.leave(0)
    door.enter(0, reserved=False)


def test_who_would_wait_for_too_long_is_told_how_long_and_a_callback_has_twice_the_time() -> None:
    door = admission(wait_s=2)
    with pytest.raises(Overloaded) as refused:
        door.enter(3, reserved=False)
    assert refused.value.wait.total_seconds() == 3
    door.enter(3, reserved=True)
    with pytest.raises(Overloaded):
        door.enter(5, reserved=True)


def test_who_waits_for_their_sender_takes_no_place() -> None:
    door = admission(places=4)
    for _ in range(3):
        door.enter(0, reserved=False)
    door.step_out()
    door.enter(0, reserved=False)
    door.step_in()
    with pytest.raises(Overloaded):
        door.enter(0, reserved=True)


def test_bodies_are_bounded_together_but_one_is_always_taken() -> None:
    door = admission(bytes_max=100)
    door.enter(0, reserved=False)
    door.hold(150)
    with pytest.raises(Overloaded):
        door.hold(1)
    door.leave(150)
    door.hold(60)
    door.hold(40)


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 50))))
def test_no_more_are_inside_than_there_are_places_and_bytes(steps: list[tuple[bool, int]]) -> None:
    door, inside = admission(places=8, bytes_max=100), list[int]()
    for coming, size in steps:
        if coming and len(inside) == 8:
            with pytest.raises(Overloaded):
                door.enter(0, reserved=True)
        elif coming:
            door.enter(0, reserved=True)
            try:
                door.hold(size)
            except Overloaded:
                assert sum(inside) + size > 100
                door.leave(0)
            else:
                inside.append(size)
        elif inside:
            door.leave(inside.pop())
        assert sum(inside) <= 100


class Hand:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


def test_who_comes_waits_for_all_before_as_long_as_these_take(clock: Hand) -> None:
    pace = Pace(clock=clock)
    assert pace.wait_s() == 0
    for _ in range(120):
        pace.come()
    pace.done(20, took_s=2.0)
    assert pace.wait_s() == pytest.approx(100 * 0.1)
    pace.done(100, took_s=10.0)
    assert pace.wait_s() == 0


def test_where_nothing_moves_one_would_wait_at_least_as_long_as_that(clock: Hand) -> None:
    pace = Pace(clock=clock)
    clock.now = 100
    pace.come()
    clock.now = 107
    assert pace.wait_s() == 7


def test_nobody_waits_while_one_of_several_servers_is_free(clock: Hand) -> None:
    pace = Pace(servers=3, clock=clock)
    for _ in range(2):
        pace.come()
    clock.now = 1000
    assert pace.wait_s() == 0
    pace.come()
    assert pace.wait_s() == 1000


def test_a_store_that_was_away_is_forgotten_after_a_few_turns(clock: Hand) -> None:
    pace = Pace(clock=clock)
    for _ in range(30):  # each of them waited for the store in vain
        pace.come()
        clock.now += 20
        pace.done(1, took_s=20)
    for _ in range(REMEMBERED):
        pace.come()
        pace.come()
        clock.now += 0.01
        pace.done(2, took_s=0.01)
    pace.come()
    pace.come()
    assert pace.wait_s() < 0.1


def test_a_store_that_was_away_is_forgotten_after_a_moment_though_nobody_comes(clock: Hand) -> None:
    pace = Pace(servers=2, clock=clock)
    for _ in range(6):
        pace.come()
    clock.now = 60
    for _ in range(3):
        pace.done(1, took_s=60)
    assert pace.wait_s() > 2
    clock.now += LATELY_S / 2
    pace.done(1, took_s=0.01)
    clock.now += LATELY_S / 2 + 0.1
    for _ in range(10):
        pace.come()
    assert pace.wait_s() < 2


def test_whoever_is_refused_comes_again_soon_however_long_the_store_has_been_away() -> None:
    with pytest.raises(Overloaded) as refused:
        admission(wait_s=2).enter(3600, reserved=False)
    assert refused.value.wait.total_seconds() <= 5


@given(path=st.text(st.sampled_from("/ av2%.é")) | st.text().map(lambda name: f"/actors/v2/{name}/messages"))
def test_the_way_past_the_routes_leads_where_they_would(path: str) -> None:
    route = Route("/actors/v2/{actor}/messages", lambda request: None, methods=["POST"])
    match, found = route.matches({"type": "http", "method": "POST", "path": path})
    assert actor_in(path) == (found["path_params"]["actor"] if match is Match.FULL else None)
