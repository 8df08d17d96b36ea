"""Records: what is shown of them, what they may say of each other, how two writings become one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import InvalidField, InvalidLink
from datacatalog.domain.kinds import KIND_OF_PREFIX, PREFIXES, SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.records import (
    Link,
    Record,
    check_link,
    combined,
    diff_of,
    link_changes,
    merged,
    patched,
    public_document,
)

A = TypedUuid("103246e1-bcdf-5b6e-a8dc-4c7e81b91141")
B = TypedUuid("102e95e6-67a8-5a06-9484-3131c6907890")
OBJECTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


def a_sample(**body: object) -> Record:
    return Record(kind=Kind.SAMPLE, uuid=A, body={"sample_id": "s.1", **body}, salt="secret")


def test_every_kind_of_record_has_a_prefix_and_a_collection_of_its_own():
    assert len(set(PREFIXES.values())) == len(PREFIXES) == len(Kind) == 24
    assert {KIND_OF_PREFIX[prefix] for prefix in PREFIXES.values()} == set(Kind)
    assert len({spec.collection for spec in SPECS.values()}) == len(SPECS)


def test_document_shows_body_uuid_and_links_and_nothing_private():
    record = a_sample(_secret=1, note="n")
    shown = public_document(record, [Link(source=A, relation=Relation.CHILD_OF, target=B)])
    assert shown == {"uuid": A, "sample_id": "s.1", "note": "n", "child_of": [B]}


def test_document_shows_links_that_it_could_have_as_empty_lists():
    assert public_document(a_sample())["child_of"] == []


@pytest.mark.parametrize(("kind", "relation"), [(k, r) for k in SPECS for r in Relation])
def test_a_kind_carries_the_links_it_declares_and_no_other(kind: Kind, relation: Relation):
    link = Link(source=A, relation=relation, target=B)
    if relation in SPECS[kind].relations:
        check_link(kind, link)
    else:
        with pytest.raises(InvalidLink, match=f"a {kind} carries no such link"):
            check_link(kind, link)


def test_kinds_without_records_carry_no_links():
    with pytest.raises(InvalidLink):
        check_link(Kind.GENERIC, Link(source=A, relation=Relation.CHILD_OF, target=B))


def test_record_cannot_point_at_itself():
    with pytest.raises(InvalidLink, match="itself"):
        check_link(Kind.SAMPLE, Link(source=A, relation=Relation.CHILD_OF, target=A))


@given(old=OBJECTS, new=OBJECTS)
def test_diff_names_exactly_what_differs(old, new):
    diff = diff_of(old, new)
    assert set(diff) == {n for n in {*old, *new} if old.get(n) != new.get(n)}
    assert all(change == [old.get(n), new.get(n)] for n, change in diff.items())


@given(old=OBJECTS, new=OBJECTS)
def test_merging_takes_what_is_new_and_keeps_the_rest_and_twice_is_once(old, new):
    once = merged(old, new)
    assert merged(once, new) == once
    assert set(once) == {*old, *new}
    for key, value in new.items():
        if not isinstance(value, dict) or not isinstance(old.get(key), dict):
            assert once[key] == value or isinstance(value, dict)
    assert {k: v for k, v in once.items() if k not in new} == {k: v for k, v in old.items() if k not in new}


@pytest.mark.parametrize(
    ("old", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_patches_do_what_rfc_7396_lists(old: object, patch: object, result: object):
    assert patched(old, patch) == result


@given(old=OBJECTS, patch=OBJECTS)
def test_patching_twice_is_patching_once_and_names_nothing_else(old, patch):
    once = patched(old, patch)
    assert patched(once, patch) == once
    assert {k: v for k, v in once.items() if k not in patch} == {
        k: v for k, v in old.items() if k not in patch
    }
    assert all(k not in once for k, v in patch.items() if v is None)


@given(had=st.sets(st.sampled_from("abcd")), links=st.sets(st.sampled_from("abcd")))
def test_changes_of_links_are_told_by_relation_where_there_are_any(had, links):
    def said(targets):
        return [Link(source=A, relation=Relation.CHILD_OF, target=TypedUuid(target)) for target in targets]

    same = said("z")[0]
    told = link_changes([*said(had), same], [same, *said(links)])
    assert told == ({} if had == links else {"child_of": [sorted({*had, "z"}), sorted({*links, "z"})]})
    assert link_changes(None, said(links)) == ({"child_of": [None, sorted(links)]} if links else {})


@pytest.mark.parametrize(
    ("strategy", "result"),
    [
        ("merge", {"a": {"x": 1, "y": 2}, "b": [2], "c": 3, "_f": "private"}),
        ("replace", {"a": {"y": 2}, "b": [2], "_f": "private"}),
        ("drop", {"a": {"x": 1}, "b": [1], "c": 3, "_f": "private"}),
    ],
)
def test_strategies_combine_as_they_are_named(strategy: str, result: dict[str, object]):
    old = {"a": {"x": 1}, "b": [1], "c": 3, "_f": "private"}
    assert combined(old, {"a": {"y": 2}, "b": [2]}, strategy) == result


def test_there_is_no_fourth_strategy():
    with pytest.raises(InvalidField, match="merge, replace, drop"):
        combined({}, {}, "append")


def test_diff_says_nothing_of_what_is_private():
    assert diff_of({"_seen": 1, "a": 1}, {"_seen": 2, "_run": 1, "a": 2}) == {"a": [1, 2]}
