"""What `datacatalog --help` costs above bare Python: CPU time of the whole process, user and system.

    python -m benchmarks.cli_start

Both are run in turns, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from functools import partial
from typing import Any

from benchmarks.common import alternated, figure, result, shown

GOAL_MS = 100.0
ROUNDS = 15
BARE = ("-c", "pass")
COMMANDS = {
    "datacatalog --help": ("-m", "datacatalog", "--help"),
    "datacatalog jobs --help": ("-m", "datacatalog", "jobs", "--help"),
}


def cpu_ms(*arguments: str) -> float:
    """Run Python with these arguments; return the CPU time that it took [ms]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000


def main() -> dict[str, Any]:
    figures = []
    for name, arguments in COMMANDS.items():
        ours, floor = alternated(partial(cpu_ms, *arguments), partial(cpu_ms, *BARE), ROUNDS)
        above = [a - b for a, b in zip(ours, floor, strict=True)]
        figures.append(
            figure(
                f"CPU of '{name}' above bare Python, per {GOAL_MS:.0f} ms",
                [ms / GOAL_MS for ms in above],
                goal="<= 1",
                ours=f"{statistics.median(ours):.1f} ms",
                floor=f"{statistics.median(floor):.1f} ms",
            )
        )
    return result("Start of the command line", figures)


if __name__ == "__main__":
    print(shown([main()]))
