"""Values of parameters, and durations: what is accepted, and how they look as text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.paths import is_text

Scalar: TypeAlias = str | int | float | bool

_DURATION = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_integer(value) or (isinstance(value, float) and math.isfinite(value))


TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str) and "\0" not in value and is_text(value),
    "integer": _is_integer,
    "number": _is_number,
    "bool": lambda value: isinstance(value, bool),
}
"""Type of a parameter -> whether a value is of it."""


def as_text(value: Scalar) -> str:
    """Return a value as an argument shows it: texts as they are, others as in JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def duration(text: Any, field: str) -> timedelta:
    """Read `HH:MM:SS`, longer than nothing.  Raises InvalidField."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InvalidField(field, 'wants a duration "HH:MM:SS", as text')
    hours, minutes, seconds = map(int, match.groups())
    found = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not found:
        raise InvalidField(field, "must be longer than nothing")
    return found


def duration_text(duration: timedelta) -> str:
    """Return what `duration` reads."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
