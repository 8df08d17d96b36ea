"""Which engine keeps the ledger, and which one carries messages: by URL."""

from __future__ import annotations

from pathlib import Path

from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.adapters.transport.sqlite import SqliteTransport
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.clock import Clock
from datacatalog.ports.stores import Store
from datacatalog.ports.transport import Transport
from datacatalog.settings import Settings


def open_ledger(settings: Settings, check: CheckRecord, clock: Clock) -> tuple[Store, Transport]:
    """Open the store, and what carries its messages.

    Raises:
        Misconfigured: a URL names what is not there.
        StoreDown: the store cannot be opened now.
    """
    store = SqliteStore(sqlite_path(settings), check=check, clock=clock)
    if settings.transport_url is not None:
        raise Misconfigured("transport.url: only null is supported")
    return store, SqliteTransport(store)


def sqlite_path(settings: Settings) -> Path:
    """Return the ledger file.  Raises Misconfigured: the store is no file."""
    scheme, _, path = settings.store_url.partition("://")
    if scheme != "sqlite" or not path.startswith("/"):
        raise Misconfigured(f"store.url: '{scheme}' is not supported; sqlite:///path is")
    return settings.path(path[1:])
