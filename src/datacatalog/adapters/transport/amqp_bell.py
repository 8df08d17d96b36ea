"""How the threads of a process that wait for messages learn that there is word: every process listens to the same bell."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from datacatalog.adapters.transport.amqp_link import Away, Link, Missing, Reach
from datacatalog.adapters.transport.amqp_words import Names, read_ring

REMEMBERED = 64
"""How many words of a queue are remembered while nobody waits for them; who comes later looks by itself."""
REMEMBERED_QUEUES = 256
"""Of so many queues; there are fewer, but whoever is let in to the broker may ring for others."""
LISTEN_S = 1.0
PULSE_S = 4.0

log = logging.getLogger("datacatalog.transport")


class Bell:
    """Wakes as many of those who wait as there are words."""

    def __init__(self) -> None:
        self._rung: dict[str, int] = {}
        self._condition = threading.Condition()

    def ring(self, counts: Mapping[str, int]) -> None:
        with self._condition:
            for queue, count in counts.items():
                self._rung[queue] = min(self._rung.get(queue, 0) + count, REMEMBERED)
            while len(self._rung) > REMEMBERED_QUEUES:
                del self._rung[next(iter(self._rung))]
            self._condition.notify_all()

    def wait(self, queues: Sequence[str], timeout_s: float) -> bool:
        """Sleep until there is word for one of these queues; tell whether there is."""
        with self._condition:
            return self._condition.wait_for(lambda: self._taken(queues), timeout_s)

    def _taken(self, queues: Sequence[str]) -> bool:
        for queue in queues:
            if self._rung.get(queue, 0) > 0:
                self._rung[queue] -= 1
                return True
        return False


class Ear:
    """A thread that listens to the broker's bell, and keeps quiet connections alive.

    Attributes:
        listens: whether it hears the bell now.
    """

    def __init__(self, reach: Reach, names: Names, bell: Bell, quiet: Sequence[Link]) -> None:
        self.listens = False
        self._link = Link(reach, self._prepare)
        self._names = names
        self._bell = bell
        self._quiet = quiet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="broker-bell", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(LISTEN_S * 3)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._link.run(self._listen)
            except (Away, Missing):
                self._stop.wait(LISTEN_S / 4)
            except Exception:
                # Whatever was heard: who does not listen any more would be late for everything.
                log.exception("listening to the bell met an error of its own")
                self._link.close()
                self._stop.wait(LISTEN_S)
        self._link.close()

    def _listen(self, channel: Any) -> None:
        self.listens = True
        try:
            self._hear(channel)
        finally:
            self.listens = False

    def _hear(self, channel: Any) -> None:
        pulse = time.monotonic()
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                channel.connection.drain_events(timeout=LISTEN_S)
            if time.monotonic() - pulse >= PULSE_S:
                pulse = time.monotonic()
                channel.connection.heartbeat_tick()
                for link in self._quiet:
                    link.pulse()

    def _prepare(self, channel: Any) -> None:
        channel.exchange_declare(self._names.bell, "fanout", durable=True, auto_delete=False)
        # Of this process alone, and gone with it; a bell that was not heard in time is no use later.
        queue = channel.queue_declare(
            exclusive=True, auto_delete=True, arguments={"x-max-length": REMEMBERED}
        )
        channel.queue_bind(queue.queue, self._names.bell)
        channel.basic_consume(queue.queue, no_ack=True, callback=self._heard)

    def _heard(self, message: Any) -> None:
        self._bell.ring(read_ring(message.body))
