"""Trees on SFTP servers."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from typing import BinaryIO

from datacatalog.adapters.storage.descriptors import InTheWay
from datacatalog.adapters.storage.sftp_connections import Connections
from datacatalog.adapters.storage.sftp_session import Attributes, Session
from datacatalog.adapters.storage.tree import ENTRIES_MAX, Found, Sort
from datacatalog.adapters.storage.trees import UNFINISHED
from datacatalog.ports.storage import Names

_NS = 1_000_000_000


class SftpTree:
    """Implements tree.Tree.

    No link below the root is followed: before anything is opened, made, removed or renamed, each name on the way is asked for,
    and must be a directory. The protocol cannot open relative to a directory, so somebody who writes on the far side can swap a
    directory for a link between the question and the deed; where such people are about, the server has to confine its
    user (`ChrootDirectory` of OpenSSH). Dates come in whole seconds, and only those of the content.
    """

    def __init__(self, connections: Connections, root: str, *, entries_max: int = ENTRIES_MAX) -> None:
        """
        Args:
            root: absolute path on the server; it may itself be reached through links.
            entries_max: a directory that has more is not listed.
        """
        self._connections, self._entries_max = connections, entries_max
        self._root = root.rstrip("/")

    def find(self, names: Names) -> Found:
        return self._connections.ask(lambda session: self._found(session, names))

    def entries(self, names: Names) -> Iterator[Found]:
        def listed(session: Session) -> list[Found]:
            self._check_way(session, names)
            with closing(session.entries(self._path(names))) as coming:
                entries = list(islice(coming, self._entries_max + 3))
            if len(entries) > self._entries_max + 2:  # itself, and the one above
                raise OSError(0, f"has more than {self._entries_max} entries")
            return [
                _found(name.decode("utf-8", "surrogateescape"), one)
                for name, one in entries
                if name not in {b".", b".."}
            ]

        return iter(self._connections.ask(listed))

    @contextmanager
    def read(self, names: Names) -> Iterator[Iterator[bytes]]:
        with self._connections.session() as session:
            self._check_way(session, names[:-1])
            handle = session.open_file(self._path(names))
            opened = session.attributes_of(handle)
            if not opened.is_file:
                raise InTheWay(f"'{names[-1]}' was replaced")
            yield self._connections.watched(session, session.read(handle, opened.size_bytes))
            if session.alive:
                session.close_file(handle)

    def make(self, names: Names) -> None:
        with self._connections.session() as session:
            self._check_way(session, names[:-1])
            try:
                session.make_directory(self._path(names))
            except OSError as error:
                self._say_if_there(session, names, error)
                raise

    def write(self, names: Names, source: BinaryIO) -> int:
        unfinished = self._path((*names[:-1], UNFINISHED.format(secrets.token_hex(8))))
        with self._connections.session() as session:
            self._check_way(session, names[:-1])
            handle = session.create_file(unfinished)
            try:
                sent_bytes = session.write(handle, source)
                session.sync(handle)
                session.close_file(handle)
                self._put_in_place(session, unfinished, self._path(names))
                return sent_bytes
            except BaseException:
                with suppress(Exception):
                    session.remove_file(unfinished)
                raise

    def _put_in_place(self, session: Session, unfinished: bytes, path: bytes) -> None:
        """Give a file its name; one that replaces another is the younger one, if only by its date."""
        written, before = session.attributes([unfinished, path])
        if isinstance(written, OSError):
            raise written
        if isinstance(before, Attributes) and not before.is_file:
            raise FileExistsError(0, "is no file")
        if isinstance(before, Attributes) and before.modified_s >= written.modified_s:
            session.set_modified(unfinished, before.modified_s + 1)
        session.replace(unfinished, path)

    def remove(self, names: Names, found: Found) -> None:
        with self._connections.session() as session:
            self._check_way(session, names[:-1])
            if found.sort is Sort.DIRECTORY:
                session.remove_directory(self._path(names))
            else:
                session.remove_file(self._path(names))

    def rename(self, names: Names, to: Names) -> None:
        with self._connections.session() as session:
            self._check_way(session, names[:-1])
            self._check_way(session, to[:-1])
            try:
                session.rename(self._path(names), self._path(to))
            except OSError as error:
                self._say_if_there(session, to, error)
                raise

    def _found(self, session: Session, names: Names) -> Found:
        if not names:
            return _found("", session.followed(self._path(())))
        way = self._way(session, names)
        _check_directories(names, way[:-1])
        if isinstance(way[-1], OSError):
            raise way[-1]
        return _found(names[-1], way[-1])

    def _check_way(self, session: Session, names: Names) -> None:
        """Make sure that there are nothing but directories on the way to, and at, a path."""
        _check_directories(names, self._way(session, names))

    def _way(self, session: Session, names: Names) -> Sequence[Attributes | OSError]:
        return session.attributes([self._path(names[:end]) for end in range(1, len(names) + 1)])

    def _say_if_there(self, session: Session, names: Names, error: OSError) -> None:
        """Most servers only say "failure" where something has a name already; find out, and raise FileExistsError."""
        there = session.attributes([self._path(names)])[0]
        if isinstance(there, Attributes):
            raise FileExistsError(0, "is there") from error

    def _path(self, names: Names) -> bytes:
        return "/".join((self._root, *names)).encode("utf-8", "surrogateescape") or b"/"


def _check_directories(names: Names, way: Sequence[Attributes | OSError]) -> None:
    for name, there in zip(names, way, strict=False):
        if isinstance(there, OSError):
            raise there
        if there.is_file:
            raise NotADirectoryError(0, f"'{name}' is a file")
        if not there.is_directory:
            raise InTheWay(f"'{name}' is a {'symbolic link' if there.is_link else 'special file'}")


def _found(name: str, attributes: Attributes) -> Found:
    sort = Sort.FILE if attributes.is_file else Sort.OTHER
    if attributes.is_directory:
        sort = Sort.DIRECTORY
    return Found(name, sort, attributes.size_bytes, attributes.modified_s * _NS)
