"""Which engine keeps the ledger, and which one carries messages: by URL."""

from __future__ import annotations

from pathlib import Path

from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.adapters.transport.sqlite import SqliteTransport
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import Store
from datacatalog.ports.transport import Mailbox, Transport
from datacatalog.settings import Settings

MONGODB = ("mongodb", "mongodb+srv")


def open_ledger(settings: Settings, check: CheckRecord, clock: Clock) -> tuple[Store, Transport]:
    """Open the store, and what carries its messages.

    Raises:
        Misconfigured: a URL names what is not there.
        StoreDown: the store cannot be opened now.
    """
    url = settings.transport_url
    store, mailbox = _open_store(settings, check, clock, carried=url is not None)
    if url is None:
        return store, mailbox
    try:
        return store, _carrier(url, mailbox)
    except BaseException:
        store.close()
        raise


def _open_store(
    settings: Settings, check: CheckRecord, clock: Clock, *, carried: bool
) -> tuple[Store, Mailbox]:
    if settings.store_url.partition("://")[0] in MONGODB:
        # Only where it is asked for: the driver takes as long to import as a short command.
        from datacatalog.adapters.stores.mongo.store import MongoStore
        from datacatalog.adapters.transport.mongo import MongoTransport

        database = MongoStore(settings.store_url, check=check, clock=clock, carried=carried)
        return database, MongoTransport(database)
    file = SqliteStore(sqlite_path(settings), check=check, clock=clock, carried=carried)
    return file, SqliteTransport(file)


def _carrier(url: str, mailbox: Mailbox) -> Transport:
    """Return what carries messages.  Raises Misconfigured."""
    scheme = url.partition("://")[0]
    if scheme not in ("amqp", "amqps"):
        raise Misconfigured("transport.url: null and amqp:// are supported")
    try:
        from datacatalog.adapters.transport.amqp import AmqpTransport
    except ImportError as e:
        raise Misconfigured(f"transport.url: amqp:// needs {e.name}; install datacatalog[amqp]") from e
    return AmqpTransport(mailbox, url)


def sqlite_path(settings: Settings) -> Path:
    """Return the ledger file.  Raises Misconfigured: the store is no file."""
    scheme, _, path = settings.store_url.partition("://")
    if scheme != "sqlite" or not path.startswith("/"):
        raise Misconfigured(
            f"store.url: '{scheme}' is not supported; sqlite:///path and mongodb://host/database are"
        )
    return settings.path(path[1:])
