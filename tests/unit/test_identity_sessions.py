"""Session names and the directories made of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.sessions import (
    check_session,
    draw_session,
    instance_directory,
    session_or_drawn,
)

AT = datetime(2018, 11, 27, 17, 32, 43, 999_999, tzinfo=UTC)


def test_instance_directory_is_session_dash_instant() -> None:
    assert instance_directory("casual-bass", AT) == "casual-bass-20181127T173243Z"


def test_dash_stands_once_where_the_session_brings_its_own() -> None:
    assert instance_directory("casual-bass-", AT) == "casual-bass-20181127T173243Z"


def test_instant_is_shown_in_utc() -> None:
    texan = AT.astimezone(timezone(timedelta(hours=-6)))
    assert instance_directory("fun-wolf", texan) == "fun-wolf-20181127T173243Z"


def test_drawn_session_is_two_short_words() -> None:
    for _ in range(200):
        first, second = draw_session().split("-")
        assert first.isalpha()
        assert second.isalpha()
        assert max(len(first), len(second)) <= 8


def test_drawn_session_makes_a_directory() -> None:
    session = draw_session()
    assert instance_directory(session, AT) == f"{session}-20181127T173243Z"


@pytest.mark.parametrize("session", [None, "", "abc"])
def test_missing_or_short_session_is_drawn(session: str | None) -> None:
    drawn = session_or_drawn(session)
    assert drawn != session
    assert "-" in drawn


def test_given_session_is_kept() -> None:
    assert session_or_drawn("run_7.b") == "run_7.b"


@pytest.mark.parametrize(
    "session", ["..", "../", "a/../b", "abcd/efgh", "/abcd", ".hidden", "-abcd", "ab\0cd", "abcd\n", "a b c", "ü" * 4, "a" * 65]
)  # fmt: skip
def test_session_that_is_no_plain_name_is_refused(session: str) -> None:
    for use in (check_session, session_or_drawn, lambda text: instance_directory(text, AT)):
        with pytest.raises(InvalidField):
            use(session)


def test_short_session_makes_no_directory() -> None:
    with pytest.raises(InvalidField):
        instance_directory("abc", AT)


@given(st.text())
def test_no_session_gets_a_directory_out_of_its_place(session: str) -> None:
    try:
        name = instance_directory(session, AT)
    except InvalidField:
        return
    assert name.isascii()
    assert name.isprintable()
    assert "/" not in name
    assert not name.startswith((".", "-"))
