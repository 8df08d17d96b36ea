"""A service of another site on loopback: it answers by a table, and writes down every request that breaks it."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from urllib.request import Request, urlopen

from tests.contracts.rest_contract import Operation, operation_of


@dataclass(frozen=True)
class Answer:
    """What a handler says.

    Attributes:
        result: of the envelope; bytes: the whole body.
        after: done once the answer is out, e.g. what the service does on its own.
    """

    result: Any = None
    status: int = 200
    message: str = ""
    after: Callable[[], None] = lambda: None


class NotThere(Exception):
    """404."""


class Wrong(Exception):
    """400, with a message."""


@dataclass
class Trouble:
    """What goes wrong with the next requests that fit.

    Attributes:
        method, path: of requests that it is for; a path by its beginning.
        answer: says something else instead of handling the request; None: handles it, and drops the connection.
        times: how often.
    """

    method: str
    path: str
    answer: tuple[int, bytes] | None
    times: int = 1


def over_the_network(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post something; whoever is not there is not told."""
    with (
        suppress(OSError),
        urlopen(Request(url, data=body, headers=dict(headers), method="POST"), timeout=10),
    ):
        pass


@dataclass
class FakeSite:
    """What is alike in fakes: the table, the token, and trouble.

    Attributes:
        broken: requests that are not as the documents say, and answers of the fake itself that are not.
        calls: names of the operations that were asked for.
        deliver: posts a notification: URL, body, headers.
    """

    table: Sequence[Operation]
    token_header: str
    token: str
    broken: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    trouble: list[Trouble] = field(default_factory=list)
    url: str = ""
    deliver: Callable[[str, bytes, Mapping[str, str]], None] = over_the_network
    lock: threading.RLock = field(default_factory=threading.RLock)

    def handle(
        self, operation: Operation, names: Mapping[str, str], query: Mapping[str, str], body: Any
    ) -> Answer:
        raise NotImplementedError

    def troubled(self, method: str, path: str) -> Trouble | None:
        for one in self.trouble:
            if one.method == method and path.startswith(one.path) and one.times > 0:
                one.times -= 1
                return one
        return None

    def answered(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """Answer a request, and note what is wrong with it."""
        if headers.get(self.token_header) != self.token:
            return Answer(status=401, message="the token is not valid")
        parts = urlsplit(target)
        found = operation_of(self.table, method, parts.path)
        if found is None:
            self.broken.append(f"no such operation: {method} {parts.path}")
            return Answer(status=404, message="no such operation")
        operation, names = found
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = json.loads(raw) if raw else None
        self.broken += operation.complaints(query, body)
        if raw and headers.get("content-type") != "application/json":
            self.broken.append(f"{operation.name}: Content-Type is {headers.get('content-type')}")
        self.calls.append(operation.name)
        try:
            with self.lock:
                answer = self.handle(operation, {k: unquote(v) for k, v in names.items()}, query, body)
        except NotThere:
            return Answer(status=404, message="not found")
        except Wrong as e:
            return Answer(status=400, message=str(e))
        if answer.status < 300 and not isinstance(answer.result, bytes):
            self.broken += operation.wrong_answers(answer.result)
        return answer

    def post(self, url: str, body: Mapping[str, Any], **headers: str) -> None:
        """Deliver a notification."""
        self.deliver(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


@contextmanager
def serving(site: FakeSite) -> Iterator[FakeSite]:
    """Serve a fake on a port of its own until the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(site: FakeSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            trouble = site.troubled(self.command, self.path)
            if trouble and trouble.answer is not None:
                self._say(*trouble.answer)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = site.answered(self.command, self.path, headers, raw)
            if trouble:
                self._drop()
            elif isinstance(answer.result, bytes) and answer.status < 300:
                self._say(answer.status, answer.result, "application/octet-stream")
            else:
                self._say(answer.status, _envelope(answer))
            answer.after()

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815

        def _say(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _drop(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


def _envelope(answer: Answer) -> bytes:
    status = "success" if answer.status < 300 else "error"
    document = {"status": status, "message": answer.message, "version": "1.0", "result": answer.result}
    return json.dumps(document).encode()
