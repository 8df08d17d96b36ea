"""Requests to others, watched; they carry the trace on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

from datacatalog.ports.outgoing import Outgoing, Reply, Stream
from datacatalog.ports.telemetry import TRACEPARENT, Activity, Telemetry, facts


class WatchedOutgoing:
    """Implements ports.outgoing.Outgoing around another one.

    Args:
        purpose: what its requests are for.
    """

    def __init__(self, whole: Outgoing, telemetry: Telemetry, purpose: str) -> None:
        self._whole, self._telemetry, self._purpose = whole, telemetry, purpose

    def check(self, url: str, place: str) -> None:
        self._whole.check(url, place)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
    ) -> Reply:
        with self._telemetry.watch(Activity.OUTGOING, self._purpose, method) as watched:
            reply = self._whole.send(method, url, headers=_traced(headers), body=body)
            watched.outcome = _class(reply.status)
            return reply

    def open(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Stream]:
        return self._opened(method, url, headers)

    @contextmanager
    def _opened(self, method: str, url: str, headers: Mapping[str, str] | None) -> Iterator[Stream]:
        watched = self._telemetry.watch(Activity.OUTGOING, self._purpose, method)
        with watched, self._whole.open(method, url, headers=_traced(headers)) as stream:
            watched.outcome = _class(stream.status)
            yield stream


def _traced(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    parent = facts().get(TRACEPARENT)
    return headers if parent is None else {TRACEPARENT: parent, **(headers or {})}


def _class(status: int) -> str:
    return f"{status // 100}xx"
