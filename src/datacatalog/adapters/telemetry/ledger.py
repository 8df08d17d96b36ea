"""What is known only by asking the ledger, asked when somebody looks, and not too often."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from datacatalog.adapters.telemetry.metrics import METRICS
from datacatalog.domain.errors import DatacatalogError
from datacatalog.domain.jobs.lifecycle import State
from datacatalog.domain.kinds import Kind
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import Store, Work
from datacatalog.ports.transport import Backlog, Transport

FRESH_S = 5.0
"""An answer of the ledger is told again for so long, and for SHARE times as long as it took."""
SHARE = 20


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger said; `up`: whether it said anything."""

    up: bool
    took_s: float
    until: float
    queues: Mapping[str, Backlog] = field(default_factory=dict)
    jobs: Mapping[str, int] = field(default_factory=dict)


class ProcessFacts(Collector):
    """Tells which version runs, and how many commits this process has written, where it has a store."""

    def __init__(self, store: Store | None, version: str) -> None:
        self._store, self._version = store, version

    def collect(self) -> Iterator[Family]:
        yield _gauge("info", {(self._version,): 1})
        written = getattr(self._store, "commits", None)
        if written is not None:
            metric = METRICS["store_commits_total"]
            yield CounterMetricFamily(metric.name, metric.help, value=written)


class LedgerFacts(Collector):
    """Counts queues and jobs along their indexes; messages that were handled are not looked at."""

    def __init__(self, store: Store, transport: Transport, clock: Clock) -> None:
        self._store, self._transport, self._clock = store, transport, clock
        self._lock = threading.Lock()
        self._known: _Known | None = None

    def describe(self) -> Iterator[Family]:
        """Name nothing beforehand, so that the ledger is not asked when this is registered."""
        return iter(())

    def collect(self) -> Iterator[Family]:
        known = self._ask()
        yield _gauge("ledger_up", {(): float(known.up)})
        yield _gauge("ledger_asked_seconds", {(): known.took_s})
        if not known.up:
            return
        now, queues = self._clock.now(), known.queues
        yield _gauge("queue_depth", {(q,): b.waiting for q, b in queues.items()})
        yield _gauge("queue_oldest_seconds", {(q,): _age(b.oldest, now) for q, b in queues.items()})
        yield _gauge("dead_letters", {(q,): b.dead for q, b in queues.items()})
        lag = max((_age(b.unsent, now) for b in queues.values()), default=0.0)
        yield _gauge("outbox_lag_seconds", {(): lag})
        yield _gauge("jobs", {(state,): number for state, number in known.jobs.items()})

    def _ask(self) -> _Known:
        with self._lock:
            if self._known is None or time.monotonic() >= self._known.until:
                self._known = self._look()
            return self._known

    def _look(self) -> _Known:
        began = time.monotonic()
        try:
            queues, jobs, up = dict(self._transport.backlog()), self._store.read(_jobs), True
        except DatacatalogError:
            queues, jobs, up = {}, {}, False
        now = time.monotonic()
        # A queue that was there stays, as empty: an alert is to end, and a graph to come down to 0.
        before = {} if self._known is None else self._known.queues
        queues = {**dict.fromkeys(before, Backlog()), **queues}
        until = now + max(FRESH_S, SHARE * (now - began))
        return _Known(up=up, took_s=now - began, until=until, queues=queues, jobs=jobs)


def _jobs(work: Work) -> dict[str, int]:
    return {state.value: work.records.count(Kind.PIPELINEJOB, {"state": state.value}) for state in State}


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def _gauge(name: str, values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    metric = METRICS[name]
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
