"""Ledger files as files: copied while they are used, looked at without changing them, put in each other's place."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from datacatalog.adapters.stores.sqlite import schema
from datacatalog.adapters.stores.sqlite.commits import Commits
from datacatalog.adapters.stores.sqlite.connections import Seat
from datacatalog.domain.errors import Conflict, InvalidBackup, Misconfigured, StoreDown

PAGES_PER_STEP = 4096
ALONE_WITHIN_S = 2.0


def write_copy(database: Commits, target: Path, told: Callable[[int], None]) -> None:
    """Copy one state of a ledger into a file, while others go on writing, and compare the two.

    Args:
        target: a file that is there and empty; afterwards it is a database that is whole by itself.
        told: called with how many more pages were copied.
    Raises:
        StoreDown: it cannot be read or written, or the copy is not the same.
    """

    def copy(seat: Seat) -> None:
        # The first look fixes the state; as long as this transaction lasts, the copying meets no other.
        wanted = _counts(seat.connection)
        done = 0

        def step(_: int, left: int, total: int) -> None:
            nonlocal done
            told(total - left - done)
            done = total - left

        with closing(sqlite3.connect(target, isolation_level=None)) as copied:
            seat.connection.backup(copied, pages=PAGES_PER_STEP, progress=step)
            settle(copied)
            if (wrong := damage(copied)) or _counts(copied) != wanted:
                raise StoreDown(f"{target} is not what was copied: {wrong or 'tables have other counts'}")

    database.read(copy)
    sync(target)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits.  Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settle(connection: sqlite3.Connection) -> None:
    """Bring a database into one file, without a log beside it."""
    [mode] = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    if mode != "delete":
        raise StoreDown("the database stays in two files: somebody else uses it")


def damage(connection: sqlite3.Connection) -> str:
    """Tell what is broken in a database; "" where nothing is."""
    try:
        [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else str(found)


def damage_of(path: Path) -> str:
    """Do as `damage` for a file."""
    with closing(_for_reading(path)) as connection:
        return damage(connection)


def schema_of(path: Path) -> int:
    """Return the schema version of a ledger file, which is left as it is; 0: it holds nothing.

    Raises:
        InvalidBackup: it is no ledger, it is damaged, or it is of a newer version of this program.
    """
    with closing(_for_reading(path)) as connection:
        try:
            version = schema.version_of(connection)
        except Misconfigured as error:
            raise InvalidBackup(f"{path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise InvalidBackup(f"{path} is no ledger: {error}") from error
    return version


def is_current(path: Path) -> bool:
    """Tell whether there is nothing to migrate in a ledger file.  Raises InvalidBackup."""
    with closing(_for_reading(path)) as connection:
        try:
            return schema.is_current(connection)
        except (Misconfigured, sqlite3.DatabaseError) as error:
            raise InvalidBackup(f"{path}: {error}") from error


def take_copy(backup: Path, target: Path) -> None:
    """Copy a ledger file, with what its log holds, and look for damage.

    Args:
        target: a file that is there and empty.
    Raises:
        InvalidBackup: it is damaged, or holds nothing.
        StoreDown: the copy cannot be written.
    """
    if not schema_of(backup):
        raise InvalidBackup(f"{backup} is no ledger: it is empty")
    with closing(_for_reading(backup)) as source, closing(sqlite3.connect(target)) as copied:
        if wrong := damage(source):
            raise InvalidBackup(f"{backup} is damaged: {wrong}")
        try:
            source.backup(copied)
        except sqlite3.Error as error:
            raise StoreDown(f"{target}: {error}") from error


@contextmanager
def held_alone(path: Path) -> Iterator[None]:
    """Keep everybody else away from a ledger file, which is then in one piece.

    Raises:
        Conflict: a process has it open.
    """
    with closing(sqlite3.connect(path, timeout=ALONE_WITHIN_S, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
            settle(connection)
            connection.execute("BEGIN EXCLUSIVE")
        except (sqlite3.OperationalError, StoreDown) as error:
            raise Conflict(f"{path} is in use; stop gateway and workers first ({error})") from error
        except sqlite3.DatabaseError:
            # It is no database, or none any more: nobody can be at work on it, and it may be put aside all the same.
            pass
        yield


def sync(path: Path) -> None:
    """Have a file, or a folder's list of names, on disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _for_reading(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise InvalidBackup(f"{path}: {error}") from error
    return connection


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    names = [name for [name] in connection.execute(sql).fetchall()]
    count = "SELECT count(*) FROM {}"
    return {name: int(connection.execute(count.format(schema.quoted(name))).fetchone()[0]) for name in names}
