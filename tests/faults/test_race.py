"""A thousand races for one job at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.racing import CLIENTS, race

ROUNDS = {1: 1_000, 2: 500}
"""By how many gateways share the store."""


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("gateways", "rounds"), ROUNDS.items())
def test_racing_events_make_one_legal_history_each(
    gateways: int, rounds: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = race(tmp_path / "home", rounds=rounds, gateways=gateways, seed=gateways)
    with capsys.disabled():
        print(f"\n{gateways} gateways: {rounds} races, {result.taken} taken, {result.refused} refused")
    assert result.faults == []
    assert result.taken + result.refused >= rounds * CLIENTS
    assert min(result.taken, result.refused) > rounds
