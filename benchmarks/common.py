"""What all measurements share: the floor of this disk, rounds that alternate, and figures beside their goals."""

from __future__ import annotations

import math
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.harness import Catalog, install

RESULTS = Path(__file__).parent / "results"
ROW_BYTES = 500
EMBEDDED = {"url": "sqlite:///catalog.db"}

Step = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured ratio.

    Attributes:
        name: what was divided by what.
        ratio: median over the rounds; `low`, `high`: the smallest and the largest of them.
        goal: e.g. ">= 0.50"; "" where it is only for information.
        ours, floor: medians of both sides, in words, with their unit.
    """

    name: str
    ratio: float
    low: float
    high: float
    goal: str = ""
    ours: str = ""
    floor: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None: there is none."""
        if not self.goal:
            return None
        sign, number = self.goal.split()
        return self.ratio >= float(number) if sign == ">=" else self.ratio <= float(number)

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


def figure(name: str, ratios: Sequence[float], *, goal: str = "", ours: str = "", floor: str = "") -> Figure:
    """Return the figure of the ratios of several rounds."""
    return Figure(
        name=name,
        ratio=statistics.median(ratios),
        low=min(ratios),
        high=max(ratios),
        goal=goal,
        ours=ours,
        floor=floor,
    )


def result(title: str, figures: Sequence[Figure], **facts: Any) -> dict[str, Any]:
    """Return what a part of the measurements hands back: its figures, and facts for the record."""
    return {"title": title, "figures": [each.document() for each in figures], "facts": facts}


def shown(results: Sequence[dict[str, Any]]) -> str:
    """Return all figures as one table."""
    rows = [("", "ratio", "goal", "", "lowest - highest", "ours", "beside")]
    for part in results:
        rows.append((part["title"], "", "", "", "", "", ""))
        for f in part["figures"]:
            met = {True: "met", False: "MISSED", None: ""}[f["met"]]
            spread = f"{f['low']:.2f} - {f['high']:.2f}"
            rows.append(
                (f"  {f['name']}", f"{f['ratio']:.2f}", f["goal"], met, spread, f["ours"], f["floor"])
            )
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


# ------------------------------------------------------------------------------------------- measuring


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder to measure in, on the disk of this repository, since /tmp may be memory."""
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RESULTS) as name:
        yield Path(name)


@contextmanager
def installation(home: Path, **sections: Any) -> Iterator[Catalog]:
    """Make an installation, embedded unless `sections` say otherwise; its processes and its store end with the context."""
    catalog = install(home, **{"store": EMBEDDED, "transport": {"url": None}, **sections})
    try:
        yield catalog
    finally:
        catalog.stop_all()
        catalog.app.close()


def bare_commit(path: Path) -> Step:
    """Return one durable commit of one row, as plain sqlite3 does it: the floor."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)")
    row = ("x" * ROW_BYTES,)

    def step() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t (v) VALUES (?)", row)
        connection.execute("COMMIT")

    return step


def seconds(step: Step, times: int) -> float:
    """Return how long `times` steps took."""
    started = time.perf_counter()
    for _ in range(times):
        step()
    return time.perf_counter() - started


def alternated(
    one: Callable[[], float], other: Callable[[], float], rounds: int
) -> tuple[list[float], list[float]]:
    """Measure both in turn, the first of each round changing; the first round warms up and is left out.

    The speed of a disk changes from one minute to the next: only neighbours may be compared.
    """
    ones, others = [], []
    for number in range(rounds + 1):
        if number % 2:
            ones.append(one())
            others.append(other())
        else:
            others.append(other())
            ones.append(one())
    return ones[1:], others[1:]


def rate(times: int, durations: Sequence[float], what: str) -> str:
    """Return the median rate in words, e.g. "812 events/s"."""
    return f"{times / statistics.median(durations):.0f} {what}/s"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


def each_ms(times: int, durations: Sequence[float]) -> str:
    """Return the median time of one in words, e.g. "0.42 ms"."""
    return f"{statistics.median(durations) / times * 1000:.2f} ms"
