"""Sockets whose waits have an end, however many they are: a server that sends a byte now and then gains nothing by it."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any


class Deadline:
    """When a request must be over; it may be put off, or lifted."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at: float | None = time.monotonic() + seconds

    def restart(self) -> None:
        self._at = time.monotonic() + self._seconds

    def lift(self) -> None:
        self._at = None

    def left(self, at_most: float | None) -> float | None:
        """Return for how long to wait, in seconds; None: for ever.  Raises TimeoutError: it is over."""
        if self._at is None:
            return at_most
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        return left if at_most is None else min(left, at_most)


class TimedSocket(socket.socket):
    """A socket that never waits beyond a deadline.

    Attributes:
        deadline: None: only its timeout counts, for each wait anew.
    """

    deadline: Deadline | None = None
    _pause: float | None = None

    def settimeout(self, value: float | None) -> None:
        self._pause = value
        super().settimeout(value)

    def recv_into(self, *arguments: Any) -> int:
        self._arm()
        return super().recv_into(*arguments)

    def send(self, *arguments: Any) -> int:
        self._arm()
        return super().send(*arguments)

    def sendall(self, data: Any, flags: int = 0) -> None:
        # The timeout is for each piece: a long body may take its time, as long as it moves.
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self.send(rest, flags) :]

    def _arm(self) -> None:
        if self.deadline is not None:
            super().settimeout(self.deadline.left(self._pause))


class TimedTlsSocket(TimedSocket, ssl.SSLSocket):
    """The same with TLS; a context makes it by its `sslsocket_class`."""
