"""Everything that can go wrong, on real processes: what was acknowledged stays, nothing happens twice, nobody has to help."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.engines import NotHere
from tests.faults.scenarios import KILLS, SCENARIOS, new_seed


@pytest.mark.faults
@pytest.mark.timeout(900 + 5 * KILLS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = new_seed()
    try:
        report = SCENARIOS[name](tmp_path / "data", seed)
    except NotHere as e:
        pytest.skip(f"{name}: {e}")
    with capsys.disabled():
        print(f"\n{report.line}", flush=True)
    assert report.faults == [], f"DATACATALOG_FAULT_SEED={seed}; what is left is in {report.folder}"
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
