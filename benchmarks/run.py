"""Runs all measurements, prints one table of ratios beside their goals, and keeps the figures as JSON.

    python -m benchmarks.run [part ...]

Everything is a ratio of two things measured in turn in one run on one machine; only such ratios can be compared.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.common import RESULTS, shown

PARTS = ("lifecycle", "flatness", "gateway", "store", "files", "indexing", "lineage", "webhooks", "cli_start")


def main(parts: Sequence[str]) -> None:
    results, started, on = [], time.monotonic(), machine()
    for name in parts or PARTS:
        part_started = time.monotonic()
        print(f"measuring {name} ...", end=" ", flush=True)
        results.append(importlib.import_module(f"benchmarks.{name}").main())
        print(f"{time.monotonic() - part_started:.0f} s", flush=True)
    report = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "machine": on, "parts": results}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"\n{shown(results)}\n")
    for part in results:
        if part["facts"]:
            print(f"{part['title']}:", ", ".join(f"{key} {value}" for key, value in part["facts"].items()))
    print(f"{time.monotonic() - started:.0f} s; figures in {RESULTS / 'latest.json'}")


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "kernel": platform.release(),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
