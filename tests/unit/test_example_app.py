"""The example app, run as the platform runs it, and the data that it is shown with."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path
from statistics import fmean, quantiles, stdev
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.shared import REPOSITORY

APP = REPOSITORY / "examples" / "apps" / "changepoint" / "changepoint.py"
NILE = REPOSITORY / "examples" / "data" / "nile.csv"


@pytest.fixture(scope="module")
def nile() -> dict[int, int]:
    with NILE.open(newline="") as file:
        return {int(row["year"]): int(row["volume"]) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run over the Nile."""
    folder = tmp_path_factory.mktemp("nile")
    assert run(folder, NILE).returncode == 0
    return folder


def run(folder: Path, series: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(APP), f"--series={series}", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "changepoint.json").read_text())
    return found


def test_nile_data_are_the_published_century(nile: dict[int, int]) -> None:
    volumes = list(nile.values())
    assert list(nile) == list(range(1871, 1971))
    assert sum(volumes) == 91935
    assert fmean(volumes) == pytest.approx(919.35)
    assert stdev(volumes) == pytest.approx(169.2275, abs=1e-4)
    assert quantiles(volumes, n=4, method="inclusive") == [798.5, 893.5, 1032.5]
    assert (min(nile, key=nile.__getitem__), min(volumes)) == (1913, 456)
    assert (max(nile, key=nile.__getitem__), max(volumes)) == (1879, 1370)


def test_nile_data_stand_in_the_published_order(nile: dict[int, int]) -> None:
    """Durbin and Koopman (2001), table 2.1: the local level model at q = 0.0973 has log likelihood -492.07."""
    level, *volumes = nile.values()
    level, variance, squares, logs = float(level), 1 + 0.0973, 0.0, 0.0
    for volume in volumes:
        spread, error = variance + 1, volume - level
        squares, logs = squares + error**2 / spread, logs + math.log(spread)
        level, variance = level + variance / spread * error, variance / spread + 0.0973
    n = len(volumes)
    assert -n / 2 * math.log(squares / n) - logs / 2 == pytest.approx(-492.07, abs=0.005)


def test_app_finds_that_the_nile_changed_after_1898(done: Path) -> None:
    found = result(done)
    assert found["last_year_before"] == 1898
    assert found["mean_before"] == pytest.approx(1097.75)
    assert found["mean_after"] == pytest.approx(849.9722, abs=1e-4)
    assert found["sum"] == 91935
    assert found["pettitt_p"] < 1e-6


def test_segments_hold_every_year_with_what_its_mean_leaves(done: Path) -> None:
    with (done / "segments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100
    assert [row["year"] for row in rows if row["segment"] == "1"] == [str(y) for y in range(1871, 1899)]
    assert sum(float(row["residual"]) for row in rows) == pytest.approx(0, abs=1e-3)


def test_drawing_is_xml_with_one_point_per_year(done: Path) -> None:
    root = ElementTree.fromstring((done / "changepoint.svg").read_text())
    line = root.find("{http://www.w3.org/2000/svg}polyline")
    assert line is not None
    assert len(line.attrib["points"].split()) == 100


def test_same_input_makes_the_same_bytes(done: Path, tmp_path: Path) -> None:
    run(tmp_path, NILE)
    for path in done.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


@pytest.mark.parametrize(
    ("text", "arguments", "reason"),
    [
        ("year,volume\n1871,1\n", ["--column=depth"], "no column 'depth'"),
        ("year,volume\n1871,1\n1873,2\n", [], "one year after the other"),
        ("year,volume\n1871,1\n1872,nan\n", [], "not finite"),
        ("year,volume\n1871,1\n1872,2\n", [], "cannot be cut"),
        ("year,volume\n1871\n", [], "could not convert"),
    ],
)
def test_app_says_what_is_wrong_with_its_input(
    text: str, arguments: list[str], reason: str, tmp_path: Path
) -> None:
    series = tmp_path / "series.csv"
    series.write_text(text)
    ended = run(tmp_path, series, *arguments)
    assert ended.returncode == 1
    assert reason in ended.stderr
    assert ended.stderr.count("\n") == 1
