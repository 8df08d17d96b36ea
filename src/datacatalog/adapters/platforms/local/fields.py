"""Fields of definitions: what each wants to be, and complaints that name it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from typing import Any, TypeVar

from datacatalog.domain.errors import InvalidField

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

T = TypeVar("T")


def each(value: Any, place: str, read: Callable[[Any, str], T]) -> dict[str, T]:
    """Read names and their values; None: there are none.  Raises InvalidField."""
    fields = mapping(value if value is not None else {}, place)
    for name in fields:
        check_name(name, place)
    return {name: read(one, f"{place}.{name}") for name, one in fields.items()}


def check_name(name: Any, place: str) -> None:
    """Refuse what is no name of an input, a parameter or a variable.  Raises InvalidField."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidField(place, f"{name!r:.80} is no name: letters, digits and _, at most 64")


def mapping(value: Any, place: str, known: Set[str] | None = None) -> dict[str, Any]:
    """Return keys and values, none but these where `known` names them.  Raises InvalidField."""
    if not isinstance(value, Mapping):
        raise InvalidField(place, "wants keys and values")
    unknown = sorted(str(key) for key in value if known is not None and key not in known)
    if unknown:
        raise InvalidField(place, f"has the unknown key {unknown[0]!r:.80}")
    return dict(value)


def flag(fields: Mapping[str, Any], name: str, place: str, *, default: bool) -> bool:
    """Return true or false.  Raises InvalidField."""
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise InvalidField(f"{place}.{name}", "wants true or false")
    return value


def plain(value: Any, place: str) -> str:
    """Return a text.  Raises InvalidField."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidField(place, "wants a text; write numbers in quotes")
    return value
