"""Records as rows: how a value becomes the text of a cell, how a field becomes a column, and the way back.

A cell holds its value as JSON, but text stands there as it is wherever it reads back as the same text. So `1` is the text "1" in
a column whose schema wants text, a number in any other, and `"1"` (in quotes) is text everywhere. An empty cell is no field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField, InvalidJson
from datacatalog.domain.kinds import SPECS, Relation
from datacatalog.domain.strict_json import RECORD_DEPTH_MAX, parse_json

Types = frozenset[str]
"""JSON Schema names of types: null, boolean, integer, number, string, array, object."""

ANYTHING: Types = frozenset()
"""The types of a column that no schema speaks of."""

_DEPTH_MAX = 16
_JSON_BEGINS = frozenset('"[{-0123456789tfn \t\r\n')
_TRUTHS = {"true": True, "false": False}
_TO_ESCAPE = re.compile(r"[.\\]")
_NAME_PARTS = re.compile(r"\\(.)|(\.)|([^\\.]+|\\)", re.DOTALL)


def _bare(name: str) -> str:
    """Return a name without what people vary: capitals, spaces, dashes, underscores."""
    return re.sub(r"[\s_-]", "", name).lower()


_WELL_KNOWN = {
    _bare(name): name
    for name in (*Relation, *(name for spec in SPECS.values() for name in spec.identifiers))
    if "_" in name
}
"""Links and identifiers. A column that is called nearly so is a slip which would lose them; of other fields nobody can tell."""


# ----------------------------------------------------------------------------------------------- cells


def read_cell(text: str, types: Types = ANYTHING) -> Any:
    """Return the value that a cell stands for.

    Args:
        text: not empty: an empty cell is no field.
        types: what the schema allows there; none: anything.
    Raises:
        InvalidJson: the value is of none of these types, or cannot be kept.
    """
    if "\0" in text:
        raise InvalidJson("a NUL character cannot be kept")
    value, reason = _as_json(text)
    if reason is None and _is_a(value, types):
        return value
    if not types or "string" in types:
        return text
    if "boolean" in types and text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    wanted = " or ".join(sorted(types - {"null"})) or "null"
    # The reason helps where JSON was meant; of a word it would only say that it is none.
    why = f" ({reason})" if reason and (text[:1] in "[{" or "64 bits" in reason) else ""
    raise InvalidJson(f"{text[:80]!a} is no {wanted}{why}")


def cell(value: Any, types: Types = ANYTHING) -> str:
    """Return the text that `read_cell` reads as `value`, which is of one of `types`."""
    if isinstance(value, str) and value and _stands_for_itself(value, types):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _stands_for_itself(text: str, types: Types) -> bool:
    try:
        read = read_cell(text, types)
    except InvalidJson:
        return False
    return isinstance(read, str) and read == text


def _as_json(text: str) -> tuple[Any, str | None]:
    """Return a value and None, or None and why the text is no JSON that can be kept."""
    if text[:1] not in _JSON_BEGINS:
        return None, "no JSON"
    try:
        return parse_json(text, depth_max=RECORD_DEPTH_MAX), None
    except InvalidJson as e:
        return None, e.reason


def _is_a(value: Any, types: Types) -> bool:
    match value:
        case _ if not types:
            return True
        case None:
            return "null" in types
        case bool():
            return "boolean" in types
        case int():
            return not types.isdisjoint({"integer", "number"})
        case float():
            return "number" in types or ("integer" in types and value.is_integer())
        case str():
            return "string" in types
        case list():
            return "array" in types
    return "object" in types


# --------------------------------------------------------------------------------------------- columns


def column_of(field: str) -> str:
    """Return the name of the column that a field stands in: a dot or backslash in it gets a backslash.

    Raises:
        InvalidField: the field has no name, so it cannot be a column.
    """
    if not field:
        raise InvalidField("(no name)", "a field without a name cannot be a column; JSON Lines can hold it")
    return _TO_ESCAPE.sub(r"\\\g<0>", field)


def path_of(column: str) -> tuple[str, ...]:
    """Return the field that a column holds, as its path: `temperature.value` is ("temperature", "value").

    Raises:
        InvalidField: a part of the name is empty, or there are too many.
    """
    parts = [""]
    for escaped, dot, plain in _NAME_PARTS.findall(column):
        if dot:
            parts.append("")
        else:
            parts[-1] += escaped or plain
    if not all(parts) or len(parts) > _DEPTH_MAX:
        raise InvalidField(column or "(no name)", "is no name of a column")
    return tuple(parts)


def paths_of(columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the paths of all columns of a table.

    Raises:
        InvalidField: as `path_of`; two columns hold the same field, or one a part of what the other holds; a column is
            called nearly as a link or an identifier is.
    """
    paths = [path_of(column) for column in columns]
    for column, path in zip(columns, paths, strict=True):
        meant = _WELL_KNOWN.get(_bare(path[0]), path[0])
        if meant != path[0]:
            raise InvalidField(column, f"is spelt {meant}")
    seen: set[tuple[str, ...]] = set()
    for column, path in zip(columns, paths, strict=True):
        if path in seen:
            raise InvalidField(column, "is the name of two columns")
        seen.add(path)
    for column, path in zip(columns, paths, strict=True):
        above = next((path[:n] for n in range(1, len(path)) if path[:n] in seen), None)
        if above is not None:
            raise InvalidField(column, f"lies within column {'.'.join(above)}")
    return paths


def placed(values: Iterable[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    """Return the document that has these values at these paths."""
    document: dict[str, Any] = {}
    for path, value in values:
        inner = document
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return document


# ----------------------------------------------------------------------------------------------- types


def types_at(schema: Any, path: Sequence[str], get: Callable[[str], JsonObject]) -> Types:
    """Return the types that a schema allows at a path; ANYTHING where it does not say.

    Args:
        get: returns a schema that is referred to, by its name without `.json`.
    """
    for name in path:
        schema = _resolved(schema, get)
        properties = schema.get("properties", {})
        if name not in properties:
            return ANYTHING
        schema = properties[name]
    return _types_of(schema, get, _DEPTH_MAX)


def _types_of(schema: Any, get: Callable[[str], JsonObject], depth: int) -> Types:
    """Return at least the types that a schema allows; ANYTHING where that is hard to say."""
    schema = _resolved(schema, get)
    if depth == 0:
        return ANYTHING
    if "type" in schema:
        said = schema["type"]
        return frozenset([said] if isinstance(said, str) else said)
    for word in ("enum", "const"):
        if word in schema:
            values = schema[word] if word == "enum" else [schema[word]]
            return frozenset(_type_of(value) for value in values)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            found = [_types_of(each, get, depth - 1) for each in schema[word]]
            return frozenset().union(*found) if all(found) else ANYTHING
    return ANYTHING


def _resolved(schema: Any, get: Callable[[str], JsonObject]) -> JsonObject:
    for _ in range(_DEPTH_MAX):
        if not isinstance(schema, Mapping):
            return {}
        if "$ref" not in schema:
            return schema
        reference = str(schema["$ref"])
        if "#" in reference:
            return {}
        schema = get(reference.rsplit("/", 1)[-1].removesuffix(".json"))
    return {}


def _type_of(value: Any) -> str:
    names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
    return names.get(type(value), "array" if isinstance(value, list) else "object")
