"""Lists of records by how their names begin."""

from __future__ import annotations

import pytest

from datacatalog.services.listing import first_after


@pytest.mark.parametrize(
    ("prefix", "after"),
    [
        ("a", "b"),
        ("/é", "/ê"),
        ("\ud7ff", "\ue000"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", "\U0010ffff\U0010ffff"),
    ],
)
def test_texts_with_a_prefix_end_before_the_next_text(prefix: str, after: str) -> None:
    assert first_after(prefix) == after
