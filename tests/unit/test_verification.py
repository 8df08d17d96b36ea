"""The rules of verification: when a content differs, and which files a sample takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.verification import (
    FAULTS,
    Content,
    What,
    check_share,
    comparable,
    content_of,
    differs,
    in_sample,
)

DIGESTS = st.sampled_from([None, f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"])
CONTENTS = st.builds(Content, size=st.sampled_from([None, 0, 1]), checksum=DIGESTS)
PATHS = st.text(st.characters(exclude_categories=()), min_size=1)


@given(CONTENTS, CONTENTS)
def test_difference_is_mutual_and_what_is_not_known_makes_none(one: Content, other: Content) -> None:
    assert differs(one, other) == differs(other, one)
    assert not differs(one, one)
    assert not differs(one, Content())


@pytest.mark.parametrize(
    ("fixity", "content", "can"),
    [
        (None, Content(), False),
        ({}, Content(), False),
        ({"size": 0, "checksum": ""}, Content(size=0), False),
        ({"size": 5, "checksum": "ab"}, Content(size=5, checksum="sha256:ab"), True),
        ({"checksum": "sha256:ab"}, Content(checksum="sha256:ab"), True),
        ({"checksum": "blake3:ab"}, Content(checksum="blake3:ab"), False),
    ],
)
def test_fixity_is_read_as_older_and_newer_records_have_it(
    fixity: dict[str, object] | None, content: Content, can: bool
) -> None:
    assert content_of(fixity) == content
    assert comparable(content) is can


@given(PATHS, PATHS, st.floats(0, 1, exclude_min=True), st.text())
def test_sample_takes_a_file_by_seed_and_place_alone_and_a_larger_one_takes_it_too(
    system: str, path: str, share: float, seed: str
) -> None:
    taken = in_sample(system, path, share, seed)
    assert taken == in_sample(system, path, share, seed)
    assert in_sample(system, path, 1, seed)
    if taken:
        assert in_sample(system, path, min(1.0, share * 2), seed)


@pytest.mark.parametrize("share", [0, -0.1, 1.0001, float("nan"), float("inf")])
def test_share_is_above_nothing_and_at_most_all(share: float) -> None:
    with pytest.raises(InvalidField):
        check_share(share)
    assert check_share(1) == 1


def test_what_was_not_looked_at_is_no_fault() -> None:
    assert set(What) - FAULTS == {What.OK, What.UNCHECKED, What.SKIPPED}
