"""Dashboard and alerts ask for what there is; the pages tell of all that there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from datacatalog.adapters.telemetry.metrics import METRICS
from datacatalog.domain.jobs.lifecycle import State
from tests.shared import REPOSITORY

DASHBOARD = REPOSITORY / "docker" / "grafana" / "datacatalog.json"
ALERTS = REPOSITORY / "docker" / "prometheus" / "alerts.yml"

BY_NAME = {metric.name: metric for metric in METRICS.values()}
PROCESS = {
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
}
"""What the client library tells on Linux."""
OF_PROMETHEUS = {"instance", "job", "le"}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def queries() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


def asked(query: str) -> list[tuple[str, str]]:
    """Return (metric, what stands in the braces behind it)."""
    return re.findall(r"\b((?:datacatalog|process)_\w+)(?:\{([^}]*)\})?", query)


def metric_of(sample: str) -> str:
    base = re.sub(r"_(bucket|sum|count)$", "", sample)
    return base if base in BY_NAME and BY_NAME[base].kind == "histogram" else sample


@pytest.mark.parametrize("query", [*queries()])
def test_every_query_asks_for_metrics_and_labels_that_are_published(query: str) -> None:
    found = asked(query)
    assert found
    labels = set(OF_PROMETHEUS)
    for sample, selected in found:
        name = metric_of(sample)
        assert name in BY_NAME or name in PROCESS, name
        own = {*BY_NAME[name].labels} if name in BY_NAME else set()
        labels |= own
        assert {*re.findall(r"(\w+)\s*[!=][=~]?", selected)} <= own | OF_PROMETHEUS
        for state in re.findall(r'state="(\w+)"', selected):
            assert State(state)
        if name in BY_NAME and BY_NAME[name].kind == "histogram":
            assert sample != name, "a histogram is asked for by its parts"
        if name in BY_NAME and BY_NAME[name].kind == "counter":
            assert re.search(rf"(rate|increase)\({sample}", query), "of a counter, its growth is asked for"
    for grouped in re.findall(r"by \(([^)]*)\)", query):
        assert {each.strip() for each in grouped.split(",")} <= labels


def test_the_dashboard_shows_every_metric() -> None:
    shown = {metric_of(sample) for query in queries() for sample, _ in asked(query)}
    assert set(BY_NAME) - shown == set()


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    board = dashboard()
    assert board["schemaVersion"] >= 36
    assert {"title", "uid", "panels", "templating", "time"} <= board.keys()
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(numbers) == len(set(numbers))
    variables = {each["name"] for each in board["templating"]["list"]}
    known = {*variables, "__rate_interval", "__all"}
    assert {*re.findall(r"\$\{?(\w+)", json.dumps(board))} <= known
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        assert panel["type"] in {"row", "timeseries", "stat"}
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        references = [target["refId"] for target in panel.get("targets", [])]
        assert len(references) == len(set(references))


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert {*rule["annotations"]} == {"summary", "description"}
