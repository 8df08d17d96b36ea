"""The fault test of the indexer in a length that every run can afford."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.indexing import kill_while_indexing

KILLS = 4


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_indexer_that_is_killed_a_few_times_ends_in_the_records_of_an_undisturbed_one(tmp_path: Path) -> None:
    result = kill_while_indexing(tmp_path, files=4000, kills=KILLS, seed=4)
    assert result.differences == []
    assert (result.kills, result.files) == (KILLS, 4000)
