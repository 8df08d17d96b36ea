"""Runs all measurements, prints one table of ratios beside their goals, and keeps the figures as JSON.

    python -m benchmarks.run [--write-docs] [part ...]

Everything is a ratio of two things measured in turn in one run on one machine; only such ratios can be compared. A part that is run alone
replaces its figures in benchmarks/results/latest.json, and leaves those of the others. --write-docs puts all of them into docs/benchmarks.md.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks import report
from benchmarks.common import shown

PARTS = {
    "peers": "benchmarks.peers.lifecycle",
    "lifecycle": "benchmarks.lifecycle",
    "flatness": "benchmarks.flatness",
    "gateway": "benchmarks.gateway",
    "slow_disk": "benchmarks.slow_disk",
    "overload": "benchmarks.overload",
    "workers": "benchmarks.workers",
    "engines": "benchmarks.engines",
    "store": "benchmarks.store",
    "files": "benchmarks.files",
    "indexing": "benchmarks.indexing",
    "lineage": "benchmarks.lineage",
    "webhooks": "benchmarks.webhooks",
    "cli_start": "benchmarks.cli_start",
}
WRITE_DOCS = "--write-docs"


def main(words: Sequence[str]) -> int:
    """Return how many parts failed, which are named and left out."""
    names = [word for word in words if word != WRITE_DOCS] or list(PARTS)
    if unknown := set(names) - PARTS.keys():
        print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        return 1
    results, started, on = [], time.monotonic(), report.machine()
    for name in names:
        if (part := _measured(name)) is not None:
            results.append(part)
            kept = report.kept(results, on)
    print(f"\n{shown(results)}\n")
    for part in results:
        if part["facts"]:
            print(f"{part['title']}:", ", ".join(f"{key} {value}" for key, value in part["facts"].items()))
    print(f"{time.monotonic() - started:.0f} s; figures in {report.LATEST}")
    if WRITE_DOCS in words and results:
        report.write_page(kept, list(PARTS))
        print(f"and in {report.PAGE}")
    return len(names) - len(results)


def _measured(name: str) -> dict[str, Any] | None:
    """Return a part with when and how long it ran; None: it failed, and said why."""
    of, when, load, started = report.commit(), datetime.now(UTC), report.load_average(), time.monotonic()
    print(f"measuring {name} ...", end=" ", flush=True)
    try:
        part: dict[str, Any] = importlib.import_module(PARTS[name]).main()
    except Exception:
        traceback.print_exc()
        return None
    took = round(time.monotonic() - started)
    print(f"{took} s", flush=True)
    run = {"name": name, "commit": of, "when": f"{when:%Y-%m-%d %H:%M} UTC", "load": load, "took_s": took}
    return {**run, **part}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
