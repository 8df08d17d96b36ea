"""Finds the year after which the mean of an annual series changed most.

The series is cut in two where the squares of the distances to the two means add up to least: the most likely cut, if the years
scatter alike and independently around one mean before it and another after it. How surprising such a cut would be in a
series without a change is judged by Pettitt's rank test, which assumes no distribution.

    python changepoint.py --series=nile.csv --column=volume

writes into the current folder: changepoint.json (the result), segments.csv (every year with the mean of its segment),
changepoint.svg (a drawing of both). The same input makes the same bytes.

Sources: G. W. Cobb, "The problem of the Nile: conditional solution to a changepoint problem", Biometrika 65 (1978) 243-251;
A. N. Pettitt, "A non-parametric approach to the change-point problem", Applied Statistics 28 (1979) 126-135.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from statistics import fmean, stdev
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Series:
    """One value per year, in order of the years; shape (n,) each, in the unit of the file."""

    name: str
    years: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True)
class Cut:
    """A series in two parts.

    Attributes:
        at: how many years lie before the cut.
        explained: share of the squared distances to the overall mean that the two means take away, 0 to 1.
    """

    at: int
    mean_before: float
    mean_after: float
    explained: float


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description="Find the year after which the mean of a series changed most."
    )
    parser.add_argument("--series", type=Path, required=True)
    parser.add_argument("--column", default="volume")
    parser.add_argument("--time", default="year")
    parser.add_argument("--minimum-segment", type=int, default=5)
    options = parser.parse_args(arguments)
    try:
        series = read_series(options.series, options.time, options.column)
        cut = best_cut(series.values, options.minimum_segment)
    except (OSError, ValueError) as e:
        print(f"{options.series.name}: {e}", file=sys.stderr)
        return 1
    result = report(series, cut)
    Path("changepoint.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    write_segments(Path("segments.csv"), series, cut)
    Path("changepoint.svg").write_text(drawing(series, cut), encoding="utf-8")
    print(
        f"{series.name} changed after {result['last_year_before']}: "
        f"mean {result['mean_before']:g} before, {result['mean_after']:g} after"
    )
    return 0


def read_series(path: Path, time: str, column: str) -> Series:
    """Read two columns of a CSV file.

    Raises:
        ValueError: a column is missing, a value is no finite number, or the years do not follow each other.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        for wanted in (time, column):
            if wanted not in (rows.fieldnames or ()):
                raise ValueError(f"there is no column '{wanted}'")
        pairs = [(int(row[time] or ""), float(row[column] or "")) for row in rows]
    years, values = [year for year, _ in pairs], [value for _, value in pairs]
    if not all(map(math.isfinite, values)):
        raise ValueError(f"column '{column}' has values that are not finite")
    if any(later != earlier + 1 for earlier, later in pairwise(years)):
        raise ValueError(f"column '{time}' does not name one year after the other")
    return Series(column, years, values)


def best_cut(values: Sequence[float], minimum: int) -> Cut:
    """Return the cut with the least squares.

    Args:
        minimum: how many values there must be on each side, at least 1.
    Raises:
        ValueError: there are fewer values than two such sides.
    """
    n = len(values)
    if minimum < 1 or n < 2 * minimum:
        raise ValueError(f"{n} values cannot be cut into two parts of at least {minimum}")
    total, sums = math.fsum(values), list(accumulate(values))
    overall = total / n

    def between(at: int) -> float:
        # What the two means take away from the squares: n1 (m1 - m)^2 + n2 (m2 - m)^2.
        before, after = sums[at - 1] / at, (total - sums[at - 1]) / (n - at)
        return at * (before - overall) ** 2 + (n - at) * (after - overall) ** 2

    at = max(range(minimum, n - minimum + 1), key=between)
    squares = math.fsum((value - overall) ** 2 for value in values)
    return Cut(
        at=at,
        mean_before=fmean(values[:at]),
        mean_after=fmean(values[at:]),
        explained=between(at) / squares if squares else 0.0,
    )


def pettitt(values: Sequence[float]) -> tuple[int, float]:
    """Return Pettitt's statistic K and its approximate p-value."""
    n = len(values)
    steps = (sum((a > b) - (a < b) for b in values) for a in values)
    k = max(map(abs, accumulate(steps)))
    return k, min(1.0, 2 * math.exp(-6 * k * k / (n**3 + n**2)))


def report(series: Series, cut: Cut) -> dict[str, object]:
    k, p = pettitt(series.values)
    return {
        "column": series.name,
        "years": [series.years[0], series.years[-1]],
        "count": len(series.values),
        "sum": math.fsum(series.values),
        "mean": round(fmean(series.values), 9),
        "standard_deviation": round(stdev(series.values), 9),
        "last_year_before": series.years[cut.at - 1],
        "mean_before": round(cut.mean_before, 9),
        "mean_after": round(cut.mean_after, 9),
        "change": round(cut.mean_after - cut.mean_before, 9),
        "explained": round(cut.explained, 9),
        "pettitt_k": k,
        "pettitt_p": float(f"{p:.6g}"),
    }


def write_segments(path: Path, series: Series, cut: Cut) -> None:
    """Write every year with its value, the mean of its segment, and what is left of the value without it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["year", series.name, "segment", "mean", "residual"])
        for i, (year, value) in enumerate(zip(series.years, series.values, strict=True)):
            segment, mean = (1, cut.mean_before) if i < cut.at else (2, cut.mean_after)
            rows.writerow([year, f"{value:g}", segment, f"{mean:.6f}", f"{value - mean:.6f}"])


def drawing(series: Series, cut: Cut) -> str:
    """Return an SVG picture of the series and its two means."""
    width, height, margin = 800, 360, 50
    low, high = min(series.values), max(series.values)
    across = (width - 2 * margin) / (len(series.values) - 1)
    up = (height - 2 * margin) / (high - low or 1)

    def x(i: float) -> float:
        return margin + i * across

    def y(value: float) -> float:
        return height - margin - (value - low) * up

    points = " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(series.values))
    last = len(series.values) - 1
    means = "".join(
        f'<line x1="{x(a):.1f}" y1="{y(mean):.1f}" x2="{x(b):.1f}" y2="{y(mean):.1f}" stroke="#c0392b" stroke-width="2"/>\n'
        for a, b, mean in ((0, cut.at - 0.5, cut.mean_before), (cut.at - 0.5, last, cut.mean_after))
    )
    label = f"{series.name}, {series.years[0]} to {series.years[-1]}: change after {series.years[cut.at - 1]}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="13">\n'
        f"<title>{escape(label)}</title>\n"
        f'<rect width="{width}" height="{height}" fill="white"/>\n'
        f'<polyline points="{points}" fill="none" stroke="#2c3e50"/>\n'
        f"{means}"
        f'<text x="{margin}" y="{margin - 20}">{escape(label)}</text>\n'
        f'<text x="{margin}" y="{height - margin + 25}">{series.years[0]}</text>\n'
        f'<text x="{width - margin}" y="{height - margin + 25}" text-anchor="end">{series.years[-1]}</text>\n'
        f'<text x="{margin - 8}" y="{y(low):.1f}" text-anchor="end">{low:g}</text>\n'
        f'<text x="{margin - 8}" y="{y(high):.1f}" text-anchor="end">{high:g}</text>\n'
        "</svg>\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
