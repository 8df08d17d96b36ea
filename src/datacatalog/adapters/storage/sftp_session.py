"""One SFTP session: requests by version 3 of the protocol, many of them under way at a time.

paramiko brings the connection and the framing. Its own file calls are not used: they stop at the first name that is not UTF-8,
leave failed writes unnoticed while they run ahead, and do not tell "not supported" from "failed".
Source: draft-ietf-secsh-filexfer-02; OpenSSH's PROTOCOL, for the extensions.
"""

from __future__ import annotations

import errno
import stat
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from datacatalog.domain.paths import shown

OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, OPENDIR, READDIR = 3, 4, 5, 6, 7, 8, 9, 11, 12
REMOVE, MKDIR, RMDIR, STAT, RENAME, EXTENDED = 13, 14, 15, 17, 18, 200
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105

_FOR_READING, _FOR_NEW = 0x01, 0x02 | 0x08 | 0x20  # write, create, exclusive
_SIZE, _OWNER, _MODE, _TIMES, _MORE = 0x01, 0x02, 0x04, 0x08, 0x80000000
_OK, _END = 0, 1
_ERRORS = {2: errno.ENOENT, 3: errno.EACCES, 8: errno.EOPNOTSUPP, 11: errno.EEXIST}

PIECE_BYTES = 32 * 1024
"""The size of reads and writes that every server has to take."""

UNDER_WAY = 32
"""How many reads or writes are under way at a time."""

_ENTRY_BYTES = 12
"""What an entry of a listing takes at least: the lengths of two names, and flags."""


class Attributes(NamedTuple):
    """What a server says of a file.

    Attributes:
        mode: type and permissions; 0 where it does not say.
        modified_s: whole seconds since 1970.
    """

    size_bytes: int = 0
    mode: int = 0
    modified_s: int = 0

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)


class Nonsense(Exception):
    """What the server sent is no answer; the session cannot be used any more."""


class Ended(Exception):
    """There is no more of what was asked for."""


class Session:
    """Everything raises OSError for what the server refuses, and Nonsense, paramiko's errors and TimeoutError for the rest."""

    def __init__(self, client: Any, connection: Any) -> None:
        """Use only requests and answers of `client`, a paramiko.SFTPClient; `connection` is closed with the session."""
        self._client, self._connection = client, connection

    @property
    def alive(self) -> bool:
        channel = self._client.get_channel()
        return not channel.closed and bool(channel.get_transport().is_active())

    def close(self) -> None:
        self._connection.close()

    def attributes(self, paths: Sequence[bytes]) -> list[Attributes | OSError]:
        """Ask for many files at once, links for themselves; say of each what it is, or what is wrong with it."""
        asked = _Asked(self._client)
        numbers = [asked.send(LSTAT, path) for path in paths]
        found: list[Attributes | OSError] = []
        for number in numbers:
            try:
                found.append(_attributes(asked.answer(number, ATTRS)))
            except OSError as error:
                if isinstance(error, TimeoutError):
                    raise
                found.append(error)
        return found

    def followed(self, path: bytes) -> Attributes:
        """Ask for what a link leads to."""
        return _attributes(self._ask(ATTRS, STAT, path))

    def entries(self, path: bytes) -> Generator[tuple[bytes, Attributes], None, None]:
        """Yield what is in a directory, `.` and `..` with the rest."""
        handle = self._ask(HANDLE, OPENDIR, path).get_binary()
        try:
            while True:
                answer = self._ask(NAME, READDIR, handle)
                count = answer.get_int()
                if count * _ENTRY_BYTES > len(answer.asbytes()):
                    raise Nonsense("a listing is shorter than it says")
                for _ in range(count):
                    name = answer.get_binary()
                    answer.get_binary()
                    yield name, _attributes(answer)
        except Ended:
            self._do(CLOSE, handle)
        except GeneratorExit:
            self._do(CLOSE, handle)
            raise

    def open_file(self, path: bytes) -> bytes:
        """Open a file for reading; return its handle."""
        return bytes(self._ask(HANDLE, OPEN, path, _FOR_READING, 0).get_binary())

    def create_file(self, path: bytes) -> bytes:
        """Open a new file for writing; return its handle."""
        return bytes(self._ask(HANDLE, OPEN, path, _FOR_NEW, 0).get_binary())

    def attributes_of(self, handle: bytes) -> Attributes:
        return _attributes(self._ask(ATTRS, FSTAT, handle))

    def close_file(self, handle: bytes) -> None:
        self._do(CLOSE, handle)

    def read(self, handle: bytes, size_bytes: int) -> Iterator[bytes]:
        """Yield the content of a file: as much as is asked for, or up to its end."""
        asked, sent, at = _Asked(self._client), 0, 0
        numbers: deque[int] = deque()
        while at < size_bytes:
            while len(numbers) < UNDER_WAY and sent < size_bytes:
                wanted = min(PIECE_BYTES, size_bytes - sent)
                numbers.append(asked.send(READ, handle, _long(sent), wanted))
                sent += wanted
            expected = min(PIECE_BYTES, size_bytes - at)
            try:
                piece = bytes(asked.answer(numbers.popleft(), DATA).get_binary())
            except Ended:
                break
            if not 0 < len(piece) <= expected:
                raise Nonsense(f"{expected} bytes were asked for, {len(piece)} came")
            at += len(piece)
            yield piece
            if len(piece) < expected:  # what is under way begins further on
                asked.forget(numbers)
                numbers.clear()
                sent = at
        asked.forget(numbers)

    def write(self, handle: bytes, source: BinaryIO) -> int:
        """Write all of a source; return how many bytes that were."""
        asked, at = _Asked(self._client), 0
        numbers: deque[int] = deque()
        while piece := source.read(PIECE_BYTES):
            numbers.append(asked.send(WRITE, handle, _long(at), piece))
            at += len(piece)
            if len(numbers) >= UNDER_WAY:
                asked.done(numbers.popleft())
        for number in numbers:
            asked.done(number)
        return at

    def sync(self, handle: bytes) -> None:
        """Have a file written to disk, where the server can."""
        try:
            self._do(EXTENDED, b"fsync@openssh.com", handle)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise

    def set_modified(self, path: bytes, seconds: int) -> None:
        self._do(SETSTAT, path, _TIMES, seconds, seconds)

    def make_directory(self, path: bytes) -> None:
        self._do(MKDIR, path, 0)

    def remove_file(self, path: bytes) -> None:
        self._do(REMOVE, path)

    def remove_directory(self, path: bytes) -> None:
        self._do(RMDIR, path)

    def rename(self, path: bytes, to: bytes) -> None:
        """Rename to a path that nothing has: version 3 lets servers replace nothing."""
        self._do(RENAME, path, to)

    def replace(self, path: bytes, to: bytes) -> None:
        """Rename to a path, whatever file has it; where the server cannot in one step, that file goes before."""
        try:
            self._do(EXTENDED, b"posix-rename@openssh.com", path, to)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            if not isinstance(self.attributes([to])[0], OSError):
                self.remove_file(to)
            self.rename(path, to)

    def _ask(self, wanted: int, kind: int, *values: object) -> Any:
        asked = _Asked(self._client)
        return asked.answer(asked.send(kind, *values), wanted)

    def _do(self, kind: int, *values: object) -> None:
        asked = _Asked(self._client)
        asked.done(asked.send(kind, *values))


class _Asked:
    """Requests under way, whose answers come in any order."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._answers: dict[int, tuple[int, Any]] = {}
        self._forgotten: set[int] = set()

    def send(self, kind: int, *values: object) -> int:
        """Send a request; return its number."""
        return int(self._client._async_request(self, kind, *values))

    def answer(self, number: int, wanted: int) -> Any:
        """Wait for an answer.  Raises OSError, Ended: it says so; Nonsense: it is of another kind."""
        while number not in self._answers:
            self._client._read_response()
        kind, message = self._answers.pop(number)
        if kind == STATUS:
            _check(message)
        if kind != wanted:
            raise Nonsense(f"an answer is of kind {kind}, not {wanted}")
        return message

    def done(self, number: int) -> None:
        """Wait until something is done."""
        self.answer(number, STATUS)

    def forget(self, numbers: Iterable[int]) -> None:
        """Take in answers that nobody wants any more, so that none is taken for another one's."""
        for number in numbers:
            while number not in self._answers:
                self._client._read_response()
            del self._answers[number]

    def _async_response(self, kind: int, message: Any, number: int) -> None:
        """Is called by paramiko for each answer."""
        self._answers[number] = (kind, message)


def _check(message: Any) -> None:
    """Raise what a status says, unless all is well."""
    code = message.get_int()
    if code == _OK:
        return
    if code == _END:
        raise Ended
    text = bytes(message.get_binary()).decode("utf-8", "replace")
    raise OSError(_ERRORS.get(code, errno.EIO), shown(text))


def _attributes(message: Any) -> Attributes:
    flags = message.get_int()
    size_bytes = message.get_int64() if flags & _SIZE else 0
    if flags & _OWNER:
        message.get_int(), message.get_int()
    mode = message.get_int() if flags & _MODE else 0
    modified_s = (message.get_int(), message.get_int())[1] if flags & _TIMES else 0
    count = message.get_int() if flags & _MORE else 0
    if count * 8 > len(message.asbytes()):
        raise Nonsense("attributes are shorter than they say")
    for _ in range(2 * count):
        message.get_binary()
    return Attributes(size_bytes, mode, modified_s)


def _long(number: int) -> int:
    """Return a number that paramiko packs into 64 bits."""
    from paramiko.sftp import int64

    return int64(number)
