"""Where archived files lie: `agave://system/absolute/path`.

Paths are absolute and POSIX, below the root of their system. No operation follows a symbolic link or leaves the
root, whatever the names are and whoever swaps directories meanwhile. Adapters pass tests/contracts/test_storage.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """A regular file as seen at one instant.

    Attributes:
        path: absolute path on its system.
        size_bytes, created, modified: of the inode; `created` is its change time where birth is not known.
        version: changes whenever the content may have changed (inode, size, mtime and ctime in ns).
    """

    path: str
    size_bytes: int
    created: datetime
    modified: datetime
    version: str


class Storage(Protocol):
    """The storage systems known here, by name.

    Every method raises InvalidField (unknown system), UnsafePath (path leaves the root, or a link is in the way),
    NoSuchPath and StorageDown.
    """

    def systems(self) -> tuple[str, ...]: ...

    def walk(self, system: str, path: str) -> Iterator[FileInfo]:
        """Yield the regular files below a directory, in order of their path; links and special files are passed over."""
        ...

    def stat(self, system: str, path: str) -> FileInfo:
        """Return one regular file."""
        ...

    def open(self, system: str, path: str) -> BinaryIO:
        """Open a regular file for reading."""
        ...

    def fixity(self, system: str, path: str) -> tuple[FileInfo, str]:
        """Return a file and its checksum `sha256:<hex>`, both of one state of the file.

        Raises StorageDown where it keeps changing while it is read.
        """
        ...

    def make_directory(self, system: str, path: str, *, exclusive: bool = False) -> None:
        """Make a directory and those above it.

        Raises AlreadyExists: `exclusive`, and the last one exists; or a file has the name of one of them.
        """
        ...

    def put(self, system: str, path: str, source: BinaryIO) -> FileInfo:
        """Write a file: complete under its name, or not there at all. Directories above it are made.

        Raises AlreadyExists: a directory has this name, or a file has that of a directory above.
        """
        ...

    def clear(self, system: str, path: str) -> int:
        """Remove everything below a directory, which stays; return how many files went.

        Raises NotClearable: the directory is the root of its system.
        """
        ...
