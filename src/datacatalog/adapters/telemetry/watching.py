"""Who is told of work under way: metrics, traces, or both."""

from __future__ import annotations

import time
from types import TracebackType

from datacatalog.adapters.telemetry.metrics import Metrics
from datacatalog.adapters.telemetry.spans import Span, Tracer
from datacatalog.ports.telemetry import Activity, outcome_of


class Watching:
    """Implements ports.telemetry.Telemetry."""

    def __init__(self, metrics: Metrics | None = None, tracer: Tracer | None = None) -> None:
        self.metrics, self._tracer = metrics, tracer

    def watch(self, activity: Activity, which: str = "", method: str = "") -> _Watch:
        return _Watch(self.metrics, self._tracer, activity, which, method)

    def given_back(self, queue: str, *, counted: bool) -> None:
        if self.metrics is not None:
            self.metrics.count("retries_total" if counted else "postponed_total", queue)

    def buried(self, queue: str) -> None:
        if self.metrics is not None:
            self.metrics.count("buried_total", queue)

    def close(self) -> None:
        if self._tracer is not None:
            self._tracer.close()


class _Watch:
    """Implements ports.telemetry.Watched."""

    __slots__ = ("_activity", "_began", "_method", "_metrics", "_span", "_tracer", "outcome", "which")

    def __init__(
        self, metrics: Metrics | None, tracer: Tracer | None, activity: Activity, which: str, method: str
    ) -> None:
        self._metrics, self._tracer = metrics, tracer
        self._activity, self._method = activity, method
        self._span: Span | None = None
        self.which, self.outcome = which, ""

    def __enter__(self) -> _Watch:
        if self._tracer is not None:
            self._span = self._tracer.begin(self._activity, self.which, self._method)
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.perf_counter() - self._began
        outcome = self.outcome or outcome_of(error)
        if self._metrics is not None:
            self._metrics.observe(self._activity, self.which, self._method, outcome, seconds)
        if self._span is not None:
            self._span.end(self.which, outcome)
