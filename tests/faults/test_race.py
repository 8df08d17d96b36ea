"""A thousand races for one job at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.racing import CLIENTS, race

ROUNDS = 1000


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("gateways", [1, 2])
def test_racing_events_make_one_legal_history_each(
    gateways: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = race(tmp_path / "home", rounds=ROUNDS, gateways=gateways, seed=gateways)
    with capsys.disabled():
        print(f"\n{gateways} gateways: {ROUNDS} races, {result.taken} taken, {result.refused} refused")
    assert result.faults == []
    assert result.taken + result.refused >= ROUNDS * CLIENTS
    assert min(result.taken, result.refused) > ROUNDS
