"""Sends requests to a gateway from a process of its own, cheaply: prepared bytes, raw sockets, one epoll loop.

    python benchmarks/load.py          # then one JSON document a line, one answer a line

{"host", "port", "requests", "mark", "first", "connections"}
    Once, first: whole HTTP requests as texts. Each has `mark` in its body, in whose place goes a number of the same length; they count up from `first`.
{"count": 640}
    Closed: each connection sends when it has its answer, until so many were sent in all.
{"rate": 500, "seconds": 5}
    Open: a request is due every 1/rate seconds, whatever became of those before. It goes to a free connection; where none is free it waits,
    and the wait is part of its latency, which is counted from when it was due. Requests that are still waiting at the end are dropped and counted.

The answer: {"seconds", "sent", "dropped", "cpu_s", "answers": [[number, status, due_s, latency_s, retry_after], ...]}. Status 0: the connection
broke without an answer, so that nothing is known of the request. It imports the standard library only.
"""

from __future__ import annotations

import errno
import json
import resource
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

GRACE_S = 30.0
READ_BYTES = 65_536


class Connection:
    """One keep-alive connection, made when it is first needed and again after it broke."""

    __slots__ = ("buffer", "due", "number", "pending", "sock")

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.buffer = b""
        self.pending = b""
        self.number = 0
        self.due = 0.0


class Load:
    def __init__(
        self, host: str, port: int, requests: Sequence[str], mark: str, first: int, connections: int
    ) -> None:
        self._address = (host, port)
        self._templates = [tuple(part.encode() for part in text.split(mark)) for text in requests]
        self._digits = len(mark)
        self._free = deque(Connection() for _ in range(connections))
        self._busy: dict[int, Connection] = {}
        self._poll = select.epoll()
        self._number = first
        self._answers: list[tuple[int, int, float, float, str]] = []
        self._began = 0.0

    def closed(self, count: int) -> dict[str, Any]:
        """Keep every connection busy until `count` requests were sent."""
        first, cpu = self._begin()
        clock = time.perf_counter
        while len(self._answers) < count:
            while self._free and self._number - first < count:
                self._send(self._free.popleft(), clock())
            self._turn(1.0)
        return self._report(first, 0, cpu)

    def open(self, rate: float, seconds: float) -> dict[str, Any]:
        """Send at a steady rate."""
        first, cpu = self._begin()
        clock, waiting, issued = time.perf_counter, deque[float](), 0
        while (now := clock()) < self._began + seconds:
            while self._began + issued / rate <= now:
                waiting.append(self._began + issued / rate)
                issued += 1
            while waiting and self._free:
                self._send(self._free.popleft(), waiting.popleft())
            self._turn(max(0.0, self._began + issued / rate - clock()))
        dropped = len(waiting)
        end = clock() + GRACE_S
        while self._busy and clock() < end:
            self._turn(0.1)
        for connection in list(self._busy.values()):
            self._broken(connection)
        return self._report(first, dropped, cpu)

    def _begin(self) -> tuple[int, float]:
        self._answers = []
        self._began = time.perf_counter()
        return self._number, time.process_time()

    def _report(self, first: int, dropped: int, cpu: float) -> dict[str, Any]:
        return {
            "seconds": time.perf_counter() - self._began,
            "sent": self._number - first,
            "dropped": dropped,
            "cpu_s": time.process_time() - cpu,
            "answers": self._answers,
        }

    def _send(self, connection: Connection, due: float) -> None:
        self._number += 1
        connection.number, connection.due = self._number, due
        text = str(self._number).zfill(self._digits).encode()
        data = text.join(self._templates[self._number % len(self._templates)])
        sock = connection.sock
        if sock is None:
            sock = connection.sock = socket.socket()
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.pending = data
            code = sock.connect_ex(self._address)
            self._busy[sock.fileno()] = connection
            self._poll.register(sock, select.EPOLLOUT)
            if code not in (0, errno.EINPROGRESS):
                self._broken(connection)
            return
        self._busy[sock.fileno()] = connection
        try:
            sock.sendall(data)
        except OSError:
            self._broken(connection)

    def _turn(self, wait_s: float) -> None:
        for number, events in self._poll.poll(wait_s):
            connection = self._busy.get(number)
            if connection is None:
                self._forget_idle(number)
            elif connection.pending:
                self._connected(connection)
            elif events:
                self._read(connection)

    def _connected(self, connection: Connection) -> None:
        assert connection.sock is not None
        data, connection.pending = connection.pending, b""
        try:
            connection.sock.sendall(data)
            self._poll.modify(connection.sock, select.EPOLLIN)
        except OSError:
            self._broken(connection)

    def _read(self, connection: Connection) -> None:
        assert connection.sock is not None
        try:
            data = connection.sock.recv(READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._broken(connection)
            return
        data = connection.buffer + data
        end = data.find(b"\r\n\r\n")
        head = data[:end].lower() if end >= 0 else b""
        if end < 0 or len(data) < end + 4 + int(_field(head, b"content-length") or b"0"):
            connection.buffer = data
            return
        connection.buffer = b""
        now = time.perf_counter()
        self._answers.append(
            (
                connection.number,
                int(data[9:12]),
                connection.due - self._began,
                now - connection.due,
                _field(head, b"retry-after").decode(),
            )
        )
        self._busy.pop(connection.sock.fileno())
        if _field(head, b"connection") == b"close":
            self._close(connection)
        self._free.append(connection)

    def _broken(self, connection: Connection) -> None:
        assert connection.sock is not None
        self._busy.pop(connection.sock.fileno(), None)
        self._answers.append((connection.number, 0, connection.due - self._began, 0.0, ""))
        self._close(connection)
        self._free.append(connection)

    def _forget_idle(self, number: int) -> None:
        """Close a connection that the other side closed while nothing was asked over it."""
        for connection in self._free:
            if connection.sock is not None and connection.sock.fileno() == number:
                self._close(connection)
                return

    def _close(self, connection: Connection) -> None:
        assert connection.sock is not None
        self._poll.unregister(connection.sock)
        connection.sock.close()
        connection.sock, connection.buffer, connection.pending = None, b"", b""


def _field(head: bytes, name: bytes) -> bytes:
    """Return the value of a header field in a head of lower case, or nothing."""
    start = head.find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else None].strip()


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    load = Load(**json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        asked = json.loads(line)
        told = load.closed(asked["count"]) if "count" in asked else load.open(asked["rate"], asked["seconds"])
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
