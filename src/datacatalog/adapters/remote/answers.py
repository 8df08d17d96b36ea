"""Answers of other services, which may be anything: fields are read as what they should be, or it is said what is wrong.

Every function raises PlatformDown where the answer is not of the documented form: whoever asked tries again later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidJson, PlatformDown
from datacatalog.domain.redaction import text_without_secrets
from datacatalog.domain.strict_json import parse_json

PAGE = 100
"""How many entries of a list are asked for at a time."""
_SHOWN = 300


def read(body: bytes, what: str) -> Any:
    """Return the JSON value of a body.

    Args:
        what: whose answer it is, for errors, e.g. "the answer to GET /jobs/v2".
    """
    try:
        return parse_json(body)
    except InvalidJson as e:
        raise PlatformDown(f"{what} is {e}") from e


def an_object(value: Any, what: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise PlatformDown(f"{what} is no object")
    return value


def objects(value: Any, what: str) -> Sequence[JsonObject]:
    if not isinstance(value, list):
        raise PlatformDown(f"{what} is no list")
    return [an_object(one, f"an entry of {what}") for one in value]


def text(document: JsonObject, name: str, what: str) -> str:
    """Return a field that must be a text, and not empty."""
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise PlatformDown(f"{what} has no text '{name}'")
    return value


def text_or(document: JsonObject, name: str, default: str = "") -> str:
    """Return a field that may be missing, null, or something else."""
    value = document.get(name)
    return value if isinstance(value, str) else default


def whole(document: JsonObject, name: str) -> int:
    """Return a field that counts something; 0 where it is missing, or no such number."""
    value = document.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def instant(document: JsonObject, name: str, what: str) -> datetime:
    """Return a field that must be a date and time of ISO 8601; without a zone, it is UTC."""
    value = text(document, name, what)
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise PlatformDown(f"{what}: '{name}' is no date and time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def nanoseconds(document: JsonObject, name: str, what: str) -> int:
    """Return a date and time as nanoseconds since 1970; 0 where it is missing."""
    if not text_or(document, name):
        return 0
    return int(instant(document, name, what).timestamp() * 1_000_000_000)


def printable(message: object) -> str:
    """Return what a service said, fit for an error: one line, cut, without what looks like a secret."""
    said = message if isinstance(message, str) else ""
    line = "".join(letter if letter.isprintable() else " " for letter in said[: 4 * _SHOWN])
    return text_without_secrets(" ".join(line.split()))[:_SHOWN]


def paged(page: Callable[[int], Any], what: str, *, start: int = 0) -> Iterator[JsonObject]:
    """Yield what is on pages, up to the first one that is not full, or that says what the one before said.

    Args:
        page: from how many entries are passed over to the next `PAGE` of them.
    """
    before: Sequence[JsonObject] = ()
    for offset in count(start, PAGE):
        found = objects(page(offset), what)
        if found == before:
            return
        yield from found
        if len(found) < PAGE:
            return
        before = found
