"""Traces by OpenTelemetry, sent to a collector by OTLP over HTTP.

A span's parent is what the context knows as `traceparent`: of the request, of the message, or of the span around it, all alike.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from datacatalog.adapters.telemetry.spans import Span
from datacatalog.ports.telemetry import FACTS, TRACEPARENT, Activity, about, facts

PATH = "/v1/traces"
EXPORT_S = 5
GOODBYE_S = 2
"""How long the end of a process may wait for a collector."""
TOLD_EVERY_S = 60.0
"""How often the log says that a collector is away; the exporter itself would say so with every try."""

_KINDS: Mapping[Activity, SpanKind] = {
    Activity.REQUEST: SpanKind.SERVER,
    Activity.HANDLER: SpanKind.INTERNAL,
    Activity.COMMIT: SpanKind.INTERNAL,
    Activity.PUBLISH: SpanKind.PRODUCER,
    Activity.WORK: SpanKind.CONSUMER,
    Activity.TASK: SpanKind.INTERNAL,
    Activity.OUTGOING: SpanKind.CLIENT,
}
"""What is traced. Reads are not: there are several to a request, and they say little."""
_FIRST = frozenset({Activity.REQUEST, Activity.HANDLER, Activity.WORK})
"""What may begin a trace; a heartbeat or house-keeping does not."""
_FAILURES = frozenset({"failed", "lost", "5xx"})
_propagator = TraceContextTextMapPropagator()


class OtlpTracer:
    """Implements spans.Tracer."""

    def __init__(self, endpoint: str, *, service: str, version: str) -> None:
        """Args: endpoint: of a collector; without a path, OTLP's usual one is asked."""
        url = endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + PATH
        resource = Resource.create(
            {
                "service.name": service,
                "service.version": version,
                "service.namespace": "datacatalog",
                "process.pid": os.getpid(),
            }
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        _tell_seldom(logging.getLogger(OTLPSpanExporter.__module__))
        exporter = OTLPSpanExporter(endpoint=url, timeout=EXPORT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("datacatalog", version)

    def begin(self, activity: Activity, which: str, method: str) -> Span | None:
        kind, known = _KINDS.get(activity), facts().get(TRACEPARENT)
        if kind is None or (known is None and activity not in _FIRST):
            return None
        parent = Context()
        if known is not None:
            parent = _propagator.extract({TRACEPARENT: known}, parent)
        span = self._tracer.start_span(_name(activity, which, method), context=parent, kind=kind)
        return _OtlpSpan(span, activity, method)

    def close(self) -> None:
        # It sends what is left, and would wait for its tries to end.
        last = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(GOODBYE_S)


class _Seldom(logging.Filter):
    """Lets one record pass now and then."""

    _last = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now - self._last < TOLD_EVERY_S:
            return False
        self._last = now
        return True


def _tell_seldom(log: logging.Logger) -> None:
    log.setLevel(logging.ERROR)
    if not any(isinstance(each, _Seldom) for each in log.filters):
        log.addFilter(_Seldom())


class _OtlpSpan:
    """Implements spans.Span."""

    __slots__ = ("_activity", "_known", "_method", "_span")

    def __init__(self, span: OtelSpan, activity: Activity, method: str) -> None:
        self._span, self._activity, self._method = span, activity, method
        here = span.get_span_context()
        trace_id, span_id = f"{here.trace_id:032x}", f"{here.span_id:016x}"
        parent = f"00-{trace_id}-{span_id}-{int(here.trace_flags):02x}"
        self._known = about(traceparent=parent, trace_id=trace_id, span_id=span_id)
        self._known.__enter__()

    def end(self, which: str, outcome: str) -> None:
        self._known.__exit__()
        span = self._span
        span.update_name(_name(self._activity, which, self._method))
        span.set_attribute("datacatalog.outcome", outcome)
        for name, value in facts().items():
            if name in FACTS and name not in ("trace_id", "span_id"):
                span.set_attribute(f"datacatalog.{name}", value)
        for name, text in _ATTRIBUTES.get(self._activity, {}).items():
            span.set_attribute(
                name, {"which": which, "method": self._method, "outcome": outcome}.get(text, text)
            )
        if outcome in _FAILURES or (self._activity is Activity.REQUEST and outcome.startswith("5")):
            span.set_status(Status(StatusCode.ERROR, outcome))
        span.end()


_ATTRIBUTES: Mapping[Activity, Mapping[str, str]] = {
    Activity.REQUEST: {
        "http.request.method": "method",
        "http.route": "which",
        "http.response.status_code": "outcome",
    },
    Activity.PUBLISH: {"messaging.system": "datacatalog", "messaging.destination.name": "which"},
    Activity.WORK: {"messaging.system": "datacatalog", "messaging.destination.name": "which"},
}


def _name(activity: Activity, which: str, method: str) -> str:
    return " ".join(part for part in (method or activity.value, which) if part)
