"""Records as documents of MongoDB: nothing is lost on the way through BSON, and marks meet where answers would differ."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.mongo import documents, marking
from datacatalog.adapters.stores.mongo.documents import EXACT
from datacatalog.adapters.stores.mongo.published_documents import converted
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Record
from tests.shared import shared

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
FILE = TypedUuid("10500000-0000-5000-8000-000000000001")
OTHER = TypedUuid("10500000-0000-5000-8000-000000000002")

names = st.text(max_size=6) | st.sampled_from(
    ["", "$set", "a.b", "\0", "uuid", "_id", "_n", "_salt", "child_of", "name", "level", "_seen", "file_id"]
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(names, values, max_size=6)


def stored(body: dict[str, Any], **changes: Any) -> Record:
    record = Record(kind=Kind.FILE, uuid=FILE, body=body, salt="s", admin={"owner": "o"})
    return replace(record, **{"revision": 0, "created": AT, "modified": AT, **changes})


def kept(record: Record, targets: documents.Targets | None = None) -> dict[str, Any]:
    """Return the document as a server would give it back."""
    return bson.decode(bson.encode(documents.of_record(record, targets or {})))


@given(body=bodies)
def test_any_body_comes_back_to_the_letter(body: dict[str, Any]) -> None:
    found = documents.record_of(Kind.FILE, kept(stored(body)))
    assert found is not None
    assert codec.text_of(found.body, "file") == codec.text_of(body, "file")
    assert replace(found, body={}) == replace(stored(body), body={})


@pytest.mark.parametrize("levels", [49, 99, 150])
def test_what_is_nested_deeper_than_a_server_takes_comes_back(levels: int) -> None:
    body: dict[str, Any] = {"x": 1}
    for _ in range(levels):
        body = {"deeper": [body]}
    document = kept(stored(body))
    assert documents.record_of(Kind.FILE, document) == stored(body)
    assert EXACT in document


def test_ordinary_body_stands_at_the_top_as_published() -> None:
    body = {"name": "/a", "size": 2**40, "level": "1", "notes": [{"a.b": 1}], "_seen": "x"}
    document = documents.of_record(stored(body), {Relation.GENERATED_BY: {OTHER}})
    assert EXACT not in document
    assert {name: document[name] for name in body} == body
    assert document["generated_by"] == [OTHER]
    assert document["child_of"] == []
    assert document["_properties"]["created_date"] == AT.replace(microsecond=123000)


def test_list_in_a_searchable_field_is_not_found_by_its_elements() -> None:
    document = kept(stored({"name": ["/a"], "level": "1"}))
    assert "name" not in document
    assert document["level"] == "1"


@given(at=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_instants_keep_their_microseconds(at: datetime) -> None:
    known = at.replace(tzinfo=UTC)
    assert documents.instant_of("at", bson.decode(bson.encode(documents.of_instant("at", known)))) == known


@given(
    one=st.lists(st.text("a/%2f", max_size=4), min_size=2, max_size=2),
    two=st.lists(st.text("a/%2f", max_size=4), min_size=2, max_size=2),
)
def test_different_texts_make_different_keys(one: list[str], two: list[str]) -> None:
    assert (documents.key(*one) == documents.key(*two)) == (one == two)


# ----------------------------------------------------------------------------------------------- marks

paths = st.text("ab/", min_size=1, max_size=6)


@settings(max_examples=300)
@given(name=paths, low=paths, high=paths)
def test_record_that_comes_into_a_range_touches_its_mark(name: str, low: str, high: str) -> None:
    if low <= name < high:
        touched = marking.of_record(stored({"name": name}))
        assert marking.values_between(Kind.FILE, "name", low, high) in touched


@given(name=paths, folder=paths)
def test_range_of_a_folder_is_not_touched_from_beside_it(name: str, folder: str) -> None:
    low, high = f"{folder}/", f"{folder}0"
    seen = marking.values_between(Kind.FILE, "name", low, high)
    if not name.startswith(low):
        assert seen not in marking.of_record(stored({"name": name}))
    assert seen == marking.values_between(Kind.FILE, "name", f"{low}a", high)


def test_change_of_another_field_leaves_pages_alone() -> None:
    old, new = stored({"name": "/a", "level": "1", "n": 1}), stored({"name": "/a", "level": "2", "n": 2})
    touched = marking.of_record(new, old)
    assert marking.record(FILE) in touched
    assert marking.value(Kind.FILE, "level", "1") in touched
    assert marking.value(Kind.FILE, "level", "2") in touched
    assert marking.value(Kind.FILE, "name", "/a") not in touched
    assert marking.kind(Kind.FILE) not in touched


def test_hidden_record_leaves_all_the_pages_that_it_was_on() -> None:
    old = stored({"name": "/a", "level": "1"})
    touched = marking.of_record(replace(old, visible=False), old)
    assert marking.value(Kind.FILE, "level", "1") in touched
    assert marking.kind(Kind.FILE) in touched


@given(number=st.integers(0, 255), after=st.integers(0, 255), last=st.none() | st.integers(0, 255))
def test_record_that_comes_onto_a_page_touches_its_marks(number: int, after: int, last: int | None) -> None:
    uuid = lambda place: TypedUuid(f"105{place:02x}000-0000-5000-8000-000000000000")  # noqa: E731
    if uuid(after) < uuid(number) and (last is None or number <= last):
        seen = marking.records_between(Kind.FILE, uuid(after), None if last is None else uuid(last))
        assert set(seen) & marking.of_record(stored({}, uuid=uuid(number)))


# ------------------------------------------------------------------------------- as the published system wrote them


def test_worked_record_of_the_documents_is_read_whole() -> None:
    said = json.loads(shared("fixtures", "pipelinejobs", "agave-proxy", "jobdocument.json").read_text())
    found = converted(Kind.PIPELINEJOB, said, "salt")
    job = documents.record_of(Kind.PIPELINEJOB, bson.decode(bson.encode(found.document)))
    assert job is not None
    assert job.uuid == said["uuid"]
    left = {"uuid", "history", "generated_by"}
    assert {n: v for n, v in job.body.items() if n not in left} == {
        name: value for name, value in said.items() if name not in left and not name.startswith("_")
    }
    assert [each["name"] for each in found.history] == [each["name"] for each in said["history"]]
    assert [each["data"] for each in found.history] == [each["data"] for each in said["history"]]
    assert found.history[-1]["state"] == said["state"]
    assert found.document["generated_by"] == said["generated_by"]
