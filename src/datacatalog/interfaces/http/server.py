"""Running the gateway: uvicorn with httptools, and a deadline for slow headers, which uvicorn does not have."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from datacatalog.bootstrap import App
from datacatalog.interfaces.http.gateway import asgi

log = logging.getLogger("datacatalog.gateway")

BACKLOG = 512
GRACE_S = 10
GOODBYE_S = 0.5
_GOODBYE = (b"connection", b"close")
HEADERS_MAX_BYTES = 65_536
CONNECTIONS_MAX = 4096
_OWN_DESCRIPTORS = 256
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def _room_for_connections() -> int:
    """Return how many connections may be open: each takes a descriptor, and the ledger and storage need some, too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + _OWN_DESCRIPTORS
    if hard == resource.RLIM_INFINITY or hard > soft:
        soft = max(soft, wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(CONNECTIONS_MAX, soft - _OWN_DESCRIPTORS))


def _protocol(timeout_s: float, connections_max: int) -> type[HttpToolsProtocol]:
    """Return a protocol that hangs up where too many are connected, and where a request does not come to its end.

    Its headers have to be complete in time; so has what still comes of one that was answered early, which is thrown away. What is
    beside its body, be it headers, extensions of chunks or trailers, is bounded. Trailers are not read.
    """

    class DeadlineProtocol(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None
        _rest: asyncio.TimerHandle | None = None
        _headers_bytes = 0
        _arriving = False
        _got_body = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > connections_max:
                transport.write(_FULL)
                transport.close()
                return
            self._await_headers()

        def data_received(self, data: bytes) -> None:
            if self._deadline is not None or self._arriving:
                self._headers_bytes += len(data)
            self._got_body = False
            super().data_received(data)
            if self._got_body and self._deadline is None:
                self._headers_bytes = 0
            if self._headers_bytes > HEADERS_MAX_BYTES:
                if self._deadline is not None:
                    self.transport.write(_TOO_LARGE)
                self._hang_up()
            elif self._is_idle():
                # What came was the rest of a request that was answered, or line ends: the server waits for the next one.
                self._await_headers()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if self._deadline is None:
                self._await_headers()

        def on_header(self, name: bytes, value: bytes) -> None:
            if not self._arriving:
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._clear()
            self._arriving = True
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._got_body = True
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._clear()
            self._arriving = False
            super().on_message_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self._arriving and self.cycle.response_complete and self._rest is None:
                self._rest = self.loop.call_later(timeout_s, self._hang_up)

        def shutdown(self) -> None:
            super().shutdown()
            if self.transport.is_closing():
                # Over TLS, an idle client would have to say goodbye, too, and few do.
                self.loop.call_later(GOODBYE_S, self._let_go)

        def _let_go(self) -> None:
            if self.transport.get_write_buffer_size() == 0:
                self.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            self._clear()
            super().connection_lost(exc)

        def _is_idle(self) -> bool:
            """Tell whether nothing is being done for this connection, and nothing ends it."""
            timers = self._deadline, self._rest, self.timeout_keep_alive_task
            answered = self.cycle is not None and self.cycle.response_complete
            return answered and not self._arriving and not any(timers) and not self.transport.is_closing()

        def _await_headers(self) -> None:
            self._deadline = self.loop.call_later(timeout_s, self._hang_up)

        def _clear(self) -> None:
            self._headers_bytes = 0
            for timer in (self._deadline, self._rest):
                if timer is not None:
                    timer.cancel()
            self._deadline = self._rest = None

        def _hang_up(self) -> None:
            self._deadline = None
            self.transport.close()

    return DeadlineProtocol


class DrainingServer(uvicorn.Server):
    """Goes on serving for a while after a signal to stop, while it says that it is not ready; a second signal ends that.

    Args:
        drain: called at the first signal.
    """

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None], drain_s: float) -> None:
        super().__init__(config)
        self._drain, self._drain_s = drain, drain_s
        self._told = False
        self._ends: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        for sock in sockets or ():
            # The event loop has made the queue as long as what it accepts in one turn.
            sock.listen(BACKLOG)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._told or not self._drain_s:
            super().handle_exit(sig, frame)
        else:
            self._ends = time.monotonic() + self._drain_s
            self._captured_signals.append(sig)
        if not self._told:
            self._told = True
            self._drain()
            # Clients that keep their connections are to come back elsewhere.
            self.config.encoded_headers.append(_GOODBYE)
            self.server_state.default_headers.append(_GOODBYE)

    async def on_tick(self, counter: int) -> bool:
        if self._ends is not None and time.monotonic() >= self._ends:
            self.should_exit = True
        return await super().on_tick(counter)


def serve(app: App, sock: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; what was taken by then is finished first, and what comes within gateway.drain_s."""
    served = asgi(app)
    proxies = app.settings.config["gateway"]["trusted_proxies"]
    options: dict[str, Any] = {
        "proxy_headers": bool(proxies),
        "forwarded_allow_ips": proxies,
        "http": _protocol(app.settings.config["gateway"]["request_timeout_s"], _room_for_connections()),
        "lifespan": "off",
        # Query strings carry tokens and nonces; uvicorn's access log would print them.
        "access_log": False,
        "server_header": False,
        "log_config": None,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": GRACE_S,
        # Of several processes, one that has just accepted a connection lets the others have the next.
        "backlog": BACKLOG if app.settings.config["gateway"]["processes"] == 1 else 1,
    }
    if (tls := app.settings.tls) is not None:
        options |= {"ssl_certfile": str(tls[0]), "ssl_keyfile": str(tls[1])}

    def drain() -> None:
        served.state.gateway.draining = True

    drain_s = app.settings.config["gateway"]["drain_s"]
    server = DrainingServer(uvicorn.Config(served, **options), drain, drain_s)
    log.info("serving on %s", app.settings.api_url)
    try:
        server.run(sockets=[sock])
    finally:
        served.state.gateway.close()
        app.close()
