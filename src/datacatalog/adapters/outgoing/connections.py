"""Connections of `requests`, over sockets that `Dialer` opens."""

from __future__ import annotations

import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import certifi
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidURL
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Retry

from datacatalog.adapters.outgoing.dialing import Dialer
from datacatalog.adapters.outgoing.origins import Origin, origin
from datacatalog.adapters.outgoing.timing import Deadline, TimedSocket, TimedTlsSocket

_POOLS_MAX = 32
_IDLE_MAX = 8
# Pools hand connections out to threads and have no place for what belongs to a request.
_DEADLINE: ContextVar[Deadline] = ContextVar("deadline")


@contextmanager
def until(deadline: Deadline) -> Iterator[None]:
    """Let the requests of this thread, within the block, end at a deadline."""
    token = _DEADLINE.set(deadline)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


class _Dialed(HTTPConnection):
    """A connection to where `dial` leads."""

    def __init__(
        self, *, dial: Callable[[Deadline], TimedSocket], send_timeout_s: float, **options: Any
    ) -> None:
        super().__init__(**options)
        self._dial, self._send_timeout_s = dial, send_timeout_s

    def _new_conn(self) -> TimedSocket:
        return self._dial(_DEADLINE.get())

    def request(self, method: str, url: str, body: Any = None, *arguments: Any, **options: Any) -> None:
        deadline = _DEADLINE.get()
        if self.sock is None:
            self.connect()
        self.timeout = self._send_timeout_s
        if isinstance(self.sock, TimedSocket):
            self.sock.deadline = deadline
        streamed = hasattr(body, "read")
        if streamed:  # of any size: it takes as long as it takes, and the answer has its time after that
            deadline.lift()
        super().request(method, url, body, *arguments, **options)
        if streamed:
            deadline.restart()


class _DialedTls(_Dialed, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Dialed


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _DialedTls


class Pools:
    """Connections that are kept for further requests, by origin.

    Args:
        trusted: origin -> PEM file of certificates that are believed there, besides the usual authorities.
    """

    def __init__(self, dialer: Dialer, *, send_timeout_s: float, trusted: Mapping[Origin, str]) -> None:
        self._dialer, self._send_timeout_s, self._trusted = dialer, send_timeout_s, trusted
        self._pools: OrderedDict[Origin, HTTPConnectionPool] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, to: Origin) -> HTTPConnectionPool:
        """Return the pool of an origin; that which was not used for longest is closed where there are many.

        Raises OSError: the file of its certificates cannot be read.
        """
        with self._lock:
            pool = self._pools.get(to) or self._made(to)
            self._pools[to] = pool
            self._pools.move_to_end(to)
            if len(self._pools) > _POOLS_MAX:
                self._pools.popitem(last=False)[1].close()
            return pool

    def _made(self, to: Origin) -> HTTPConnectionPool:
        options: dict[str, Any] = {
            "maxsize": _IDLE_MAX,
            "dial": lambda deadline: self._dialer.dial(to, deadline),
            "send_timeout_s": self._send_timeout_s,
        }
        if to.scheme == "http":
            return _Pool(to.host, to.port, **options)
        return _TlsPool(to.host, to.port, ssl_context=tls_context(self._trusted.get(to)), **options)


class Door(HTTPAdapter):
    """Sends what `requests` prepared over these connections; one serves all threads."""

    def __init__(self, pools: Pools) -> None:
        super().__init__(max_retries=Retry(0, read=False))
        self._pools = pools

    def get_connection_with_tls_context(
        self, request: PreparedRequest, *_: object, **__: object
    ) -> HTTPConnectionPool:
        """Raises InvalidURL: what was prepared leads nowhere."""
        to = origin(str(request.url))
        if to is None:
            raise InvalidURL
        return self._pools.of(to)

    def cert_verify(self, *_: object, **__: object) -> None:
        """Certificates are checked by the context of each pool."""


@cache
def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Make what checks certificates: those of the usual authorities, and of a file.

    Args:
        ca_file: PEM, an authority's or a server's own certificate.
    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if ca_file is not None:
        context.load_verify_locations(ca_file)
        # The operator's own certificates may be of a server, not an authority's, and older than today's rules for them.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.sslsocket_class = TimedTlsSocket
    return context
