"""Processes are killed hundreds of times while messages arrive; nothing that was acknowledged may suffer."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.killing import kill_under_load

KILLS = int(os.environ.get("DATACATALOG_FAULT_KILLS", "200"))
SEED = int(os.environ.get("DATACATALOG_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


@pytest.mark.faults
@pytest.mark.timeout(120 + 4 * KILLS)
def test_killed_processes_lose_double_and_invent_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n{KILLS} kills, DATACATALOG_FAULT_SEED={SEED}", flush=True)
    result = kill_under_load(tmp_path / "home", kills=KILLS, seed=SEED)
    with capsys.disabled():
        print(result.figures)
    assert result.faults == []
    assert result.kills == KILLS
    assert result.acknowledged > KILLS
    assert result.launched > 0
