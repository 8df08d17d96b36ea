"""multipart/form-data (RFC 7578), read as it comes: no part is held in memory but where its reader holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from typing import NamedTuple

from starlette.requests import Request as HttpRequest

from datacatalog.domain.errors import BadMessage, ConflictingFields

HEADERS_MAX_BYTES = 16_384
PARTS_MAX = 64
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


class Part(NamedTuple):
    """A part begins.

    Attributes:
        file_name: as it was sent; None: it is a plain field.
    """

    name: str
    file_name: str | None


class Multipart:
    """Takes a body piece by piece; tells of each part that begins, and of the pieces of its content."""

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        # What begins with the delimiter has no line before it.
        self._buffer = bytearray(b"\r\n")
        self._state = "preamble"
        self._parts = 0

    def feed(self, chunk: bytes) -> Iterator[Part | bytes]:
        """Yield the parts that begin in this piece of the body, each followed by what is there of its content.

        Raises:
            BadMessage: it is no such body.
        """
        self._buffer += chunk
        while True:
            if self._state in ("preamble", "content"):
                content, ended = self._content()
                if content and self._state == "content":
                    yield content
                if not ended:
                    return
                self._state = "delimiter"
            if self._state == "delimiter" and not self._after_delimiter():
                return
            if self._state == "headers":
                if (part := self._headers()) is None:
                    return
                yield part
            if self._state == "end":
                self._buffer.clear()
                return

    def close(self) -> None:
        """Make sure that the body is whole.  Raises BadMessage."""
        if self._state != "end":
            raise BadMessage("the form was cut off")

    def _content(self) -> tuple[bytes, bool]:
        """Take what is content for certain off the buffer; tell whether the part ends there."""
        at = self._buffer.find(self._delimiter)
        size = at if at >= 0 else max(0, len(self._buffer) - len(self._delimiter) + 1)
        content = bytes(self._buffer[:size])
        del self._buffer[: size + len(self._delimiter) if at >= 0 else size]
        return content, at >= 0

    def _after_delimiter(self) -> bool:
        """Settle what follows a delimiter; False: that is not there yet."""
        if len(self._buffer) < 2:
            return False
        after = bytes(self._buffer[:2])
        if after not in (b"--", b"\r\n"):
            raise BadMessage("the form has a boundary within a line")
        self._state = "end" if after == b"--" else "headers"
        if self._state == "headers":
            # The line break stays: with it, headers end alike whether there are any or not.
            self._parts += 1
            if self._parts > PARTS_MAX:
                raise BadMessage(f"the form has more than {PARTS_MAX} parts")
        return True

    def _headers(self) -> Part | None:
        """Read the headers of a part; None: they are not there yet."""
        at = self._buffer.find(b"\r\n\r\n")
        if at < 0 or at > HEADERS_MAX_BYTES:
            if len(self._buffer) > HEADERS_MAX_BYTES:
                raise BadMessage(f"a part of the form has headers of more than {HEADERS_MAX_BYTES} bytes")
            return None
        lines = bytes(self._buffer[2:at])
        del self._buffer[: at + 4]
        self._state = "content"
        return _part(lines)


def _part(lines: bytes) -> Part:
    try:
        text = lines.decode("utf-8")
    except UnicodeDecodeError as e:
        raise BadMessage("a part of the form has headers that are not UTF-8") from e
    for line in text.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return _disposition(value.strip())
    raise BadMessage("a part of the form has no Content-Disposition")


def _disposition(value: str) -> Part:
    message = Message()
    message["Content-Disposition"] = value.replace("\n", " ").replace("\r", " ")
    name = message.get_param("name", header="content-disposition")
    file_name = message.get_filename()
    if message.get_content_disposition() != "form-data" or not isinstance(name, str) or not name:
        raise BadMessage("a part of the form is not form-data with a name")
    return Part(name, file_name)


def boundary_of(request: HttpRequest) -> str:
    """Return the boundary that a request's Content-Type names.  Raises BadMessage."""
    message = Message()
    message["Content-Type"] = request.headers.get("content-type", "")
    found = message.get_boundary("")
    if not isinstance(found, str) or not _BOUNDARY.fullmatch(found):
        raise BadMessage("the Content-Type names no boundary that a form may have")
    return found


def read_form(body: bytes, boundary: str) -> dict[str, bytes]:
    """Return the fields of a whole form, files included, each once.  Raises BadMessage, ConflictingFields."""
    form, fields, current = Multipart(boundary), dict[str, bytearray](), bytearray()
    for event in form.feed(body):
        if isinstance(event, Part):
            if event.name in fields:
                raise ConflictingFields(event.name)
            current = fields[event.name] = bytearray()
        else:
            current += event
    form.close()
    return {name: bytes(value) for name, value in fields.items()}
