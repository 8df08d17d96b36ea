"""The ledger in one SQLite file."""

from datacatalog.adapters.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
