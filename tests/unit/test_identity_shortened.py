"""Hash ids are those of the library that everyone else uses."""

from __future__ import annotations

from hashids import Hashids
from hypothesis import example, given
from hypothesis import strategies as st

from datacatalog.domain.identifiers.shortened import Shortener
from datacatalog.domain.identifiers.typed import PUBLISHED_SALT

PUBLISHED = Shortener(PUBLISHED_SALT)


@given(number=st.integers(0, 2**128 - 1))
@example(0)
@example(2**128 - 1)
def test_hash_id_of_any_number_is_that_of_the_library(number: int) -> None:
    assert PUBLISHED.encode(number) == Hashids(salt=PUBLISHED_SALT).encode(number)


def test_hash_ids_of_small_numbers_are_those_of_the_library() -> None:
    library = Hashids(salt=PUBLISHED_SALT)
    assert [PUBLISHED.encode(n) for n in range(5000)] == [library.encode(n) for n in range(5000)]


@given(salt=st.text(max_size=60), number=st.integers(0, 2**130))
def test_every_salt_shuffles_as_in_the_library(salt: str, number: int) -> None:
    assert Shortener(salt).encode(number) == Hashids(salt=salt).encode(number)
