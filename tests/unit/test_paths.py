from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.archive import one_spelling
from datacatalog.domain.errors import UnsafePath
from datacatalog.domain.paths import below, components, joined, normalised, relative, shown

paths = st.text(st.sampled_from("./a\0é\\~%"), max_size=16)


@given(path=paths)
def test_path_that_is_taken_has_no_names_that_lead_upwards(path: str) -> None:
    try:
        names = components(path)
    except UnsafePath:
        return
    assert path.startswith("/")
    assert not set(names) & {"", ".", ".."}
    assert normalised(path) == joined(names)
    # POSIX lets exactly two slashes at the beginning mean something of their own.
    assert joined(names) == posixpath.normpath("/" + path.lstrip("/"))
    assert components(joined(names)) == names


@given(base=st.sampled_from(["/a", "/a/b", "/"]), path=paths)
def test_relative_path_stays_below_its_base(base: str, path: str) -> None:
    try:
        whole = below(base, path)
    except UnsafePath:
        return
    assert whole.startswith(base.rstrip("/") + "/")
    assert whole == posixpath.normpath(posixpath.join(base, path.lstrip("/")))


@pytest.mark.parametrize(
    ("path", "base", "place"),
    [("/a/b/c", "/a", "b/c"), ("/a/b/c", "/a/", "b/c"), ("/ab/c", "/a", "ab/c"), ("/a/b", "/", "a/b")],
)
def test_place_below_a_directory_is_told_without_it(path: str, base: str, place: str) -> None:
    assert relative(path, base) == place


def test_untrusted_text_is_shown_short_and_in_ascii() -> None:
    assert shown("a\nb\u202e") == r"'a\nb\u202e'"
    assert len(shown("x" * 10_000)) < 200


def test_complaint_names_the_field_the_path_came_from() -> None:
    with pytest.raises(UnsafePath) as refused:
        components("/a/../b", "archive_path")
    assert refused.value.field == "archive_path"


@given(path=st.text(st.sampled_from("/.ab"), max_size=12))
def test_one_spelling_is_normpath_with_a_single_slash_before(path: str) -> None:
    plain = posixpath.normpath("/" + path.lstrip("/") if path.startswith("/") else path)
    assert one_spelling(path) == plain
