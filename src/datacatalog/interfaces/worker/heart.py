"""The heart of a worker: it renews the leases of all that is in hand, however long that takes."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from datacatalog.domain.errors import LeaseLost
from datacatalog.ports.stores import Delivery
from datacatalog.ports.transport import Transport

LINGER_S = 2.0
"""How long the thread stays where nothing is in hand, since more is to come."""

log = logging.getLogger("datacatalog.worker")


@dataclass(slots=True)
class _Held:
    """A message in hand.

    Attributes:
        due: when its lease is to be renewed [monotonic seconds].
        context: of the thread that works on it, for what is logged.
    """

    delivery: Delivery
    due: float
    context: contextvars.Context


class Heart:
    """Renews each lease when a third of it has passed; one thread beats for all threads of a worker.

    What is done sooner costs no renewal, as most messages are.
    """

    def __init__(self, transport: Transport, lease: timedelta) -> None:
        self._transport = transport
        self._lease = lease
        self._third_s = lease.total_seconds() / 3
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()
        self._beats = False

    @contextmanager
    def beating_for(self, delivery: Delivery) -> Iterator[None]:
        """Hold on to a message for as long as the block runs; whether it is still held is for the ledger to say."""
        held = _Held(delivery, time.monotonic() + self._third_s, contextvars.copy_context())
        with self._lock:
            self._held[delivery.lease] = held
            begins, self._beats = not self._beats, True
        if begins:
            threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(delivery.lease, None)

    def _beat(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(self._third_s / 2)
            now = time.monotonic()
            with self._lock:
                if self._held:
                    last = now
                elif now - last >= LINGER_S:
                    self._beats = False
                    return
                due = [held for held in self._held.values() if held.due <= now]
            for held in due:
                held.due = now + self._third_s
                held.context.run(self._renew, held.delivery)

    def _renew(self, delivery: Delivery) -> None:
        try:
            self._transport.renew(delivery, lease=self._lease)
        except LeaseLost:
            with self._lock:
                self._held.pop(delivery.lease, None)
        except Exception as e:
            # Whatever it was: the work goes on, and loses its lease only if no later beat gets through.
            log.error("heartbeat of %s: %s: %s", delivery.id, type(e).__name__, e)
