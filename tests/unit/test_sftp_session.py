"""Answers of an SFTP server that are none, and servers that give less at a time than they are asked for."""

from __future__ import annotations

import errno
import io
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from paramiko.message import Message

from datacatalog.adapters.storage import sftp_session
from datacatalog.adapters.storage.sftp_session import Nonsense, Session

Answer = tuple[int, Message]


class Server:
    """Stands for paramiko's client: takes requests, and has them answered by a function, last one first if it is asked to."""

    def __init__(self, answer: Callable[..., Answer], *, backwards: bool = False) -> None:
        self._answer, self._backwards = answer, backwards
        self._waiting: deque[tuple[int, Any, Answer]] = deque()
        self._number = 0
        self.asked: list[tuple[Any, ...]] = []

    def _async_request(self, asker: Any, kind: int, *values: Any) -> int:
        self._number += 1
        self.asked.append((kind, *values))
        self._waiting.append((self._number, asker, self._answer(kind, *values)))
        return self._number

    def _read_response(self) -> None:
        number, asker, (kind, message) = self._waiting.pop() if self._backwards else self._waiting.popleft()
        message.rewind()
        asker._async_response(kind, message, number)


def message(*values: int | bytes) -> Message:
    made = Message()
    for value in values:
        made.add_int(value) if isinstance(value, int) else made.add_string(value)
    return made


def status(code: int, text: bytes = b"") -> Answer:
    return sftp_session.STATUS, message(code, text, b"")


def session(answer: Callable[..., Answer], **changes: Any) -> tuple[Session, Server]:
    server = Server(answer, **changes)
    return Session(server, None), server


@pytest.mark.parametrize(
    "answer",
    [
        (sftp_session.NAME, message(2**32 - 1)),
        (sftp_session.NAME, message(1, b"name", b"long", 0x80000000, 2**32 - 1)),
        (sftp_session.HANDLE, message(b"h")),
    ],
)
def test_a_listing_that_promises_more_than_it_has_is_none(answer: Answer) -> None:
    asked = {sftp_session.OPENDIR: (sftp_session.HANDLE, message(b"h")), sftp_session.READDIR: answer}
    found, _ = session(lambda kind, *_: asked[kind])
    with pytest.raises(Nonsense):
        list(found.entries(b"/d"))


@pytest.mark.parametrize(
    ("code", "meant"), [(2, errno.ENOENT), (3, errno.EACCES), (4, errno.EIO), (8, errno.EOPNOTSUPP)]
)
def test_a_refusal_is_an_error_with_its_number_and_a_text_that_can_be_shown(code: int, meant: int) -> None:
    found, _ = session(lambda *_: status(code, b"no\r\nway\xff"))
    with pytest.raises(OSError) as refused:
        found.make_directory(b"/d")
    assert refused.value.errno == meant
    assert refused.value.strerror.isprintable()
    assert refused.value.strerror.isascii()


CONTENT = bytes(range(256)) * 1000


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("at_a_time", [1000, sftp_session.PIECE_BYTES])
def test_content_is_whole_and_in_order_whatever_comes_at_a_time(at_a_time: int, backwards: bool) -> None:
    def answer(kind: int, handle: bytes, offset: int, size: int) -> Answer:
        piece = CONTENT[offset : offset + min(size, at_a_time)]
        return (sftp_session.DATA, message(piece)) if piece else status(1)

    found, _ = session(answer, backwards=backwards)
    assert b"".join(found.read(b"h", len(CONTENT))) == CONTENT
    assert b"".join(found.read(b"h", len(CONTENT) + 100_000)) == CONTENT
    assert b"".join(found.read(b"h", 70_000)) == CONTENT[:70_000]
    assert list(found.read(b"h", 0)) == []


@pytest.mark.parametrize("piece", [b"", b"x" * 40_000])
def test_a_read_that_gives_nothing_or_too_much_is_no_answer(piece: bytes) -> None:
    found, _ = session(lambda *_: (sftp_session.DATA, message(piece)))
    with pytest.raises(Nonsense):
        list(found.read(b"h", 30_000))


@pytest.mark.parametrize("failing", [0, 5, 39])
def test_a_write_that_fails_while_others_run_ahead_is_noticed(failing: int) -> None:
    at = failing * sftp_session.PIECE_BYTES
    found, _ = session(lambda kind, handle, offset, piece: status(4 if offset == at else 0))
    with pytest.raises(OSError):
        found.write(b"h", io.BytesIO(b"x" * sftp_session.PIECE_BYTES * 40))


def test_what_a_server_cannot_do_is_done_in_another_way() -> None:
    def answer(kind: int, *values: Any) -> Answer:
        if kind == sftp_session.EXTENDED:
            return status(8)
        return (sftp_session.ATTRS, message(0)) if kind == sftp_session.LSTAT else status(0)

    found, server = session(answer)
    found.sync(b"h")
    found.replace(b"/new", b"/old")
    kinds = [kind for kind, *_ in server.asked if kind != sftp_session.EXTENDED]
    assert kinds == [sftp_session.LSTAT, sftp_session.REMOVE, sftp_session.RENAME]
