"""A tree that a server holds: the few things that such a server can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from enum import Enum
from typing import BinaryIO, NamedTuple, Protocol

from datacatalog.ports.storage import Names

ENTRIES_MAX = 1_000_000
"""How many entries a directory may have; what goes on for longer is not worth the memory."""


class Sort(Enum):
    FILE = "file"
    DIRECTORY = "directory"
    OTHER = "other"


class Found(NamedTuple):
    """What a server says of one name; a link stands for itself, and is OTHER.

    Attributes:
        mark: changes when another file takes this one's place, where the server tells of that; else 0.
    """

    name: str
    sort: Sort
    size_bytes: int = 0
    modified_ns: int = 0
    mark: int = 0


class Tree(Protocol):
    """What a server can. Everything raises OSError: ConnectionError and TimeoutError tell of the server itself."""

    def find(self, names: Names) -> Found:
        """Return what is at a path.  Raises InTheWay: a link or special file is on the way there."""
        ...

    def entries(self, names: Names) -> Iterator[Found]:
        """Yield what is in a directory, whatever it is called."""
        ...

    def read(self, names: Names) -> AbstractContextManager[Iterator[bytes]]: ...

    def make(self, names: Names) -> None:
        """Make one directory in one that is there.  Raises FileExistsError."""
        ...

    def write(self, names: Names, source: BinaryIO) -> int:
        """Write a file in a directory that is there, or replace one: complete under its name, or not there at all.

        Returns how many bytes were sent.
        """
        ...

    def remove(self, names: Names, found: Found) -> None:
        """Remove a file, an empty directory, or what else is there by this name."""
        ...

    def rename(self, names: Names, to: Names) -> None:
        """Give something a path that nothing was found to have, in a directory that is there."""
        ...
