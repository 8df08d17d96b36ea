"""Connections to the message broker: opened when they are needed, given up at the first error, opened again with growing pauses.

A broker that is away is no error of a message: what it would carry waits in the ledger. So nothing here raises more than `Away`.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import amqp
from kombu.connection import Connection

from datacatalog.domain.errors import Misconfigured

T = TypeVar("T")

_Connection: Any = Connection

CONNECT_TIMEOUT_S = 4.0
ANSWER_TIMEOUT_S = 5.0
"""How long an answer of the broker may take, before the connection counts as cut."""
LOCK_TIMEOUT_S = 1.0
"""How long a thread waits for another one's use of the connection, before it goes on without the broker."""
HEARTBEAT_S = 20
PAUSE_MIN_S, PAUSE_MAX_S = 0.25, 4.0
REFUSED_PAUSE_S = 30.0

DEFAULT_PREFIX = "datacatalog"
PREFIX_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
PREFIX_MAX = 64
EXPIRES_S = 7 * 86400
"""How long the broker keeps a queue that nobody uses: one that an installation left behind goes by itself."""
EXPIRES_MAX_S = 49 * 86400

log = logging.getLogger("datacatalog.transport")

# What py-amqp raises where a peer is gone, besides its own errors.
_BROKEN = (OSError, amqp.exceptions.AMQPError, AttributeError, ValueError, KeyError, IndexError)


class Away(Exception):
    """The broker cannot be reached now."""


class Missing(Exception):
    """The broker has no such queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the broker is, what our queues there begin with, and how long they stay where nobody uses them."""

    host: str
    port: int
    tls: bool
    user: str
    password: str = field(repr=False)
    vhost: str
    prefix: str
    expires_s: int

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


def address_of(url: str) -> Address:
    """Read an address such as amqp://user:password@host:5672/vhost?prefix=name.

    Raises:
        Misconfigured: it is none; the text does not repeat it, since a password may be in it.
    """
    try:
        parts = urlsplit(url)
        port, query = (
            parts.port,
            parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)),
        )
    except ValueError:
        raise Misconfigured(
            "transport.url: not an address such as amqp://user:password@host:5672/vhost"
        ) from None
    # Further on than the host, an @ is of a password in which it, or a / or ? or # before it, was not written as %xx.
    misread = "@" in parts.path + parts.query or parts.fragment or "@" in (parts.username or "")
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname or misread:
        raise Misconfigured(
            "transport.url: not an address such as amqp://user:password@host:5672/vhost, with special characters as %xx"
        )
    prefix = query.pop("prefix", [DEFAULT_PREFIX])[-1]
    expires = query.pop("expires", [str(EXPIRES_S)])[-1]
    if query:
        raise Misconfigured(f"transport.url: '{next(iter(query))}' is not known; prefix and expires are")
    if not 0 < len(prefix) <= PREFIX_MAX or not PREFIX_CHARACTERS.issuperset(prefix):
        raise Misconfigured("transport.url: prefix may have letters, digits, dashes, dots and underscores")
    if not expires.isdecimal() or not 1 <= int(expires) <= EXPIRES_MAX_S:
        raise Misconfigured(f"transport.url: expires is a number of seconds up to {EXPIRES_MAX_S}")
    tls = parts.scheme == "amqps"
    return Address(
        host=parts.hostname,
        port=port or (5671 if tls else 5672),
        tls=tls,
        user=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        vhost=unquote(parts.path[1:]) or "/",
        prefix=prefix,
        expires_s=int(expires),
    )


class Reach:
    """What this process knows of the broker: whether it is there, and when to try again."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._pause_s = 0.0
        self._next_try = 0.0
        self._told = False

    def __bool__(self) -> bool:
        return time.monotonic() >= self._next_try

    def connect(self) -> Any:
        """Return a new connection (amqp.Connection).  Raises Away."""
        if not self:
            raise Away
        try:
            connection = _connected(self.address)
        except _BROKEN as error:
            self._failed(error)
            raise Away from error
        self._succeeded()
        return connection

    def refused(self, text: str) -> None:
        """Leave the broker alone for a while: it is there, but not as it has to be."""
        log.error("the broker at %s refuses (%s); messages go by the ledger", self.address, text)
        with self._lock:
            self._next_try = time.monotonic() + REFUSED_PAUSE_S

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self._pause_s = min(max(self._pause_s * 2, PAUSE_MIN_S), PAUSE_MAX_S)
            self._next_try = time.monotonic() + self._pause_s
            told, self._told = self._told, True
        if not told:
            text = _without(self.address.password, f"{type(error).__name__}: {error}")
            log.error("the broker at %s is not reached (%s); messages go by the ledger", self.address, text)

    def _succeeded(self) -> None:
        with self._lock:
            self._pause_s = self._next_try = 0.0
            told, self._told = self._told, False
        if told:
            log.info("the broker at %s is reached again", self.address)


class Link:
    """One connection with one channel on it, for one thread at a time."""

    def __init__(self, reach: Reach, prepare: Callable[[Any], None] = lambda channel: None) -> None:
        """Args: prepare: is shown every new channel (amqp.Channel)."""
        self._reach = reach
        self._prepare = prepare
        self._lock = threading.RLock()
        self._connection: Any = None
        self._channel: Any = None

    def run(self, body: Callable[[Any], T]) -> T:
        """Run `body` with the channel; once more with a new connection, where one that was there before turns out to be cut.

        Raises:
            Away: the broker cannot be reached, does not answer, or refuses this.
            Missing: `body` asked for a queue that the broker does not have.
        """
        if not self._lock.acquire(timeout=LOCK_TIMEOUT_S):
            raise Away
        try:
            known = self._connection is not None
            try:
                return self._run(body)
            except Away:
                if not known:
                    raise
            return self._run(body)
        finally:
            self._lock.release()

    def pulse(self) -> None:
        """Let the broker know that we are there, and take notice of the same; to be called every few seconds."""
        if not self._lock.acquire(blocking=False):
            return  # it is being used
        try:
            if self._connection is not None:
                _beat(self._connection)
        except _BROKEN:
            self.drop()
        finally:
            self._lock.release()

    def close(self) -> None:
        """Say good-bye, where nobody is using it."""
        if self._lock.acquire(timeout=LOCK_TIMEOUT_S):
            try:
                if self._connection is not None:
                    with contextlib.suppress(*_BROKEN):
                        self._connection.close()
                self.drop()
            finally:
                self._lock.release()

    def drop(self) -> None:
        """Forget the connection, without waiting for anybody."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(*_BROKEN):
                connection.collect()

    def _run(self, body: Callable[[Any], T]) -> T:
        try:
            return body(self._open())
        except amqp.exceptions.NotFound as error:
            self._channel = None  # the broker has closed it
            raise Missing from error
        except (amqp.exceptions.PreconditionFailed, amqp.exceptions.AccessRefused) as error:
            self.drop()
            self._reach.refused(error.reply_text)
            raise Away from error
        except _BROKEN as error:
            self.drop()
            log.warning("a connection to the broker is given up: %s: %s", type(error).__name__, error)
            raise Away from error

    def _open(self) -> Any:
        if self._connection is None:
            self._connection = self._reach.connect()
        if self._channel is None:
            channel = self._connection.channel()
            self._prepare(channel)
            self._channel = channel
        return self._channel


def _connected(address: Address) -> Any:
    client = _Connection(
        transport="pyamqp",
        hostname=address.host,
        port=address.port,
        userid=address.user,
        password=address.password,
        virtual_host=address.vhost,
        # Checked against the authorities that this machine trusts.
        ssl={"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": address.host} if address.tls else False,
        connect_timeout=CONNECT_TIMEOUT_S,
        heartbeat=HEARTBEAT_S,
    )
    connection = client.transport.establish_connection()
    # Every answer, and every write: a peer that fell silent must not hold up a worker.
    connection.transport.sock.settimeout(ANSWER_TIMEOUT_S)
    return connection


def _beat(connection: Any) -> None:
    try:
        while True:
            connection.drain_events(timeout=0.001)
    except TimeoutError:
        pass
    connection.heartbeat_tick()


def _without(secret: str, text: str) -> str:
    return text.replace(secret, "***") if len(secret) > 3 else text
