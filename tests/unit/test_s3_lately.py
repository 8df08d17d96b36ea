"""What is known lately of a bucket is forgotten in time."""

from __future__ import annotations

from datacatalog.adapters.storage.s3_lately import FRESH_S, KEPT, Lately


def test_what_was_learned_is_known_for_a_while() -> None:
    now = [100.0]
    lately = Lately(lambda: now[0])
    assert not lately.knows(("a",))
    lately.learn(("a", "b"))
    assert lately.knows(("a", "b"))
    assert not lately.knows(("a",))
    now[0] += FRESH_S
    assert not lately.knows(("a", "b"))


def test_what_changes_is_forgotten_with_all_below_and_nothing_beside() -> None:
    lately = Lately(lambda: 0.0)
    for names in (("a",), ("a", "b"), ("a", "b", "c"), ("ab",)):
        lately.learn(names)
    lately.forget(("a", "b"))
    assert [lately.knows(names) for names in (("a",), ("a", "b"), ("a", "b", "c"), ("ab",))] == [
        True,
        False,
        False,
        True,
    ]


def test_no_more_is_kept_than_there_is_room_for() -> None:
    lately = Lately(lambda: 0.0)
    for number in range(3 * KEPT):
        lately.learn((str(number),))
    assert sum(lately.knows((str(number),)) for number in range(3 * KEPT)) <= KEPT
