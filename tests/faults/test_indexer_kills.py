"""The indexer is killed again and again while it indexes thousands of files; its records are those of one that nobody disturbed."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.indexing import kill_while_indexing

KILLS = int(os.environ.get("DATACATALOG_FAULT_INDEXER_KILLS", "20"))
FILES = 400 * KILLS
SEED = int(os.environ.get("DATACATALOG_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


@pytest.mark.faults
@pytest.mark.timeout(120 + 10 * KILLS)
def test_killed_indexer_ends_in_the_records_of_an_undisturbed_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n{KILLS} kills, {FILES} files, DATACATALOG_FAULT_SEED={SEED}", flush=True)
    result = kill_while_indexing(tmp_path, files=FILES, kills=KILLS, seed=SEED)
    assert result.differences == []
    assert (result.kills, result.files) == (KILLS, FILES)
