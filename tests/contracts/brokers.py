"""Queues whose messages a broker carries, for the suites of all queues: a real RabbitMQ, with queues of our own in it.

$DATACATALOG_TEST_AMQP names another one than that of this machine; where none listens, these tests skip.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kombu import Connection

from datacatalog.adapters.transport.amqp import AmqpTransport
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import Store
from tests.contracts.ledgers import ENGINES, CheckRecord, OpenLedger

URL = os.environ.get("DATACATALOG_TEST_AMQP", "amqp://guest:guest@127.0.0.1:5672//")


def _listens() -> bool:
    parts = urlsplit(URL)
    with contextlib.suppress(OSError), socket.create_connection((parts.hostname, parts.port or 5672), 1):
        return True
    return False


needs_rabbitmq = [
    pytest.mark.service,
    pytest.mark.skipif(
        not _listens(), reason=f"no RabbitMQ listens on {urlsplit(URL).netloc.split('@')[-1]}"
    ),
]


@contextmanager
def own_queues() -> Iterator[str]:
    """Yield the URL of the broker with a prefix of our own, whose queues are removed in the end."""
    prefix = f"t{secrets.token_hex(6)}"
    yield f"{URL}?prefix={prefix}&expires=120"
    remove_all(prefix)


def remove_all(prefix: str) -> None:
    """Remove what an installation has left in the broker, as far as its names are those of the tests."""
    with Connection(URL) as connection:
        for queue in ("q", "a", "b", "c", "other", "of others", "-aside"):
            with contextlib.suppress(*connection.channel_errors):
                connection.channel().queue_delete(f"{prefix}.v1.{queue}")
        for exchange in ("-aside", "-bell"):
            with contextlib.suppress(*connection.channel_errors):
                connection.channel().exchange_delete(f"{prefix}.v1.{exchange}")


def _carried(open_ledger: OpenLedger) -> Callable[..., tuple[Store, AmqpTransport]]:
    def opened(path: Path, clock: Clock, check: CheckRecord, url: str) -> tuple[Store, AmqpTransport]:
        store, mailbox = open_ledger(path, clock, check, carried=True)
        # No thread of its own: it would give word as the real time passes, and the clock here is moved by hand.
        return store, AmqpTransport(mailbox, url, relay=False)

    return opened


BROKERED: Mapping[str, Callable[..., tuple[Store, AmqpTransport]]] = {
    f"amqp over {name}": _carried(open_ledger) for name, open_ledger in ENGINES.items()
}
