"""Storage systems that are buckets of an S3 server: keys, read as paths."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from threading import Event
from typing import BinaryIO

from datacatalog.adapters.storage.reading import digest, looks
from datacatalog.adapters.storage.s3_bucket import Bucket, Item
from datacatalog.adapters.storage.s3_lately import Lately
from datacatalog.adapters.storage.telling import told, told_of
from datacatalog.adapters.streams import as_file
from datacatalog.domain.errors import UnsafePath
from datacatalog.domain.paths import components, joined
from datacatalog.ports.storage import Entry, FileInfo, Look, Names, Told

_LOG = logging.getLogger(__name__)
_NS = 1_000_000_000


class S3System:
    """Implements ports.storage.System.

    The file `/a/b` is the object `<prefix>a/b`. A directory is there as long as keys go on after its slash; an empty object
    with a slash at the end of its key, which is made with it, keeps an empty one. Keys that are no paths in their one form (`a//b`,
    `../x`) are passed over with a warning; `clear` and `delete` remove them like the rest. Where a key is both a file and a
    directory, listings tell of the directory. Moving is copying, then deleting: one that breaks off leaves the source whole.
    Listing a directory reads all that comes after `after` in it. There are no links. Dates come in whole seconds, versions
    of the ETag.
    """

    def __init__(self, name: str, bucket: Bucket, prefix: str = "") -> None:
        """`prefix`: where the root is: "" or e.g. `archive/2024/`."""
        self._name, self._bucket, self._lately = name, bucket, Lately()
        self._prefix = "/".join([*filter(None, prefix.split("/")), ""])

    def walk(
        self, names: Names, *, after: str | None = None, unreadable: Told | None = None
    ) -> Iterator[FileInfo]:
        with told(self._name, names):
            self._check_directory(names)
            top = self._below(names)
            beyond = self._prefix + (after or "").removeprefix("/")
            if after is not None and beyond > top and not beyond.startswith(top):
                return
            odd, example = 0, ""
            for item in self._bucket.items(top, after=beyond if beyond > top else top):
                if item.key.endswith("/") and self._names_of(item.key[:-1]):
                    continue
                if at := self._names_of(item.key):
                    yield _info(at, item)
                else:
                    odd, example = odd + 1, item.key
            self._warn(names, odd, example)

    def stat(self, names: Names) -> FileInfo:
        with told(self._name, names):
            return _info(names, self._file(names))

    def open(self, names: Names) -> BinaryIO:
        with told(self._name, names), ExitStack() as stack:
            _, pieces = stack.enter_context(self._bucket.read(self._file_key(names)))
            closing = stack.pop_all()
        return as_file(told_of(self._name, names, pieces), closing.close)

    def fixity(self, names: Names) -> tuple[FileInfo, str]:
        info, checksum, _ = self._read(names)
        return info, checksum

    def look(self, paths: Iterable[str]) -> Iterator[Look]:
        return looks(paths, self._read)

    def _read(self, names: Names, stopped: Event | None = None) -> tuple[FileInfo, str, bytes]:
        with told(self._name, names), self._bucket.read(self._file_key(names)) as (item, pieces):
            size_bytes, checksum, head = digest(pieces, item.size_bytes or 0, stopped)
            if size_bytes != item.size_bytes:
                raise ConnectionError(0, f"{size_bytes} bytes came of {item.size_bytes}")
            return _info(names, item), checksum, head

    def make_directory(self, names: Names, *, exclusive: bool = False) -> None:
        with told(self._name, names):
            self._check_no_file(names)
            if exclusive and (not names or self._is_directory(names)):
                raise FileExistsError(0, "is there")
            if exclusive:
                self._bucket.put(self._below(names), b"", new=True)
            elif names:
                with suppress(FileExistsError):
                    self._bucket.put(self._below(names), b"", new=True)

    def put(self, names: Names, source: BinaryIO, *, new: bool = False) -> FileInfo:
        with told(self._name, names):
            self._check_no_file(names[:-1])
            if self._is_directory(names):
                raise FileExistsError(0, "is a directory")
            if new and self._bucket.find(self._key(names)):
                raise FileExistsError(0, "is there")
            self._lately.forget(names)
            self._bucket.write(self._key(names), source)
            return _info(names, self._file(names))

    def list(self, names: Names, *, after: str | None = None, limit: int = 1000) -> Sequence[Entry]:
        with told(self._name, names):
            if names and not self._is_directory(names):
                entries: Iterable[Entry] = [_entry(names, self._file(names))]
            else:
                entries = self._entries(names, after)
            beyond = (one for one in entries if after is None or one.path > after)
            # A path may come twice; of two, the directory is the greater one.
            return list({one.path: one for one in heapq.nsmallest(2 * limit, beyond)}.values())[:limit]

    def _entries(self, names: Names, after: str | None) -> Iterator[Entry]:
        top = self._below(names)
        beyond = self._prefix + (after or "").removeprefix("/")
        odd, example = 0, ""
        # A directory sorts by its slash here, and without it in a listing: begin with the one that `after` may be.
        begin = beyond if beyond > top and beyond.startswith(top) else top
        for item in self._bucket.items(top, after=begin, grouped=True):
            directory = item.size_bytes is None
            at = self._names_of(item.key[:-1] if directory else item.key)
            if not at:
                odd, example = odd + 1, item.key
                continue
            yield Entry(joined(at), True, 0, 0) if directory else _entry(at, item)
        self._warn(names, odd, example)

    def delete(self, names: Names) -> int:
        with told(self._name, names):
            found = self._bucket.find(self._key(names))
            if found is None and not self._is_directory(names):
                raise FileNotFoundError(0, "is not there")
            self._keep_above(names)
            removed = self._empty(names, keep=False)
            if found is not None:
                self._bucket.delete([found.key])
            return removed + (found is not None)

    def move(self, names: Names, to: Names) -> None:
        with told(self._name, names):
            found = self._bucket.find(self._key(names))
            moving = [] if found is None else [found]
            moving += self._bucket.items(self._below(names))
            if not moving:
                raise FileNotFoundError(0, "is not there")
        with told(self._name, to):
            self._check_no_file(to)
            if self._is_directory(to):
                raise FileExistsError(0, "is there")
            self._lately.forget(to)
            self._keep_above(names)
            self._copy_all(moving, self._key(names), self._key(to))
            self._bucket.delete(item.key for item in moving)

    def _copy_all(self, moving: Sequence[Item], key: str, to: str) -> None:
        """Copy objects; where that breaks off, take back what was copied."""
        copied: list[str] = []
        try:
            for item in moving:
                copied.append(to + item.key.removeprefix(key))
                self._bucket.copy(item.key, copied[-1], item.size_bytes or 0)
        except BaseException:
            with suppress(OSError):
                self._bucket.delete(copied)
            raise

    def clear(self, names: Names) -> int:
        with told(self._name, names):
            self._check_directory(names)
            self._bucket.put(self._below(names), b"")
            return self._empty(names, keep=True)

    def _empty(self, names: Names, *, keep: bool) -> int:
        """Remove what is below a directory, and unless it is to be kept what stands for it; return how many files went."""
        top, removed = self._below(names), 0

        def going() -> Iterator[str]:
            nonlocal removed
            for item in self._bucket.items(top):
                if item.key != top or not keep:
                    removed += not item.key.endswith("/")
                    yield item.key

        self._bucket.delete(going())
        return removed

    def _keep_above(self, names: Names) -> None:
        """See to it that the directory of something stays when that goes."""
        if len(names) > 1 and not self._bucket.find(self._below(names[:-1])):
            self._bucket.put(self._below(names[:-1]), b"")

    def _file(self, names: Names) -> Item:
        found = self._bucket.find(self._file_key(names))
        if found is None:
            raise FileNotFoundError(0, "is not there")
        return found

    def _file_key(self, names: Names) -> str:
        if not names:
            raise IsADirectoryError(0, "is the root")
        return self._key(names)

    def _is_directory(self, names: Names) -> bool:
        return not names or any(self._bucket.items(self._below(names), limit=1))

    def _check_directory(self, names: Names) -> None:
        if not self._is_directory(names):
            raise FileNotFoundError(0, "is not there")

    def _check_no_file(self, names: Names) -> None:
        """Make sure that neither a path nor a directory above is a file."""
        for end in range(len(names), 0, -1):
            if self._lately.knows(names[:end]):
                break
            if self._bucket.find(self._key(names[:end])):
                raise FileExistsError(0, "a file is in the way")
        self._lately.learn(names)

    def _key(self, names: Names) -> str:
        return self._prefix + "/".join(names)

    def _below(self, names: Names) -> str:
        """Return how keys below a directory begin, which is the key of what stands for it, too."""
        return "/".join((self._key(names), "")) if names else self._prefix

    def _names_of(self, key: str) -> Names | None:
        """Return the path that a key is, or None: it is none in its one form."""
        path = f"/{key.removeprefix(self._prefix)}"
        try:
            names = components(path)
        except UnsafePath:
            return None
        return names if names and joined(names) == path else None

    def _warn(self, names: Names, odd: int, example: str) -> None:
        if odd:
            _LOG.warning(
                "passed over %d keys below %s that are no paths, e.g. %s",
                odd, ascii(f"agave://{self._name}{joined(names)}"), ascii(example[:200]),
            )  # fmt: skip


def _info(names: Names, item: Item) -> FileInfo:
    modified_ns = item.modified_s * _NS
    return FileInfo(joined(names), item.size_bytes or 0, modified_ns, modified_ns, item.mark)


def _entry(names: Names, item: Item) -> Entry:
    return Entry(joined(names), False, item.size_bytes or 0, item.modified_s * _NS)
