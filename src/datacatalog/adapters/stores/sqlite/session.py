"""A piece of work's hold on its thread's connection, for as long as it runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from datacatalog.adapters.stores.signal import Signal
from datacatalog.adapters.stores.sqlite.connections import Seat
from datacatalog.domain.errors import DatacatalogError, InvalidField, StoreDown

Execute = Callable[..., sqlite3.Cursor]

_NO_TEXT = "half a surrogate pair is no text"


class Session:
    """Runs the statements of one piece of work.

    Attributes:
        make_room: to be called when much is about to be written.
        signal: to be marked when a message is sent.
    """

    __slots__ = ("_connection", "_execute", "_may_write", "make_room", "signal")

    def __init__(self, seat: Seat, signal: Signal, *, may_write: bool) -> None:
        self._connection = seat.connection
        self._execute: Execute = seat.cursor.execute
        self._may_write = may_write
        self.make_room = seat.make_room
        self.signal = signal

    def read(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run a query; its rows are to be fetched before the next statement runs."""
        try:
            return self._execute(sql, values)
        except UnicodeEncodeError as error:
            raise InvalidField("text", _NO_TEXT) from error

    def write(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run a statement that changes something.

        Raises:
            RuntimeError: the work may only read.
            StoreDown: SQLite has given the transaction up; the statement would stand alone, outside of any.
        """
        if not self._may_write:
            raise RuntimeError("this work may only read; use Store.transact")
        if self._execute is not _over and not self._connection.in_transaction:
            raise StoreDown("SQLite gave the transaction up")
        try:
            return self._execute(sql, values)
        except UnicodeEncodeError as error:
            raise InvalidField("text", _NO_TEXT) from error

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take back what is written inside, where an error leaves it."""
        self.write("SAVEPOINT part")
        try:
            yield
        except DatacatalogError:
            self.write("ROLLBACK TO part")
            raise
        finally:
            if self._connection.in_transaction:
                self.write("RELEASE part")

    def close(self) -> None:
        """Make the work useless, for whoever keeps it beyond its transaction."""
        self._execute = _over


def _over(*_: Any) -> NoReturn:
    raise RuntimeError("this work is over")
