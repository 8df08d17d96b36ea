"""What traces look like to whoever makes them; who exports them is another module, since its libraries take time to load."""

from __future__ import annotations

from typing import Protocol

from datacatalog.ports.telemetry import Activity


class Span(Protocol):
    def end(self, which: str, outcome: str) -> None: ...


class Tracer(Protocol):
    def begin(self, activity: Activity, which: str, method: str) -> Span | None:
        """Begin a span below the one that is known here (ports.telemetry.TRACEPARENT); None: this is not traced.

        Until its end, it is the one that is known here.
        """
        ...

    def close(self) -> None: ...
