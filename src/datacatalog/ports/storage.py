"""Where archived files lie: `agave://system/absolute/path`.

Paths are absolute and POSIX, below the root of their system. No operation follows a symbolic link or leaves the root, whatever
the names are. `Storage` is what the catalog speaks to; it enforces what holds of paths everywhere and hands on to a `System`,
which has to keep to its root where there are links. Adapters pass tests/contracts/test_storage.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, NamedTuple, Protocol

from datacatalog.domain.errors import DatacatalogError

Names = tuple[str, ...]
"""A path below the root of a system: checked names, none of them empty, `.` or `..`; of the root, none."""

HEAD_BYTES = 512
"""How many first bytes of a file a `Look` has."""

Told = Callable[[str, str], None]
"""Is told of a path, and of why it may not be looked into."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(1000, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)


class FileInfo(NamedTuple):
    """A regular file as seen at one instant. A tuple of what the file system says, since there are millions.

    Attributes:
        path: absolute path on its system.
        changed_ns, modified_ns: of the inode, in nanoseconds since 1970 (UTC); anyone may set any date on a file.
        inode: number of the inode, or what else changes when another file takes this one's place.
    """

    path: str
    size_bytes: int
    changed_ns: int
    modified_ns: int
    inode: int

    @property
    def created(self) -> datetime:
        """The change time, since birth is not known; moved into the years 1000 to 9999, as `modified`."""
        return _instant(self.changed_ns)

    @property
    def modified(self) -> datetime:
        return _instant(self.modified_ns)

    @property
    def version(self) -> str:
        """What changes whenever the content may have changed."""
        return f"{self.inode:x}-{self.size_bytes:x}-{self.modified_ns:x}-{self.changed_ns:x}"


class Entry(NamedTuple):
    """What a listing tells of one file or directory."""

    path: str
    directory: bool
    size_bytes: int
    modified_ns: int

    @property
    def modified(self) -> datetime:
        return _instant(self.modified_ns)


class Look(NamedTuple):
    """What reading one file came to.

    Attributes:
        path: the path that was asked for.
        info, checksum, head: the file, its checksum `sha256:<hex>` and its first 512 bytes, all of one state of the file.
        error: why it could not be read; the others then say nothing.
    """

    path: str
    info: FileInfo | None = None
    checksum: str = ""
    head: bytes = b""
    error: DatacatalogError | None = None


class Storage(Protocol):
    """The storage systems known here, by name.

    Every method raises InvalidField (unknown system), UnsafePath (path leaves the root, or a link is in the way),
    NoSuchPath and StorageDown; where a system cannot do it at all, NotSupported.
    """

    def systems(self) -> tuple[str, ...]: ...

    def walk(
        self, system: str, path: str, *, after: str | None = None, unreadable: Told | None = None
    ) -> Iterator[FileInfo]:
        """Yield the regular files below a directory, in order of their path; links and special files are passed over.

        Args:
            after: only files whose path is greater; what lies before is not looked at.
            unreadable: is told of files and directories below that may not be looked into, which are passed over then;
                without it, the first of them ends the walk with StorageDown.
        """
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

    def look(self, system: str, paths: Iterable[str]) -> Iterator[Look]:
        """Read many files as `fixity` does; yield one `Look` for each path, in their order.

        Quickest for paths in the order of `walk`, whose neighbours share directories. What is wrong with one file (gone,
        a link, unreadable) stands in its `error`; only what is wrong with the system itself is raised.
        """
        ...

    def make_directory(self, system: str, path: str, *, exclusive: bool = False) -> None:
        """Make a directory and those above it.

        Raises AlreadyExists: `exclusive`, and the last one exists; or a file has the name of one of them.
        """
        ...

    def put(self, system: str, path: str, source: BinaryIO, *, new: bool = False) -> FileInfo:
        """Write a file: complete under its name, or not there at all. Directories above it are made.

        Args:
            new: nothing is written over, not even what is put at the same time; of other processes, as far as the system tells.
        Raises:
            AlreadyExists: a directory has this name, or a file has that of a directory above; `new`, and a file has this name.
        """
        ...

    def list(self, system: str, path: str, *, after: str | None = None, limit: int = 1000) -> Sequence[Entry]:
        """List what is in a directory, ordered by path; of a regular file, itself. Links and special files are passed over.

        Args:
            after: only entries whose path is greater.
        """
        ...

    def delete(self, system: str, path: str) -> int:
        """Remove a file, or a directory with everything below; return how many files went.

        Raises:
            NotClearable: it is not below any of the prefixes that may be cleared.
            StorageDown: also where something is written there at the same time, and does not end.
        """
        ...

    def move(self, system: str, path: str, to: str) -> None:
        """Give a file or directory another path on its system; directories above that are made.

        Raises:
            AlreadyExists: something has that path, or a file has that of a directory above; nothing is replaced.
            UnsafePath: also where it would lie below itself.
            NotClearable: it is not below any of the prefixes that may be cleared.
        """
        ...

    def clear(self, system: str, path: str) -> int:
        """Remove everything below a directory, which stays; return how many files went.

        Raises as `delete` does.
        """
        ...


class System(Protocol):
    """One storage system. Its methods do what those of `Storage` of the same name say, and raise the same.

    Paths come as names that were checked, and what is removed or moved was found to be clearable; `look` alone gets paths as
    they are given, since checking comes with the reading there (`domain.paths.components`). In one way only may files be
    reached: by names, from the root down, through directories. Whatever else is there (links, special files, names that
    `components` would refuse) is no way through and is not listed.
    """

    def walk(
        self, names: Names, *, after: str | None = None, unreadable: Told | None = None
    ) -> Iterator[FileInfo]: ...

    def stat(self, names: Names) -> FileInfo: ...

    def open(self, names: Names) -> BinaryIO: ...

    def fixity(self, names: Names) -> tuple[FileInfo, str]: ...

    def look(self, paths: Iterable[str]) -> Iterator[Look]: ...

    def make_directory(self, names: Names, *, exclusive: bool = False) -> None: ...

    def put(self, names: Names, source: BinaryIO, *, new: bool = False) -> FileInfo:
        """Write a file; there is at least one name."""
        ...

    def list(self, names: Names, *, after: str | None = None, limit: int = 1000) -> Sequence[Entry]: ...

    def delete(self, names: Names) -> int:
        """Remove a file or directory; there is at least one name."""
        ...

    def move(self, names: Names, to: Names) -> None:
        """Give a file or directory another path, which neither is its own nor lies below; each has at least one name."""
        ...

    def clear(self, names: Names) -> int: ...


def _instant(nanoseconds: int) -> datetime:
    try:
        return min(max(_EPOCH + timedelta(microseconds=nanoseconds // 1000), _FIRST), _LAST)
    except OverflowError:
        return _LAST if nanoseconds > 0 else _FIRST
