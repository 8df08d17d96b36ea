"""What `doctor` is told of a ledger file: where it lies, and whether what makes it durable is on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datacatalog.adapters.stores.sqlite.connections import NETWORK_FILESYSTEMS, Seat, filesystem_of
from datacatalog.ports.examining import Remark

WAL_MAX_BYTES = 1 << 30
"""A log is copied back once it has 40 MB; one that is far longer is held by somebody who has been reading for very long."""
FULL = 2
"""PRAGMA synchronous: every commit is on disk before it is acknowledged."""


def examine(seat: Seat, path: Path) -> Sequence[Remark]:
    return [where(path, filesystem_of(path)), _durability(seat), _log(path)]


def where(path: Path, kind: str) -> Remark:
    """Tell of the file system that a ledger lies on; one over a network has no locks that can be relied on."""
    if kind.startswith(NETWORK_FILESYSTEMS):
        do = "stop all services and move the ledger to a disk of this machine; for many machines, 'datacatalog db copy' it to MongoDB"
        return Remark("place", f"{path} lies on {kind}, where locks cannot be relied on", well=False, do=do)
    return Remark("place", f"{path} lies on {kind or 'a file system of unknown type'}")


def _durability(seat: Seat) -> Remark:
    [journal] = seat.cursor.execute("PRAGMA journal_mode").fetchone()
    [synchronous] = seat.cursor.execute("PRAGMA synchronous").fetchone()
    found = f"journal mode {journal}, synchronous {synchronous}"
    if (journal, synchronous) != ("wal", FULL):
        do = "something else has changed how the file is written; let nothing but datacatalog open it"
        return Remark("durability", found, well=False, do=do)
    return Remark("durability", found)


def _log(path: Path) -> Remark:
    try:
        size = Path(f"{path}-wal").stat().st_size
    except FileNotFoundError:
        size = 0
    if size > WAL_MAX_BYTES:
        do = "find what has had the file open for so long (lsof), and end it; the next commits then shorten the log"
        return Remark("log", f"the write-ahead log has {size} bytes", well=False, do=do)
    return Remark("log", f"the write-ahead log has {size} bytes")
