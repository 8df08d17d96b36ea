"""What a worker process answers to those who watch it: /metrics, /healthz, /readyz. It takes nothing from anybody."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from datacatalog.bootstrap import App
from datacatalog.domain.errors import DatacatalogError, Unavailable

log = logging.getLogger("datacatalog.worker")

PATIENCE_S = 10
"""How long somebody who connects may take to ask."""


@contextmanager
def answering(app: App, host: str, port: int, serves: Callable[[], bool]) -> Iterator[str]:
    """Answer in threads of its own while the block runs; give the address.

    Args:
        port: 0 takes a free one.
        serves: tells whether the worker takes messages.
    Raises:
        Unavailable: the address is taken or not ours.
    """
    handler = type("Handler", (_Handler,), {"app": app, "serves": staticmethod(serves)})
    try:
        server = ThreadingHTTPServer((host, port), handler)
    except OSError as e:
        raise Unavailable(f"cannot listen on {host} port {port}: {e.strerror}") from e
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()
    url = f"http://{server.server_address[0]!s}:{server.server_port}"
    log.info("worker answers at %s", url)
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    app: App
    serves: Callable[[], bool]
    timeout = PATIENCE_S
    server_version = "datacatalog"
    sys_version = ""

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics" if self.app.metrics is not None:
                self._answer(HTTPStatus.OK, self.app.metrics.text(), self.app.metrics.content_type)
            case "/healthz":
                well = self.serves()
                self._say(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, {"serves": well})
            case "/readyz":
                self._ready()
            case _:
                self._say(HTTPStatus.NOT_FOUND, {"status": "not found"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _ready(self) -> None:
        try:
            facts = dict(self.app.env.store.check())
        except DatacatalogError as e:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, {"status": e.code})
        else:
            self._say(HTTPStatus.OK, {"status": "ready", "store": facts})

    def _say(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        self._answer(status, json.dumps(document).encode(), "application/json")

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("status: " + format, *args)
