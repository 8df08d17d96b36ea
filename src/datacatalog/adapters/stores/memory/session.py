"""A piece of work's hold on the tables, for as long as it runs."""

from __future__ import annotations

from datacatalog.adapters.stores.memory.tables import Tables
from datacatalog.adapters.stores.signal import Signal
from datacatalog.ports.clock import Clock


class MemorySession:
    """Lets one piece of work at the tables.

    Attributes:
        signal: to be marked when a message is sent.
        clock: tells when a message was handled.
        carried: a broker carries word of messages.
    """

    def __init__(
        self, tables: Tables, signal: Signal, clock: Clock, *, may_write: bool, carried: bool = False
    ) -> None:
        self.signal = signal
        self.clock = clock
        self.carried = carried
        self._tables: Tables | None = tables
        self._may_write = may_write

    def to_read(self) -> Tables:
        if self._tables is None:
            raise RuntimeError("this work is over")
        return self._tables

    def to_write(self) -> Tables:
        if not self._may_write:
            raise RuntimeError("this work may only read; use Store.transact")
        return self.to_read()

    def close(self) -> None:
        """Make the work useless, for whoever keeps it beyond its transaction."""
        self._tables = None
