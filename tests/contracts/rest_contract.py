"""What a published REST interface takes and gives, as a table that every request and every answer of a fake is held against."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jsonschema import Draft7Validator

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 1}
FLAG: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
ANYTHING: Schema = {}


def text(*, least: int = 0, most: int | None = None, pattern: str | None = None) -> Schema:
    limits = {"minLength": least, "maxLength": most, "pattern": pattern}
    return {"type": "string", **{name: value for name, value in limits.items() if value is not None}}


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def list_of(item: Schema, *, least: int = 0) -> Schema:
    return {"type": "array", "items": item, "minItems": least, "uniqueItems": True}


def record(required: Mapping[str, Schema] | None = None, /, **optional: Schema) -> Schema:
    """Return an object with these fields and no others."""
    needed = dict(required or {})
    return {
        "type": "object",
        "properties": {**needed, **optional},
        "required": list(needed),
        "additionalProperties": False,
    }


@dataclass(frozen=True)
class Operation:
    """One operation of an interface.

    Attributes:
        name: as its document calls it.
        path: with `{names}`; one that ends with `{path}` takes slashes, too.
        source: title, version and place of the document.
        query: parameter -> pattern of its values.
        body: what a request must be; None: it has none.
        answer: what `result` must be; None: the answer is no JSON.
    """

    name: str
    method: str
    path: str
    source: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Schema | None = None
    answer: Schema | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", self.path)
        made = [re.escape(part) if n % 2 == 0 else _group(part) for n, part in enumerate(parts)]
        return re.compile("".join(made) + "/?")

    def complaints(self, query: Mapping[str, str], body: Any) -> list[str]:
        """Return what is wrong with a request; empty: nothing."""
        found = [f"{self.name}: unknown parameter {name}" for name in query if name not in self.query]
        found += [
            f"{self.name}: parameter {name}={value}"
            for name, value in query.items()
            if name in self.query and not re.fullmatch(self.query[name], value)
        ]
        if self.body is None:
            return found + ([f"{self.name}: takes no body"] if body is not None else [])
        return found + _wrong(self.body, body, self.name)

    def wrong_answers(self, result: Any) -> list[str]:
        return [] if self.answer is None else _wrong(self.answer, result, f"the answer to {self.name}")


def operation_of(
    table: Sequence[Operation], method: str, path: str
) -> tuple[Operation, dict[str, str]] | None:
    """Return the operation that a request is for, with the values of its names."""
    for operation in table:
        found = operation.pattern.fullmatch(path)
        if found and operation.method == method:
            return operation, found.groupdict()
    return None


def _group(name: str) -> str:
    return rf"(?P<{name}>.*)" if name == "path" else rf"(?P<{name}>[^/]+)"


def _wrong(schema: Schema, value: Any, what: str) -> list[str]:
    return [
        f"{what}: {'/'.join(str(part) for part in error.absolute_path) or '/'}: {error.message}"
        for error in Draft7Validator(schema).iter_errors(value)
    ]
