"""Eight clients want conflicting things of one job at once; tests/faults runs many more rounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.racing import CLIENTS, race

ROUNDS = 40


@pytest.mark.slow
@pytest.mark.parametrize("gateways", [1, 2])
def test_racing_events_make_one_legal_history_and_refusals_have_a_reason(
    gateways: int, tmp_path: Path
) -> None:
    result = race(tmp_path / "home", rounds=ROUNDS, gateways=gateways, seed=gateways)
    assert result.faults == []
    assert result.taken + result.refused >= ROUNDS * CLIENTS
    assert min(result.taken, result.refused) > ROUNDS
