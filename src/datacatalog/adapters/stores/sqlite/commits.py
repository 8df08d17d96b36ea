"""Running pieces of work on a ledger file: those that wait at the same time share one commit, and so one fsync.

The thread whose turn it is runs all of them on its own connection, each body in a savepoint of its own, and commits once.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from datacatalog.adapters.stores.signal import Signal
from datacatalog.adapters.stores.sqlite.connections import Connections, Seat
from datacatalog.adapters.stores.turns import Task, Turns
from datacatalog.domain.errors import StoreBroken, StoreDown
from datacatalog.ports.stores import Done

T = TypeVar("T")

_NESTED = "a transaction cannot run inside another one; use the Work that you were given"


class Commits:
    """Runs bodies of work on a ledger file.

    Attributes:
        count: how many commits were written since it was opened.
        signal: tells those who wait for messages; bodies mark it, commits pass it on.
    """

    def __init__(self, connections: Connections) -> None:
        self.count = 0
        self._connections = connections
        self._broken = ""
        self._start()
        _instances.add(self)

    def _start(self) -> None:
        self.signal = Signal()
        self._turns: Turns[Seat] = Turns(self._run)
        self._inside = threading.local()

    def write(self, body: Callable[[Seat], T]) -> T:
        """Run `body` in a write transaction and return once it is on disk.

        Raises:
            StoreDown: nothing was written, unless its text says that this is unknown.
            RuntimeError: called inside a transaction.
        """
        self._check_outside()
        task = Task(body)
        self._turns.take(task)
        if task.error is not None:
            raise task.error
        return task.result  # type: ignore[no-any-return]

    def write_each(self, bodies: Sequence[Callable[[Seat], Any]]) -> list[Done]:
        """Run bodies as `write` does, each all-or-nothing by itself, in one transaction; return what became of each.

        Raises:
            RuntimeError: called inside a transaction.
        """
        self._check_outside()
        if not bodies:
            return []
        head, *others = [Task(body) for body in bodies]
        head.others = others
        self._turns.take(head)
        return [Done(task.result, task.error) for task in (head, *others)]

    def read(self, body: Callable[[Seat], T]) -> T:
        """Run `body` on one state of the file.  Raises StoreDown; RuntimeError as `write` does."""
        self._check_outside()
        self._check_sound()
        seat = self._connections.mine()
        with seat.lock:
            self._check_open()
            self._inside.busy = True
            try:
                seat.cursor.execute("BEGIN")
                try:
                    return body(seat)
                finally:
                    seat.rollback()
            except sqlite3.Error as error:
                raise _translated(error) from error
            finally:
                self._inside.busy = False

    def version(self) -> int:
        """Return a number that changes whenever another connection has written.  Raises StoreDown."""
        self._check_outside()
        seat = self._connections.mine()
        with seat.lock:
            self._check_open()
            try:
                [version] = seat.cursor.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error as error:
                raise _translated(error) from error
            return int(version)

    def close(self) -> None:
        """Let what runs end, then close the file; later calls raise StoreDown."""
        self._check_outside()
        self._connections.close()

    def after_fork(self) -> None:
        """Forget, in a child, what belongs to the parent and its other threads."""
        self._start()
        self._connections.after_fork()

    def _run(self, batch: Sequence[Task[Seat]]) -> None:
        """Run a batch in one transaction; every task of it is done afterwards."""
        self._inside.busy = True
        try:
            self._check_sound()
            seat = self._connections.mine()
            with seat.lock:
                self._check_open()
                self._connections.lock()
                try:
                    self._commit_all(batch, seat)
                finally:
                    seat.rollback()
                    self._connections.unlock()
        except (sqlite3.Error, StoreDown) as error:
            # What they saw was undone, so even the errors that some of them met may be wrong.
            for task in batch:
                task.error = StoreDown(str(_translated(error)))
                task.error.__cause__ = error
        finally:
            self._inside.busy = False
        for task in batch:
            task.done = True
        self.signal.pass_on()

    def _commit_all(self, batch: Sequence[Task[Seat]], seat: Seat) -> None:
        seat.cursor.execute("BEGIN IMMEDIATE")
        if len(batch) == 1:
            wrote = _run_body(batch[0], seat)
        else:
            wrote = sum([_run_in_savepoint(task, seat) for task in batch]) > 0
        if wrote:
            self._commit(seat)

    def _commit(self, seat: Seat) -> None:
        try:
            seat.cursor.execute("COMMIT")
        except sqlite3.Error as error:
            if _is_lasting(error):
                self._broken = f"a commit failed ({error}); whether it was written is unknown until the store is opened again"
                raise StoreBroken(self._broken) from error
            raise
        self.count += 1

    def _check_sound(self) -> None:
        if self._broken:
            raise StoreBroken(self._broken)

    def _check_open(self) -> None:
        if self._connections.closed:
            raise StoreDown("the store is closed")

    def _check_outside(self) -> None:
        if getattr(self._inside, "busy", False):
            raise RuntimeError(_NESTED)


_instances: weakref.WeakSet[Commits] = weakref.WeakSet()


def _forget_inherited() -> None:
    for each in list(_instances):
        each.after_fork()


os.register_at_fork(after_in_child=_forget_inherited)


def _run_in_savepoint(task: Task[Seat], seat: Seat) -> bool:
    seat.cursor.execute("SAVEPOINT body")
    wrote = _run_body(task, seat)
    if task.error is not None:
        seat.cursor.execute("ROLLBACK TO body")
    seat.cursor.execute("RELEASE body")
    return wrote


def _run_body(task: Task[Seat], seat: Seat) -> bool:
    """Run one body; return whether it wrote something that is to stay.

    Raises:
        StoreDown: SQLite undid the whole transaction (disk full, I/O error), whatever the body made of it.
    """
    connection = seat.connection
    before = connection.total_changes
    try:
        task.call(seat)
    except Exception as error:
        if not connection.in_transaction:
            raise StoreDown(f"SQLite gave the transaction up: {error}") from error
        task.error = _translated(error)
        return False
    if not connection.in_transaction:
        raise StoreDown("SQLite gave the transaction up")
    return connection.total_changes != before


def _is_lasting(error: sqlite3.Error) -> bool:
    """Tell whether a failed commit leaves it open what is on disk.

    A full disk does not, be it the log or its index that could not grow. After any other I/O error, a failed fsync
    above all, pages may count as clean without being on disk: no second try could be believed.
    """
    if error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHMSIZE:
        return False
    return error.sqlite_errorcode & 0xFF in (
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def _translated(error: Exception) -> Exception:
    """Return what is told of an error: a driver's becomes StoreDown, but for misuse of the driver."""
    if isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError | sqlite3.IntegrityError):
        return error
    return StoreDown(f"SQLite: {error}") if isinstance(error, sqlite3.Error) else error
