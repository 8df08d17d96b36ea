"""Who is told of work under way, as configured: metrics where a service publishes them, traces where an endpoint takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import Store
from datacatalog.ports.telemetry import SILENT, Telemetry
from datacatalog.ports.transport import Transport
from datacatalog.settings import Settings

GATEWAY, WORKER, REACTOR = "gateway", "worker", "reactor"


@dataclass(frozen=True, slots=True)
class Service:
    """What a process is: gateway, worker or reactor, and of which version. Commands are no service, and tell nobody."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Published:
    """Metrics of this process.

    Attributes:
        text: returns them as they are now.
    """

    text: Callable[[], bytes]
    content_type: str


def build_telemetry(settings: Settings, service: Service | None) -> Telemetry:
    """Raises Misconfigured: traces are wanted, and what makes them is not installed."""
    endpoint = settings.config["tracing"]["endpoint"]
    counts = service is not None and service.name in (GATEWAY, WORKER)
    if service is None or not (counts or endpoint):
        return SILENT
    # Not at the top: commands start without what these load.
    from datacatalog.adapters.telemetry.watching import Watching

    metrics = None
    if counts:
        from datacatalog.adapters.telemetry.metrics import Metrics

        metrics = Metrics(service.name)
    if endpoint is None:
        return Watching(metrics)
    try:
        from datacatalog.adapters.telemetry.tracing import OtlpTracer
    except ImportError as e:
        raise Misconfigured(
            f"tracing.endpoint: {e.name} is not installed; pip install 'datacatalog[otel]'"
        ) from e
    return Watching(
        metrics, OtlpTracer(endpoint, service=f"datacatalog-{service.name}", version=service.version)
    )


def publish(
    telemetry: Telemetry, store: Store, transport: Transport, clock: Clock, service: Service | None
) -> Published | None:
    """Return what this process publishes; of the ledger, the gateway alone tells, and all gateways the same."""
    if service is None or telemetry is SILENT:
        return None
    from datacatalog.adapters.telemetry.ledger import LedgerFacts, ProcessFacts
    from datacatalog.adapters.telemetry.metrics import CONTENT_TYPE
    from datacatalog.adapters.telemetry.watching import Watching

    if not isinstance(telemetry, Watching) or telemetry.metrics is None:
        return None
    telemetry.metrics.add(ProcessFacts(None if telemetry.metrics.together else store, service.version))
    if service.name == GATEWAY:
        telemetry.metrics.add(LedgerFacts(store, transport, clock))
    return Published(text=telemetry.metrics.text, content_type=CONTENT_TYPE)
