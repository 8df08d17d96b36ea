"""JSON that means the same to every reader: what is ambiguous or cannot be kept is refused at the door.

Refused besides bad syntax: duplicate keys, NaN and Infinity (also by overflow), integers beyond 64 bits, lone surrogates,
NUL characters, nesting deeper than 64, and bytes that are not UTF-8 (a byte order mark included).
"""

from __future__ import annotations

import json
import math
from typing import Any

from datacatalog.domain.errors import InvalidJson

DEPTH_MAX = 64
RECORD_DEPTH_MAX = DEPTH_MAX + 8
"""Of records: what a message said stands deeper there, as in the history of a job."""
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


def parse_json(raw: bytes | str, *, depth_max: int = DEPTH_MAX) -> Any:
    """Return the value that `raw` stands for.

    Args:
        depth_max: how deep arrays and objects may be nested.
    Raises:
        InvalidJson: names the place (line and column, or JSON pointer) and the reason.
    """
    text = raw if isinstance(raw, str) else _decoded(raw)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as e:
        raise InvalidJson(f"{e.msg} at line {e.lineno} column {e.colno}") from None
    except RecursionError:
        raise InvalidJson(f"nested deeper than {depth_max}") from None
    if text.count("[") + text.count("{") > depth_max:
        check_depth(value, depth_max)
    if "\\u" in text:
        _check_strings(value, "")
    return value


def parse_object(raw: bytes | str, *, depth_max: int = DEPTH_MAX) -> dict[str, Any]:
    """Return the object that `raw` stands for.  Raises InvalidJson also where it is another value."""
    value = parse_json(raw, depth_max=depth_max)
    if not isinstance(value, dict):
        raise InvalidJson(f"an object is wanted, not {_name(value)}", "/")
    return value


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as e:
        raise InvalidJson(f"byte {e.start} is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise InvalidJson("begins with a byte order mark")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidJson(f"key {twice[:80]!a} is given twice")
    return made


def _constant(name: str) -> Any:
    raise InvalidJson(f"{name} is no JSON number")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise InvalidJson(f"{text[:40]} is too large a number")
    return value


def _int(text: str) -> int:
    if len(text) > 20 or not _INT_MIN <= (value := int(text)) <= _INT_MAX:
        raise InvalidJson(f"{text[:40]} does not fit into 64 bits")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
)


def check_depth(value: Any, depth_max: int) -> None:
    """Raises InvalidJson: arrays and objects are nested deeper."""
    level = [value]
    for _ in range(depth_max):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise InvalidJson(f"nested deeper than {depth_max}")


def _check_strings(value: Any, path: str) -> None:
    match value:
        case str():
            _check_string(value, path)
        case dict():
            for key, child in value.items():
                _check_string(key, path)
                _check_strings(child, f"{path}/{key}")
        case list():
            for i, child in enumerate(value):
                _check_strings(child, f"{path}/{i}")


def _check_string(text: str, path: str) -> None:
    if "\0" in text:
        raise InvalidJson("a NUL character cannot be kept", path)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidJson(
            "half of a surrogate pair is no character", path.encode("utf-8", "replace").decode()
        ) from None


def _name(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
