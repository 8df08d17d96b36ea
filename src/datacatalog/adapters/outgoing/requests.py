"""What is sent: a method, headers and a body that cannot be taken for anything else on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import BinaryIO

from datacatalog.domain.errors import InvalidField

USER_AGENT = "datacatalog"

_METHOD = re.compile(r"[A-Z]{1,20}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,16384}")
# What these say follows from the URL and the body.
_OWN = frozenset({"host", "connection", "transfer-encoding", "upgrade", "te", "trailer", "accept-encoding"})


def check_request(method: str, headers: Mapping[str, str] | None) -> None:
    """Make sure that a request can be written out.

    Raises:
        InvalidField: no such method, or a header that would be read as more than one. Values are not quoted.
    """
    if not _METHOD.fullmatch(method):
        raise InvalidField("method", "is no method of HTTP")
    for name, value in (headers or {}).items():
        if not _NAME.fullmatch(name):
            raise InvalidField("headers", f"{name[:80]!a} is no name of a header")
        if name.lower() in _OWN:
            raise InvalidField(f"headers/{name}", "is not set by whoever asks")
        if not _VALUE.fullmatch(value):
            raise InvalidField(f"headers/{name}", "is no line of text")


def written(headers: Mapping[str, str] | None, body: bytes | BinaryIO | None) -> dict[str, str]:
    """Return all headers of a request: what its sender wants, and what the connection needs."""
    made = {"user-agent": USER_AGENT, **{name.lower(): value for name, value in (headers or {}).items()}}
    # What is not packed cannot unpack to more than was counted.
    made["accept-encoding"] = "identity"
    length = None if body is None or isinstance(body, bytes) else _left_in(body)
    if length is not None:
        made.setdefault("content-length", str(length))
    return made


def _left_in(file: BinaryIO) -> int | None:
    """Return how many bytes are left to be read, or None where that cannot be told."""
    try:
        at = file.tell()
        end = file.seek(0, 2)
        file.seek(at)
    except (OSError, AttributeError):
        return None
    return end - at
