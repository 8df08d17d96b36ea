"""Connections to the ledger file: one per thread, never shared, never carried over a fork.

A connection that two threads use can take one thread's error code for the other's and lose an acknowledged
write when the disk fills; hence one each.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import weakref
from pathlib import Path

from datacatalog.adapters.stores.sqlite import schema
from datacatalog.domain.errors import Misconfigured, StoreDown

BUSY_TIMEOUT_S = 60.0
# Of each connection, filled as pages are used; a gateway has some 40 threads.
CACHE_KIB = 8192
# Of a connection that once wrote many records: a page that a long commit gave up is read and written again. Two or three threads
# of a worker come to write for each other, and each then has as much.
BULK_CACHE_KIB = 40960
# A write-ahead log of 40 MB: pages that change often are copied back once per round, not with every 4 MB.
CHECKPOINT_PAGES = 10_000
CACHED_STATEMENTS = 512
SQLITE_OLDEST = (3, 35, 0)

NETWORK_FILESYSTEMS = ("nfs", "cifs", "smb", "lustre", "ceph", "beegfs", "gpfs", "afs", "fuse.sshfs", "9p")

_log = logging.getLogger(__name__)
_abandoned: list[sqlite3.Connection] = []
"""What a forked child inherited: closing it could undo locks of the parent, so it is kept and never used."""


class Seat:
    """A thread's place at the file: its connection, with one cursor. Whoever works on it or closes it holds the lock."""

    __slots__ = ("__weakref__", "_closed", "_process", "_roomy", "connection", "cursor", "lock")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.lock = threading.Lock()
        self._process = os.getpid()
        self._closed = False
        self._roomy = False

    def make_room(self) -> None:
        """Let the connection remember more pages from now on."""
        if not self._roomy:
            self._roomy = True
            self.cursor.execute(f"PRAGMA cache_size = -{BULK_CACHE_KIB}")

    def rollback(self) -> None:
        """Leave no transaction behind."""
        if self.connection.in_transaction:
            self.cursor.execute("ROLLBACK")

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            # The cursor first: its last statement would keep the file open.
            self.cursor.close()
            self.connection.close()

    def __del__(self) -> None:
        if self._process == os.getpid():
            self.close()
        else:
            _abandoned.append(self.connection)


class Connections:
    """Opens the file, brings it up to date, and seats threads.

    Attributes:
        closed: nobody may sit down any more.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            Misconfigured: it is not a ledger, or a newer one; the folder or SQLite cannot hold one.
            StoreDown: it cannot be read now.
        """
        if sqlite3.sqlite_version_info < SQLITE_OLDEST:
            raise Misconfigured(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 is needed")
        self.path = path
        self.closed = False
        self._lock_file = -1
        self._start()
        _make_file(path)
        _warn_of_network(path)
        self._bring_up_to_date()

    def mine(self) -> Seat:
        """Return the calling thread's seat.  Raises StoreDown."""
        seat: Seat | None = getattr(self._local, "seat", None)
        return seat if seat is not None else self._take_seat()

    def lock(self) -> None:
        """Queue up with the writers of all processes; SQLite's own waiting starves some of them for seconds.

        Raises StoreDown.
        """
        name = f"{self.path}.lock"
        try:
            if self._lock_file < 0:
                self._lock_file = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        except OSError as error:
            raise StoreDown(f"{name}: {error.strerror}") from error

    def unlock(self) -> None:
        fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close all connections, each once its transaction is over."""
        with self._registry:
            self.closed = True
            seats = list(self._seats)
        for seat in seats:
            with seat.lock:
                seat.close()
        self._close_lock_file()

    def after_fork(self) -> None:
        """Forget, in a child, what belongs to the parent."""
        self._close_lock_file()
        self._start()

    def _start(self) -> None:
        self._local = threading.local()
        self._seats: weakref.WeakSet[Seat] = weakref.WeakSet()
        self._registry = threading.Lock()

    def _take_seat(self) -> Seat:
        with self._registry:
            if self.closed:
                raise StoreDown("the store is closed")
            seat = Seat(_connect(self.path))
            self._seats.add(seat)
        self._local.seat = seat
        return seat

    def _close_lock_file(self) -> None:
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1

    def _bring_up_to_date(self) -> None:
        try:
            connection = self.mine().connection
            if _is_ready(connection):
                return
            self.lock()
            try:
                self._prepare(connection)
            finally:
                self.unlock()
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        schema.version_of(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        if _journal_mode(connection) != "wal":
            raise Misconfigured(f"{self.path}: this file system cannot hold a write-ahead log")
        schema.migrate(connection)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        # Only its own thread works with it; `close` may come from another one, once that work is done.
        connection = sqlite3.connect(
            path,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=CACHED_STATEMENTS,
        )
    except sqlite3.Error as error:
        raise StoreDown(f"{path}: {error}") from error
    try:
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = OFF",
            "temp_store = MEMORY",
            f"cache_size = -{CACHE_KIB}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(path, error) from error
    return connection


def _unusable(path: Path, error: sqlite3.Error) -> Misconfigured | StoreDown:
    if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
        return Misconfigured(f"{path} is no database")
    return StoreDown(f"{path}: {error}")


def _is_ready(connection: sqlite3.Connection) -> bool:
    if _journal_mode(connection) != "wal":
        return False
    connection.execute("BEGIN")  # one look at one state, since another process may be migrating
    try:
        return schema.is_current(connection)
    finally:
        connection.execute("ROLLBACK")


def _journal_mode(connection: sqlite3.Connection) -> str:
    [mode] = connection.execute("PRAGMA journal_mode").fetchone()
    return str(mode)


def _make_file(path: Path) -> None:
    """Create the file with its folder; only its owner may read it: parameters of jobs and digests are in it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"{path.parent} cannot be made: {error.strerror}") from error
    try:
        # Never opened where it exists: closing a second descriptor would drop the locks of this whole process.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise Misconfigured(f"{path} cannot be created: {error.strerror}") from error


def _warn_of_network(path: Path, network: tuple[str, ...] = NETWORK_FILESYSTEMS) -> None:
    kind = filesystem_of(path)
    if kind.startswith(network):
        _log.warning("%s lies on %s, where locks cannot be relied on; use a local disk", path, kind)


def filesystem_of(path: Path) -> str:
    """Return the type of the file system that holds a file, e.g. "ext4"; "" where the machine does not tell."""
    device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return ""
    for fields in map(str.split, mounts):
        if fields[2] == number:
            return fields[fields.index("-") + 1]
    return ""
