"""The fault test of tests/faults in a length that every run can afford."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.killing import kill_under_load

KILLS = 12


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_dozen_kills_lose_double_and_invent_nothing(tmp_path: Path) -> None:
    result = kill_under_load(tmp_path / "home", kills=KILLS, seed=12)
    assert result.faults == [], result.figures
    assert result.kills == KILLS
    assert result.acknowledged > KILLS
    assert result.launched > 0
