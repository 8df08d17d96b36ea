"""JSON that means the same to every reader, and all else refused with its place."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidJson
from datacatalog.domain.strict_json import DEPTH_MAX, parse_json, parse_object

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)

REFUSED = {
    "nothing": (b"", "Expecting value"),
    "cut off": (b'{"a": 1', "delimiter"),
    "trailing comma": (b'{"a": 1,}', "property name|trailing comma"),
    "second value": (b"{} {}", "Extra data"),
    "single quotes": (b"{'a': 1}", "property name"),
    "comment": (b'{"a": 1 /* one */}', "delimiter"),
    "key twice": (b'{"a": 1, "a": 1}', "key 'a' is given twice"),
    "key twice, after others": (b'{"b": 1, "c": 2, "a": 1, "a": 1}', "key 'a' is given twice"),
    "key twice, escaped": (rb'{"a": 1, "\u0061": 2}', "key 'a' is given twice"),
    "key twice, deep": (b'[{"b": [{"a": 1, "a": 2}]}]', "key 'a' is given twice"),
    "NaN": (b'{"a": NaN}', "NaN is no JSON number"),
    "Infinity": (b"[Infinity]", "Infinity is no JSON number"),
    "-Infinity": (b"-Infinity", "-Infinity is no JSON number"),
    "infinite by overflow": (b"[1e999]", "too large"),
    "-1e999": (b"[-1e999]", "too large"),
    "64 bits and one": (b"[9223372036854775808]", "64 bits"),
    "-64 bits and one": (b"[-9223372036854775809]", "64 bits"),
    "10,000 digits": (b"[" + b"9" * 10_000 + b"]", "64 bits"),
    "half a surrogate pair": (rb'{"a": ["\ud800"]}', "surrogate"),
    "other half": (rb'"\udc00x"', "surrogate"),
    "half a pair as key": (rb'{"\ud83d": 1}', "surrogate"),
    "NUL": (rb'{"a": "x\u0000y"}', "NUL"),
    "NUL as key": (rb'{"\u0000": 1}', "NUL"),
    "bare NUL": (b'"\0"', "control character"),
    "bare newline": (b'"a\nb"', "control character"),
    "byte order mark": (b"\xef\xbb\xbf{}", "byte order mark"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "UTF-8"),
    "UTF-16 without mark": ('{"a": 1}'.encode("utf-16-le"), "property name"),
    "UTF-32": ('{"a": 1}'.encode("utf-32"), "UTF-8"),
    "Latin-1": ('"é"'.encode("latin-1"), "byte 1 is not UTF-8"),
    "surrogate in UTF-8": (b'"\xed\xa0\x80"', "UTF-8"),
    "65 lists deep": (b"[" * 65 + b"]" * 65, "nested deeper than 64"),
    "65 objects deep": (b'{"a":' * 65 + b"1" + b"}" * 65, "nested deeper than 64"),
    "a megabyte deep": (b"[" * 2**20, "nested deeper than 64"),
    "a megabyte deep, closed": (b"[" * 2**19 + b"]" * 2**19, "nested deeper than 64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_ambiguous_or_cannot_be_kept_is_refused(name: str):
    raw, reason = REFUSED[name]
    with pytest.raises(InvalidJson, match=reason) as refused:
        parse_json(raw)
    assert refused.value.http == 400
    assert [set(c) for c in refused.value.complaints] == [{"path", "message"}]


@pytest.mark.parametrize(
    ("raw", "path"), [(rb'{"a": ["x", "\ud800"]}', "/a/1"), (rb'[{"b": "\u0000"}]', "/0/b")]
)
def test_refusal_of_a_character_names_its_place(raw: bytes, path: str):
    with pytest.raises(InvalidJson) as refused:
        parse_json(raw)
    assert refused.value.path == path


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_can_always_be_answered_as_json_text(name: str):
    with pytest.raises(InvalidJson) as refused:
        parse_json(REFUSED[name][0])
    text = json.dumps(refused.value.complaints, ensure_ascii=False) + str(refused.value)
    assert len(text.encode()) < 2000


@given(value=VALUES)
def test_what_is_plain_json_is_read_as_it_was_written(value):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert parse_json(text) == parse_json(text.encode()) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (rb'"\ud83d\ude00"', "😀"),
        (b"[9223372036854775807, -9223372036854775808]", [2**63 - 1, -(2**63)]),
        (b"[-0, 1e-999]", [0, 0.0]),
        (b" \t\r\n{} ", {}),
        (b"[" * DEPTH_MAX + b"]" * DEPTH_MAX, None),
        (b'{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', None),
    ],
)
def test_what_looks_odd_but_is_sound_is_read(raw: bytes, value: object):
    assert parse_json(raw) == (json.loads(raw) if value is None else value)


def test_object_is_read_where_one_is_wanted():
    assert parse_object(b'{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"[]", "an array"),
        (b'"x"', "a string"),
        (b"null", "null"),
        (b"true", "true or false"),
        (b"7", "a number"),
    ],
)
def test_where_an_object_is_wanted_no_other_value_passes(raw: bytes, kind: str):
    with pytest.raises(InvalidJson, match=f"an object is wanted, not {kind}"):
        parse_object(raw)


@given(raw=st.binary(max_size=60))
def test_no_bytes_raise_anything_else(raw: bytes):
    with suppress(InvalidJson):
        assert parse_json(raw) == json.loads(raw)
