"""The fault test of tests/faults in a length that every run can afford."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.killing import kill_under_load
from tests.faults.stage import ROLES

KILLS = 12


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_dozen_kills_lose_double_and_invent_nothing(tmp_path: Path) -> None:
    # Leases that end soon, so that the test does.
    worker = {"lease_s": 3, "retry_base_s": 0.2}
    result = kill_under_load(
        tmp_path / "home", kills=KILLS, seed=12, roles=ROLES, worker=worker, measured=False
    )
    assert result.faults == [], result.line
    assert sum(result.kills.values()) == KILLS
    assert result.acknowledged > KILLS
