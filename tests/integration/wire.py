"""Servers that behave as a test wants, down to the byte."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Script = Callable[["Exchange"], None]
"""Answers one request; what it leaves open is asked again."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and the connection that it came by.

    Attributes:
        over: set when the server stops.
    """

    line: str
    headers: dict[str, str]
    body: bytes
    sock: socket.socket
    over: threading.Event

    @property
    def path(self) -> str:
        return self.line.split()[1]

    def say(self, *lines: str, body: bytes = b"") -> None:
        """Answer: the status line, without its version, and headers."""
        sized = (
            []
            if any("content-length" in line.lower() for line in lines)
            else [f"Content-Length: {len(body)}"]
        )
        self.sock.sendall("\r\n".join([f"HTTP/1.1 {lines[0]}", *lines[1:], *sized, "", ""]).encode() + body)

    def drip(self, text: bytes, *, every_s: float) -> None:
        """Send text byte by byte until the other side or the test has enough."""
        for byte in text:
            if self.over.wait(every_s):
                return
            self.sock.sendall(bytes([byte]))

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class Wire:
    """A server.

    Attributes:
        came: the requests that it was sent.
        connections: how many were opened.
    """

    host: str
    port: int
    scheme: str
    came: list[Exchange] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def lines(self) -> Sequence[str]:
        return [one.line for one in self.came]


@contextmanager
def serving(
    script: Script, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Wire]:
    """Serve until the end of the block; every connection has a thread of its own."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    over, threads = threading.Event(), []
    with socket.create_server((host, port), family=family) as listening:
        listening.settimeout(0.02)
        wire = Wire(host, listening.getsockname()[1], "https" if tls else "http")

        def accept() -> None:
            while not over.is_set():
                with suppress(TimeoutError, OSError):
                    sock, _ = listening.accept()
                    wire.connections += 1
                    threads.append(threading.Thread(target=talk, args=(sock,), daemon=True))
                    threads[-1].start()

        def talk(sock: socket.socket) -> None:
            sock.settimeout(5)
            with (
                suppress(OSError, ValueError),
                tls.wrap_socket(sock, server_side=True) if tls else sock as safe,
            ):
                file = safe.makefile("rb")
                while (asked := _read(file, safe, over)) and not over.is_set():
                    wire.came.append(asked)
                    script(asked)

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield wire
        finally:
            over.set()
            accepting.join()


def until(true: Callable[[], object], patience_s: float = 5) -> None:
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.005)


def _read(file: socket.SocketIO, sock: socket.socket, over: threading.Event) -> Exchange | None:
    line = file.readline().decode().strip()
    if not line:
        return None
    headers = {}
    while text := file.readline().decode("latin-1").strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(file.readline(), 16):
            body += file.read(size)
            file.readline()
        file.readline()
    else:
        body = file.read(int(headers.get("content-length", 0)))
    return Exchange(line, headers, body, sock, over)
