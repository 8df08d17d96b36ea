"""Values as cells and fields as columns, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.adapters.schemas import JsonSchemas
from datacatalog.domain.errors import InvalidField, InvalidJson
from datacatalog.domain.kinds import SPECS
from datacatalog.domain.tabular import (
    ANYTHING,
    Types,
    cell,
    column_of,
    path_of,
    paths_of,
    placed,
    read_cell,
    types_at,
)

SCHEMAS = JsonSchemas()

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["", "1", "-0", "1e5", "null", "true", '"a"', "[]", "{}", " 1 ", "NaN", "9" * 30, "a;b", "\r\n", "007"]
)  # fmt: skip
whole = st.integers(-(2**63), 2**63 - 1)
numbers = whole | st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
of_type = {
    "null": st.none(),
    "boolean": st.booleans(),
    "integer": whole,
    "number": numbers,
    "string": texts,
    "array": st.lists(values, max_size=3),
    "object": st.dictionaries(texts, values, max_size=3),
}


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Types, Any]:
    """Types that a schema may allow (none: anything), and a value of one of them."""
    types = draw(st.sets(st.sampled_from(sorted(of_type)), max_size=3))
    return frozenset(types), draw(of_type[draw(st.sampled_from(sorted(types)))] if types else values)


@given(typed_values())
def test_value_comes_back_from_its_cell(typed: tuple[Types, Any]) -> None:
    types, value = typed
    read = read_cell(cell(value, types), types)
    assert (read, type(read)) == (value, type(value))


def test_value_that_its_schema_forbids_still_shows_in_its_cell() -> None:
    assert cell("x", frozenset({"integer"})) == '"x"'
    assert cell("a\0", frozenset({"string"})) == '"a\\u0000"'


@given(texts.filter(bool), st.sets(st.sampled_from(sorted(of_type))))
def test_text_that_is_read_is_read_alike_when_it_was_written_anew(text: str, types: set[str]) -> None:
    allowed = frozenset(types)
    try:
        value = read_cell(text, allowed)
    except InvalidJson:
        return
    assert read_cell(cell(value, allowed), allowed) == value


@pytest.mark.parametrize(
    ("text", "types", "value"),
    [
        ("1", {"string"}, "1"),
        ("1", {"integer"}, 1),
        ("1", set(), 1),
        ("007", set(), "007"),
        ("NaN", set(), "NaN"),
        ("9" * 25, set(), "9" * 25),
        ('"1"', set(), "1"),
        ('""', {"string"}, ""),
        ('"he" said', {"string"}, '"he" said'),
        ("null", {"string", "null"}, None),
        ("null", {"string"}, "null"),
        ("TRUE", {"boolean"}, True),
        ("[1, 2]", {"array"}, [1, 2]),
        ("2.5", {"number"}, 2.5),
        (" a ", {"string"}, " a "),
        ("true", {"string", "boolean"}, True),
        ("True", {"string", "boolean"}, "True"),
    ],
)
def test_schema_decides_what_the_text_of_a_cell_means(text: str, types: set[str], value: Any) -> None:
    assert read_cell(text, frozenset(types)) == value


@pytest.mark.parametrize(
    ("text", "types", "reason"),
    [
        ("x", {"integer"}, "'x' is no integer"),
        ("1.5", {"integer"}, "'1.5' is no integer"),
        ("NaN", {"number"}, "'NaN' is no number"),
        ("1e999", {"number"}, "is no number"),
        ("9" * 25, {"integer"}, "64 bits"),
        ("yes", {"boolean"}, "'yes' is no boolean"),
        ("[1, 2", {"array"}, "is no array"),
        ('{"a": 1, "a": 2}', {"object"}, "given twice"),
        ("a\0b", {"string"}, "NUL"),
        ("x", {"null"}, "'x' is no null"),
    ],
)
def test_cell_that_cannot_be_what_the_schema_wants_is_refused(
    text: str, types: set[str], reason: str
) -> None:
    with pytest.raises(InvalidJson, match=reason):
        read_cell(text, frozenset(types))


@given(st.lists(texts.filter(bool), min_size=1, max_size=5, unique=True))
def test_field_comes_back_from_its_column(fields: list[str]) -> None:
    assert paths_of([column_of(field) for field in fields]) == [(field,) for field in fields]


def test_dots_lead_into_objects_unless_a_backslash_stands_before_them() -> None:
    assert path_of("temperature.value") == ("temperature", "value")
    assert path_of(r"a\.b") == ("a.b",)
    assert path_of("a\\") == ("a\\",)
    assert placed([(("t", "value"), 5), (("t", "unit"), "C"), (("a.b",), 1)]) == {
        "t": {"value": 5, "unit": "C"},
        "a.b": 1,
    }


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (["a", "a"], "two columns"),
        (["a.b", "a"], "lies within column a"),
        (["a", "a.b.c"], "lies within column a"),
        (["a", ""], "no name of a column"),
        (["a..b"], "no name of a column"),
        (["a" + ".b" * 20], "no name of a column"),
    ],
)
def test_columns_that_cannot_all_be_fields_are_refused(columns: list[str], reason: str) -> None:
    with pytest.raises(InvalidField, match=reason):
        paths_of(columns)


def test_field_without_a_name_is_no_column() -> None:
    with pytest.raises(InvalidField):
        column_of("")


def _nested(depth: int) -> Any:
    return {"anyOf": [_nested(depth - 1)]} if depth else {"type": "string"}


def types(kind: str, *path: str) -> set[str]:
    return set(types_at(SCHEMAS.get(f"{kind}_document"), path, SCHEMAS.get))


def test_types_come_from_the_schema_of_the_kind_through_its_references() -> None:
    assert types("file", "level") == {"string"}
    assert types("sample", "replicate") == {"integer"}
    assert types("sample", "child_of") == {"array"}
    assert types("pipelinejob", "session") == {"string", "null"}
    assert types("sample", "temperature", "value") == set(ANYTHING)
    assert types("sample", "no_such_field") == set(ANYTHING)


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"enum": ["a", 1, None, [], {}]}, {"string", "integer", "null", "array", "object"}),
        ({"const": 2.5}, {"number"}),
        ({"anyOf": [{"type": "string"}, {"type": ["null", "integer"]}]}, {"string", "null", "integer"}),
        ({"oneOf": [{"type": "string"}, {}]}, set()),
        (_nested(20), set()),
        ({"$ref": "#/definitions/a"}, set()),
        ({"$ref": "loop.json"}, set()),
        (True, set()),
    ],
)
def test_schema_that_says_its_types_in_other_words_is_understood(schema: Any, found: set[str]) -> None:
    assert types_at({"properties": {"a": schema}}, ["a"], lambda name: {"$ref": "loop.json"}) == found


def test_every_kind_has_a_schema_that_columns_can_be_read_with() -> None:
    assert all(types(kind.value, "uuid") == {"string"} for kind in SPECS)
