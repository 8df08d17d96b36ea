from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidField, UnsafePath
from datacatalog.domain.references import (
    ByIdentifier,
    ByPlace,
    ByUuid,
    DerivedReference,
    read_derived,
    references_in,
)

ARCHIVE = "/products/v2/106c46ff/casual-bass"
FILE, REFERENCE = "105bb0a0-1111-5222-8333-444455556666", "109bb0a0-1111-5222-8333-444455556666"


def read(text: str) -> DerivedReference:
    return read_derived(text, system="archive", archive_path=ARCHIVE)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (FILE, ByUuid(FILE)),
        (REFERENCE.upper(), ByUuid(REFERENCE)),
        ("file.tacc.20001", ByIdentifier("file.tacc.20001")),
        ("novel_chassis_ref", ByIdentifier("novel_chassis_ref")),
        ("5027aa77-d524-5359-a802-a8008adaecb5", ByIdentifier("5027aa77-d524-5359-a802-a8008adaecb5")),
        ("/uploads//a/b.csv", ByPlace(None, "/uploads/a/b.csv")),
        ("agave://other/a//b.csv", ByPlace("other", "/a/b.csv")),
        ("./out/a.csv", ByPlace("archive", f"{ARCHIVE}/out/a.csv")),
        ("./out/../a.csv", ByPlace("archive", f"{ARCHIVE}/a.csv")),
        (".//a.csv", ByPlace("archive", f"{ARCHIVE}/a.csv")),
        (" ./a.csv ", ByPlace("archive", f"{ARCHIVE}/a.csv")),
    ],
)
def test_source_is_told_by_how_it_is_written(text: str, named: DerivedReference) -> None:
    assert read(text) == named


@pytest.mark.parametrize(
    "text",
    ["./../a", "../a", "./a/../../b", "./..", "./", "./.", "/a/../b", "agave://s/../b", "/a\0", "./\udc80"],
)
def test_source_that_leaves_its_place_is_refused(text: str) -> None:
    with pytest.raises(UnsafePath) as refused:
        read(text)
    assert refused.value.field == "derived_from"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("1035bb0a-1111-5222-8333-444455556666", "sample"),
        ("agave://", "agave://system/path"),
        ("agave:///a", "agave://system/path"),
    ],
)
def test_source_that_names_nothing_usable_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidField, match=reason):
        read(text)


@given(st.text(st.sampled_from("./ab\0\\"), max_size=12))
def test_relative_source_is_always_below_the_archive(text: str) -> None:
    try:
        named = read(f"./{text}")
    except UnsafePath:
        return
    assert isinstance(named, ByPlace)
    assert named.path.startswith(f"{ARCHIVE}/")
    assert "/../" not in f"{named.path}/"


def test_files_and_references_are_found_in_inputs_and_parameters() -> None:
    data = {
        "inputs": {"reads": "/uploads/a.fastq", "genome": "agave://data-sd2e-community/reference/g.fa"},
        "parameters": {"from": "/products/v2/x.csv", "web": "https://example.org/ref.fa", "threshold": "0.5"},
        "elsewhere": "/uploads/not-looked-at",
    }
    assert references_in(data) == (
        ("agave://data-sd2e-community/uploads/a.fastq", "agave://data-sd2e-community/products/v2/x.csv"),
        ("agave://data-sd2e-community/reference/g.fa", "https://example.org/ref.fa"),
    )


def test_inputs_may_be_a_list_and_lists_may_be_nested() -> None:
    data = {"inputs": ["/uploads/a", ["/uploads/b", {"deep": ["/uploads/c"]}], "/uploads/a"]}
    assert references_in(data, "s")[0] == (
        "agave://s/uploads/a",
        "agave://s/uploads/b",
        "agave://s/uploads/c",
    )


def test_what_is_no_string_is_passed_over() -> None:
    parameters = {
        "salsa": True,
        "n": 1,
        "x": 0.5,
        "none": None,
        "list": [1, [False, "/uploads/a"]],
        "object": {},
    }
    assert references_in({"inputs": None, "parameters": parameters}, "s") == (("agave://s/uploads/a",), ())
    assert references_in({"inputs": 7, "parameters": "text"}) == ((), ())
    assert references_in({}) == ((), ())


@pytest.mark.parametrize("place", ["uploads", "products", "reference"])
def test_uri_of_either_class_keeps_its_one_scheme(place: str) -> None:
    files, references = references_in({"inputs": {"a": f"agave://other//{place}/x/"}})
    assert files + references == (f"agave://other/{place}/x",)


@pytest.mark.parametrize(
    "text",
    [
        "/uploads",
        "uploads/a",
        "see /uploads/a",
        "/home/a",
        "/uploads/../../etc/passwd",
        "agave://",
        "http://",
        "/uploads/\0",
    ],
)
def test_what_is_no_place_of_a_file_is_passed_over(text: str) -> None:
    assert references_in({"inputs": [text]}) == ((), ())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("/uploads/a"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(inputs=json_values, parameters=json_values)
def test_any_data_can_be_looked_through(inputs: Any, parameters: Any) -> None:
    files, references = references_in({"inputs": inputs, "parameters": parameters})
    assert all(uri.startswith("agave://") for uri in files)
    assert all(uri.startswith(("agave://", "http://", "https://")) for uri in references)
