"""Loading that is killed in the middle leaves whole batches, and goes on when it is begun again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.acceptance.cli import made

RECORDS, BATCH = 4000, 100


def test_load_that_was_killed_goes_on_in_whole_batches(tmp_path: Path) -> None:
    shell = made(tmp_path / "catalog")
    name = tmp_path / "rows.csv"
    rows = "".join(f"sample.tacc.{n},{n % 7}\n" for n in range(RECORDS))
    name.write_text("sample_id,replicate\n" + rows)
    words = ["load", str(name), "--batch", str(BATCH)]
    command = [sys.executable, "-m", "datacatalog", "--config", str(shell.config), *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=dict(os.environ)) as running:
        deadline = time.monotonic() + 30
        while shell.ok("dump", "sample", "--where", f"sample_id=sample.tacc.{BATCH}") == "":
            assert running.poll() is None
            assert time.monotonic() < deadline
        running.kill()
    there = len(shell.ok("dump").splitlines())
    assert there % BATCH == 0
    told = shell.ask("load", str(name))
    assert (told["created"], told["unchanged"]) == (RECORDS - there, there)
    assert shell.ask("load", str(name))["unchanged"] == RECORDS
