"""Figures for Prometheus: what this process counted, and how long things took.

Labels have few values each: actors, queues, routes, outcomes; never what a message, a job or a sender is called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from datacatalog.ports.telemetry import Activity

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_LATEST
PREFIX = "datacatalog_"

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LONG_BUCKETS_S = (0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it is published.

    Attributes:
        kind: counter, gauge or histogram.
        of: the processes that publish it: gateway, worker.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str
    of: tuple[str, ...] = ("gateway", "worker")


_GATEWAY = ("gateway",)
_WORKER = ("worker",)

METRICS: Mapping[str, Metric] = {
    metric.name.removeprefix(PREFIX): metric
    for metric in (
        Metric(
            "datacatalog_http_requests_total",
            "counter",
            ("route", "method", "status"),
            "Requests, by the template of their address",
            _GATEWAY,
        ),
        Metric(
            "datacatalog_http_request_seconds",
            "histogram",
            ("route",),
            "How long requests took, from their headers to the end of the answer",
            _GATEWAY,
        ),
        Metric(
            "datacatalog_messages_total",
            "counter",
            ("actor", "outcome"),
            "Messages to actors: ok, queued (its handling counts again), repeated (answered before), refused (for good), failed",
        ),
        Metric(
            "datacatalog_handler_seconds",
            "histogram",
            ("actor",),
            "How long it took to handle a message to an actor, or to take it into its queue",
        ),
        Metric(
            "datacatalog_deliveries_total",
            "counter",
            ("queue", "outcome"),
            "Messages and tasks that workers took in hand: ok, refused, waiting (put aside), lost (its lease), failed",
            _WORKER,
        ),
        Metric(
            "datacatalog_delivery_seconds",
            "histogram",
            ("queue",),
            "How long workers had messages and tasks in hand",
            _WORKER,
        ),
        Metric(
            "datacatalog_retries_total",
            "counter",
            ("queue",),
            "Messages that were given back after a try that failed",
        ),
        Metric(
            "datacatalog_postponed_total",
            "counter",
            ("queue",),
            "Messages that were given back without that counting as a try",
        ),
        Metric("datacatalog_buried_total", "counter", ("queue",), "Messages that became dead letters"),
        Metric(
            "datacatalog_lease_losses_total",
            "counter",
            ("queue",),
            "Messages that another worker had got by the time that their handling was to be written",
            _WORKER,
        ),
        Metric(
            "datacatalog_published_total",
            "counter",
            ("queue",),
            "Messages and tasks that were put into queues; those whose commit failed included",
        ),
        Metric(
            "datacatalog_store_seconds",
            "histogram",
            ("operation",),
            "How long pieces of work on the ledger took, waiting included: transact (until it is durable), read",
        ),
        Metric(
            "datacatalog_store_commits_total",
            "counter",
            (),
            "Commits that were written; pieces of work that run at the same time share them",
        ),
        Metric(
            "datacatalog_outgoing_requests_total",
            "counter",
            ("purpose", "outcome"),
            "Requests to others, for webhooks and callbacks: the class of the status (2xx, ...), or refused, failed",
        ),
        Metric("datacatalog_outgoing_seconds", "histogram", ("purpose",), "How long they took"),
        Metric(
            "datacatalog_queue_depth",
            "gauge",
            ("queue",),
            "Messages and tasks that wait or are being handled",
            _GATEWAY,
        ),
        Metric(
            "datacatalog_queue_oldest_seconds",
            "gauge",
            ("queue",),
            "How long the one has been due that has been due longest and is in nobody's hands; 0: none is",
            _GATEWAY,
        ),
        Metric(
            "datacatalog_outbox_lag_seconds",
            "gauge",
            (),
            "How long a message has been due of which word did not reach the broker yet; 0: there is none, or no broker",
            _GATEWAY,
        ),
        Metric(
            "datacatalog_dead_letters",
            "gauge",
            ("queue",),
            "Dead letters; of all queues no more than 10,000 are counted",
            _GATEWAY,
        ),
        Metric("datacatalog_jobs", "gauge", ("state",), "Jobs, by their state", _GATEWAY),
        Metric("datacatalog_ledger_up", "gauge", (), "1: the ledger answered, 0: it did not", _GATEWAY),
        Metric(
            "datacatalog_ledger_asked_seconds",
            "gauge",
            (),
            "How long the ledger took to answer for all of the gauges above",
            _GATEWAY,
        ),
        Metric("datacatalog_info", "gauge", ("version",), "1; which version runs"),
    )
}
"""Name without prefix -> what is published. Beside these there is what the client library tells of the process (`process_...`)."""


_Meters = tuple[tuple[Callable[[], None], ...], Callable[[float], None] | None]


class Metrics:
    """What one process counts. Threads share it.

    Args:
        service: what it is; the metrics of others are not published.
    Attributes:
        together: whether several processes publish what they all counted, in a folder that they share. It is named by a variable
            that the client library reads when it is imported.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.together = SHARED_FOLDER in os.environ
        self.registry = CollectorRegistry()
        self._added: list[Collector] = []
        if not self.together:
            ProcessCollector(registry=self.registry)
        self._counters = {n: self._counter(m) for n, m in METRICS.items() if m.kind == "counter" and m.labels}
        self._histograms = {n: self._histogram(m) for n, m in METRICS.items() if m.kind == "histogram"}
        self._meters: dict[tuple[str, ...], _Meters] = {}

    def add(self, collector: Collector) -> None:
        """Publish what is found out when it is asked for."""
        self._added.append(collector)
        self.registry.register(collector)

    def text(self) -> bytes:
        """Return everything in the format that CONTENT_TYPE names."""
        if not self.together:
            return generate_latest(self.registry)
        whole = CollectorRegistry()
        MultiProcessCollector(whole)  # type: ignore[no-untyped-call]
        for collector in self._added:
            whole.register(collector)
        return generate_latest(whole)

    def observe(self, activity: Activity, which: str, method: str, outcome: str, seconds: float) -> None:
        """Take down something that is over."""
        key = (activity, which, method, outcome)
        meters = self._meters.get(key)
        if meters is None:
            meters = self._meters.setdefault(key, self._meters_of(activity, which, method, outcome))
        counts, took = meters
        for count in counts:
            count()
        if took is not None:
            took(seconds)

    def count(self, name: str, *labels: str) -> None:
        self._counters[name].labels(*labels).inc()

    def _meters_of(self, activity: Activity, which: str, method: str, outcome: str) -> _Meters:
        """Return what counts, and what measures, so that it is looked up once."""
        match activity:
            case Activity.COMMIT | Activity.READ:
                operation = "transact" if activity is Activity.COMMIT else "read"
                return (), self._took("store_seconds", operation)
            case Activity.PUBLISH:
                return (self._counts("published_total", which),), None
            case Activity.HANDLER:
                return (self._counts("messages_total", which, outcome),), self._took("handler_seconds", which)
            case Activity.REQUEST:
                counts = self._counts("http_requests_total", which, method, outcome)
                return (counts,), self._took("http_request_seconds", which)
            case Activity.WORK:
                lost = (self._counts("lease_losses_total", which),) if outcome == "lost" else ()
                counts = self._counts("deliveries_total", which, outcome)
                return (counts, *lost), self._took("delivery_seconds", which)
            case Activity.OUTGOING:
                counts = self._counts("outgoing_requests_total", which, outcome)
                return (counts,), self._took("outgoing_seconds", which)
            case Activity.TASK:
                return (), None

    def _counts(self, name: str, *labels: str) -> Callable[[], None]:
        return self._counters[name].labels(*labels).inc

    def _took(self, name: str, label: str) -> Callable[[float], None]:
        return self._histograms[name].labels(label).observe

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self._where(metric))

    def _histogram(self, metric: Metric) -> Histogram:
        buckets = LONG_BUCKETS_S if metric.labels == ("queue",) else BUCKETS_S
        return Histogram(
            metric.name, metric.help, metric.labels, registry=self._where(metric), buckets=buckets
        )

    def _where(self, metric: Metric) -> CollectorRegistry | None:
        return self.registry if self._service in metric.of else None
