"""A TCP proxy whose connections can be cut, refused, or left hanging."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Proxy:
    """Forwards between clients and a server.

    Attributes:
        port: where it listens.
        accepted: how many connections it has taken on.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Args: tls: what clients have to speak to it."""
        self._tls = tls
        self._target = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.accepted = 0
        self._pairs: list[socket.socket] = []
        self._lock = threading.Lock()
        self._passes = threading.Event()
        self._passes.set()
        self._open = True
        self._refuses = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection there is."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for sock in pairs:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def refuse(self) -> None:
        """End every connection, and all that come."""
        self._refuses = True
        self.cut()

    def hang(self) -> None:
        """Let nothing pass, as if the cable were out."""
        self._passes.clear()

    def go_on(self) -> None:
        self._refuses = False
        self._passes.set()

    def close(self) -> None:
        self._open = False
        self._listening.close()
        self.go_on()
        self.cut()

    def _accept(self) -> None:
        while self._open:
            try:
                client, _ = self._listening.accept()
                if self._refuses:
                    client.close()
                    continue
                if self._tls is not None:
                    client = self._tls.wrap_socket(client, server_side=True)
                server = socket.create_connection(self._target)
            except OSError:
                continue
            self.accepted += 1
            with self._lock:
                self._pairs += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._passes.wait()
                sink.sendall(data)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(host: str, port: int, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    made = Proxy(host, port, tls)
    yield made
    made.close()
