"""All scenarios in random order, with random seeds, for as long as one likes: `python -m tests.faults.soak`.

Environment: DATACATALOG_SOAK_MINUTES (60), DATACATALOG_SOAK_FOLDER (./soak-<time>), DATACATALOG_SOAK_ONLY (names, separated by
spaces). The folder has a line of JSON for each scenario that ended (reports.jsonl), their sum (summary.json, whole at any moment), and the
data of those that failed. Whoever cuts it short has both up to then.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.faults.engines import NotHere
from tests.faults.reporting import Report
from tests.faults.scenarios import SCENARIOS

SUMMED = ("partitions", "jobs", "attempts", "unanswered", "acknowledged", "lost", "doubled", "ghosts")


class Summary:
    """What all scenarios came to so far, on disk after each of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._began = folder, time.monotonic()
        self._all: dict[str, Any] = {"seed": seed, "ended": False, "scenarios": Counter(), "kills": Counter()}
        self._all |= {"failed": [], "skipped": {}, "worst_recovery_s": 0.0, **dict.fromkeys(SUMMED, 0)}

    @property
    def failed(self) -> bool:
        return bool(self._all["failed"])

    def add(self, report: Report) -> None:
        whole = self._all
        whole["scenarios"][f"{report.scenario} on {report.engine}"] += 1
        whole["kills"].update(report.kills)
        for name in SUMMED:
            whole[name] += getattr(report, name)
        whole["worst_recovery_s"] = max([whole["worst_recovery_s"], *report.recoveries_s])
        if report.faults:
            whole["failed"].append({"line": report.line, "faults": list(report.faults)[:5]})
        with (self._folder / "reports.jsonl").open("a") as file:
            file.write(report.as_json() + "\n")
        self.write()

    def skip(self, name: str, why: str) -> None:
        self._all["skipped"][name] = why
        self.write()

    def write(self, *, ended: bool = False) -> None:
        self._all |= {"ended": ended, "seconds": round(time.monotonic() - self._began)}
        self._all["kills_in_all"] = self._all["kills"].total()
        fresh = self._folder / "summary.new"
        fresh.write_text(json.dumps(self._all, indent=1))
        os.replace(fresh, self._folder / "summary.json")


def soak(folder: Path, minutes: float, names: list[str], seed: int) -> Summary:
    """Run scenarios until the time is over; the last one comes to its end."""
    folder.mkdir(parents=True, exist_ok=True)
    summary, rng, number = Summary(folder, seed), random.Random(seed), 0
    ends, left = time.monotonic() + 60 * minutes, list(names)
    while time.monotonic() < ends and left:
        number, name, drawn = number + 1, rng.choice(left), rng.randrange(1, 10**6)
        place = folder / f"{number:04}-{name}"
        try:
            report = _run(name, place, drawn)
        except NotHere as e:
            print(f"skipped {name}: {e}", flush=True)
            summary.skip(name, str(e))
            left.remove(name)
            shutil.rmtree(place, ignore_errors=True)
            continue
        print(f"{datetime.now():%H:%M:%S} {report.line}", flush=True)
        summary.add(report)
        if not report.faults:
            shutil.rmtree(place, ignore_errors=True)
    summary.write(ended=True)
    return summary


def _run(name: str, place: Path, seed: int) -> Report:
    try:
        return SCENARIOS[name](place, seed)
    except NotHere:
        raise
    except Exception:
        faults = [traceback.format_exc()]
        return Report(scenario=name, engine="?", seed=seed, faults=faults, folder=str(place))


def main() -> int:
    minutes = float(os.environ.get("DATACATALOG_SOAK_MINUTES", "60"))
    names = os.environ.get("DATACATALOG_SOAK_ONLY", "").split() or list(SCENARIOS)
    seed = int(os.environ.get("DATACATALOG_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    folder = Path(os.environ.get("DATACATALOG_SOAK_FOLDER") or f"soak-{datetime.now():%Y%m%d-%H%M%S}")
    print(f"{minutes:g} minutes, DATACATALOG_FAULT_SEED={seed}, reports in {folder}", flush=True)
    # So that a scenario that is cut short still ends the processes that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return 1 if soak(folder.resolve(), minutes, names, seed).failed else 0


if __name__ == "__main__":
    sys.exit(main())
