"""What is kept of a run: JSON for programs, and the table of docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS

LATEST = RESULTS / "latest.json"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results, written by: python -m benchmarks.run --write-docs -->", "<!-- end of results -->"
LIBRARIES = ("pymongo", "kombu", "starlette", "uvicorn", "httptools", "jsonschema-rs")


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "filesystem": _filesystem(RESULTS),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def load_average() -> float:
    """Return how many processes wanted to run in the last minute, on average."""
    return round(os.getloadavg()[0], 1)


def commit() -> str:
    """Return what is measured: the commit, or the version where there is no repository."""
    asked = ["git", "-C", str(PAGE.parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return version("datacatalog")


def kept(parts: Sequence[dict[str, Any]], on: dict[str, Any]) -> dict[str, Any]:
    """Keep the parts of this run, beside those of earlier runs on this machine that were not run again; return all."""
    before: list[dict[str, Any]] = []
    if LATEST.exists():
        report = json.loads(LATEST.read_text())
        if report["machine"] == on:
            before = report["parts"]
    new = {part["name"] for part in parts}
    report = {"machine": on, "parts": [*(part for part in before if part.get("name") not in new), *parts]}
    RESULTS.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(report, indent=1) + "\n")
    return report


def write_page(report: dict[str, Any], order: Sequence[str]) -> None:
    """Put the figures into the page, in the order of the parts."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = sorted(report["parts"], key=lambda part: order.index(part["name"]))
    PAGE.write_text(f"{before}{BEGIN}\n\n{_markdown(report['machine'], parts)}\n{END}{after}")


def _markdown(on: dict[str, Any], parts: Sequence[dict[str, Any]]) -> str:
    libraries = ", ".join(f"{name} {number}" for name, number in on["libraries"].items())
    lines = [
        f"{on['cores']} cores ({on['processor']}), {on['memory_gib']} GiB, Linux {on['kernel']}, {on['filesystem']}; "
        f"Python {on['python']}, SQLite {on['sqlite']}, {libraries}.",
        "",
        "| | ratio | goal | | lowest to highest | ours | beside |",
        "|---|---|---|---|---|---|---|",
    ]
    for part in parts:
        lines.append(f"| **{part['title']}** | | | | | | |")
        lines += [_row(each) for each in part["figures"]]
    lines += ["", "| part | of | run | load of the machine before | took |", "|---|---|---|---|---|"]
    lines += [
        f"| `{part['name']}` | {part['commit']} | {part['when']} | {part['load']} | {part['took_s']} s |"
        for part in parts
    ]
    for part in parts:
        if part["facts"]:
            facts = "; ".join(f"{key}: {_said(value)}" for key, value in part["facts"].items())
            lines += ["", f"{part['title']}: {facts}."]
    return "\n".join(lines) + "\n"


def _row(figure: dict[str, Any]) -> str:
    met = {True: "met", False: "missed", None: ""}[figure["met"]]
    goal = figure["goal"].replace(">=", "≥").replace("<=", "≤")
    spread = f"{figure['low']:.2f} to {figure['high']:.2f}"
    if figure["low"] == figure["high"]:
        spread = "the same in all"
    return (
        f"| {figure['name'].strip()} | {figure['ratio']:.2f} | {goal} | {met} | {spread} | {figure['ours']} |"
        f" {figure['floor']} |"
    )


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} × {what}" for what, count in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _filesystem(path: Path) -> str:
    """Return the kind of the file system that a path is on."""
    path.mkdir(exist_ok=True)
    at, kind = "", ""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, name, *_ = line.split()
        if len(place) > len(at) and path.resolve().is_relative_to(place):
            at, kind = place, name
    return kind
