from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.documents import published
from datacatalog.domain.errors import ConflictingFields, InvalidField, InvalidPattern
from datacatalog.domain.indexed import (
    digest_of,
    file_body,
    file_facts,
    is_settled,
    nanoseconds,
    next_fixity,
    remembered,
    states_in,
)
from datacatalog.domain.indexing import (
    LEVELS,
    MAX_REQUESTS,
    ArchiveIndexRequest,
    ProductIndexRequest,
    picked,
    read_index_request,
    requests_for,
)
from datacatalog.domain.kinds import Relation, TypedUuid
from tests.shared import shared

ARCHIVE = "/products/v2/106c46ff/casual-bass"
AT = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)


# ------------------------------------------------------------------------------------------ reading


def test_string_is_a_filter_that_is_decoded_once() -> None:
    request = read_index_request("sample%5C.uw%255C", "2")
    assert request == ArchiveIndexRequest([r"sample\.uw%5C"], "2")


def test_object_with_a_level_is_an_archive_request_and_its_patterns_are_not_decoded() -> None:
    request = read_index_request({"level": "2", "patterns": [r"\.csv$", "%5C"], "note": "for the report"})
    assert request == ArchiveIndexRequest((r"\.csv$", "%5C"), level="2", note="for the report")
    assert request.fixity


def test_object_with_an_origin_is_a_product_request() -> None:
    request = read_index_request(
        {"patterns": ["png$"], "derived_from": ["./a.csv"], "derived_using": ["ref-1"]}
    )
    assert request == ProductIndexRequest(("png$",), ("./a.csv",), ("ref-1",))
    assert not request.fixity


def test_object_with_patterns_alone_is_an_archive_request_at_level_1() -> None:
    assert read_index_request({"patterns": ["a"]}) == ArchiveIndexRequest(["a"], "1")


def test_synonyms_of_fields_are_read() -> None:
    request = read_index_request({"filters": ["a"], "processing_level": "3"})
    assert request == ArchiveIndexRequest(["a"], "3")
    assert read_index_request({"filters": ["a"], "derived_from": []}) == ProductIndexRequest(["a"], [])


def test_a_field_and_its_synonym_may_not_differ() -> None:
    assert (
        read_index_request({"patterns": [], "level": "2", "processing_level": "2"}).to_document()["level"]
        == "2"
    )
    with pytest.raises(ConflictingFields, match="level"):
        read_index_request({"patterns": [], "level": "2", "processing_level": "3"})


def test_null_is_as_good_as_left_out() -> None:
    value = {"patterns": ["a"], "level": None, "note": None, "derived_from": None}
    assert read_index_request(value) == ArchiveIndexRequest(["a"])


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({}, r"\(none\)"),
        ({"level": "1"}, "level"),
        ({"derived_from": ["/a"]}, "derived_from"),
        ({"patterns": ["a"], "derived_using": ["/a"]}, "derived_using, patterns"),
        ({"patterns": ["a"], "levl": "2"}, "levl, patterns"),
        ({"patterns": ["a"], "level": "1", "derived_from": ["/a"]}, "derived_from, level, patterns"),
    ],
)
def test_object_that_is_neither_request_is_refused_with_its_keys(value: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidField, match=f"the keys {named} make neither"):
        read_index_request(value)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"patterns": "a"}, "filters/patterns"),
        ({"patterns": ["a", 1]}, "filters/patterns"),
        ({"patterns": [], "level": 1}, "filters/level"),
        ({"patterns": [], "level": "9"}, "level"),
        ({"patterns": [], "fixity": "yes"}, "filters/fixity"),
        ({"patterns": [], "note": ["n"]}, "filters/note"),
        ({"patterns": [], "generated_by": "x"}, "filters/generated_by"),
        ({"patterns": [], "derived_from": [None]}, "filters/derived_from"),
        ({"patterns": ["fine", "(?=a)"]}, "filters/patterns/1"),
        (7, "filters"),
        (None, "filters"),
        (["a"], "filters"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(value: Any, place: str) -> None:
    with pytest.raises(InvalidField) as refused:
        read_index_request(value)
    assert refused.value.field == place


def test_all_published_levels_are_taken() -> None:
    assert [ArchiveIndexRequest([], level).level for level in LEVELS] == [
        "0",
        "1",
        "2",
        "3",
        "Reference",
        "User",
        "Unknown",
    ]


def test_published_archive_patterns_are_read() -> None:
    job = json.loads(shared("fixtures", "pipelinejobs", "pipelinejob", "tacobot.json").read_text())
    (request,) = requests_for(job["archive_patterns"], ())
    assert request == ArchiveIndexRequest(["ansible.png"], "2", "Defined in archive_patterns")


def test_document_of_a_request_leaves_defaults_out() -> None:
    assert ArchiveIndexRequest(["a"]).to_document() == {"patterns": ["a"], "level": "1"}
    assert ProductIndexRequest(["a"], ["/x"]).to_document() == {
        "patterns": ["a"],
        "derived_from": ["/x"],
        "derived_using": [],
    }


patterns = st.lists(st.sampled_from([r"\.csv$", "a", "logs/", "%5C"]), max_size=3)
texts = st.lists(st.text(max_size=5), max_size=2)
notes = st.none() | st.text(max_size=5)
archive_requests = st.builds(
    ArchiveIndexRequest, patterns, st.sampled_from(LEVELS), notes, st.booleans(), texts
)
product_requests = st.builds(ProductIndexRequest, patterns, texts, texts, notes, st.booleans(), texts)


@given(request=archive_requests | product_requests)
def test_document_of_a_request_is_read_as_the_same_request(
    request: ArchiveIndexRequest | ProductIndexRequest,
) -> None:
    assert read_index_request(json.loads(json.dumps(request.to_document()))) == request


# ------------------------------------------------------------------------------ what an index does


def test_explicit_filters_are_taken_alone_and_strings_become_one_request() -> None:
    own = [{"patterns": ["own"], "level": "3"}]
    product = {"patterns": ["png"], "derived_from": ["./a"]}
    requests = requests_for(own, [], ["a%5C.csv", product, "b"], "2")
    assert requests == (ArchiveIndexRequest([r"a\.csv", "b"], "2"), ProductIndexRequest(["png"], ["./a"]))


def test_level_of_the_index_is_honoured_where_a_filter_says_none() -> None:
    assert requests_for([], [], [{"patterns": ["a"]}, {"patterns": ["b"], "level": "0"}], "2") == (
        ArchiveIndexRequest(["a"], "2"),
        ArchiveIndexRequest(["b"], "0"),
    )


@pytest.mark.parametrize("filters", [None, []])
def test_without_filters_the_jobs_archive_requests_count_and_then_its_product_requests(
    filters: list[str] | None,
) -> None:
    archive, product = {"patterns": ["a"], "level": "2"}, {"patterns": ["b"], "derived_from": ["/x"]}
    assert requests_for([archive], [product], filters, "3") == (
        ArchiveIndexRequest(["a"], "2"),
        ProductIndexRequest(["b"], ["/x"]),
    )


@pytest.mark.parametrize(("level", "given"), [(None, "1"), ("1", "1"), ("2", "2")])
def test_without_any_request_every_file_is_taken_at_the_level(level: str | None, given: str) -> None:
    requests = requests_for([], [], None, level)
    assert requests == (ArchiveIndexRequest([], given),)
    assert picked(requests, f"{ARCHIVE}/any", ARCHIVE) == requests


def test_bad_filter_is_named_by_its_place_in_the_message() -> None:
    with pytest.raises(InvalidPattern) as refused:
        requests_for([], [], ["a", {"patterns": []}, "(?=b)"])
    assert refused.value.field == "filters/2"
    with pytest.raises(InvalidPattern) as refused:
        requests_for([], [{"patterns": ["[b"], "derived_from": []}])
    assert refused.value.field == "product_patterns/0/patterns/0"


def test_requests_are_limited_together() -> None:
    assert len(requests_for([], [], [{"patterns": []}] * MAX_REQUESTS)) == MAX_REQUESTS
    with pytest.raises(InvalidField, match="at most 64"):
        requests_for([], [], [{"patterns": []}] * (MAX_REQUESTS + 1))
    with pytest.raises(InvalidPattern, match="at most 64"):
        requests_for([], [], [{"patterns": ["a"] * 33}] * 2)
    with pytest.raises(InvalidPattern, match="too large"):
        requests_for([], [], [{"patterns": ["(.?){500}"] * 3}] * 8)


def test_every_request_that_picks_a_file_is_told_in_order() -> None:
    every, tables, logs = requests_for(
        [], [], [{"patterns": []}, {"patterns": ["csv$"]}, {"patterns": ["logs/"]}]
    )
    requests = (every, tables, logs)
    assert picked(requests, f"{ARCHIVE}/logs/a.csv", ARCHIVE) == (every, tables, logs)
    assert picked(requests, f"{ARCHIVE}/a.csv", ARCHIVE) == (every, tables)
    assert picked((tables,), f"{ARCHIVE}/a.txt", ARCHIVE) == ()


# --------------------------------------------------------------------------- what the records say


PLACE = {"name": f"{ARCHIVE}/a.csv", "storage_system": "data"}


def test_record_of_a_picked_file_has_name_system_type_and_level() -> None:
    body = file_body(None, **PLACE, type="CSV", request=ArchiveIndexRequest([], "2"))
    assert body == {**PLACE, "type": "CSV", "level": "2"}


def test_product_request_says_nothing_of_the_level() -> None:
    product = ProductIndexRequest([], [])
    assert file_body(None, **PLACE, type="CSV", request=product) == {**PLACE, "type": "CSV"}
    old = {**PLACE, "type": "CSV", "level": "2"}
    assert file_body(old, **PLACE, type="CSV", request=product) == old


def test_picking_a_file_again_changes_nothing() -> None:
    request = ArchiveIndexRequest([], "2", note="seen")
    once = file_body({"lab_label": ["x"], "notes": ["older"]}, **PLACE, type="CSV", request=request)
    assert once["notes"] == ["older", "seen"]
    assert once["lab_label"] == ["x"]
    assert file_body(once, **PLACE, type="CSV", request=request) == once


def test_known_type_is_not_overwritten_by_unknown() -> None:
    request = ArchiveIndexRequest([])
    assert file_body(None, **PLACE, type="UNKNOWN", request=request)["type"] == "UNKNOWN"
    assert file_body({"type": "FCS"}, **PLACE, type="UNKNOWN", request=request)["type"] == "FCS"
    assert file_body({"type": "UNKNOWN"}, **PLACE, type="FCS", request=request)["type"] == "FCS"


def look(old: dict[str, Any] | None = None, **seen: Any) -> dict[str, Any]:
    usual = {
        "name": "/a",
        "storage_system": "data",
        "type": "CSV",
        "size": 5,
        "created": published(AT),
        "modified": published(AT + timedelta(seconds=1)),
        "checksum": "sha256:" + "a" * 64,
    }
    return next_fixity(old, **{**usual, **seen})


def test_first_look_at_a_file_is_version_1() -> None:
    assert look() == {
        "name": "/a",
        "storage_system": "data",
        "type": "CSV",
        "created": "2024-05-01T12:00:00.000+0000",
        "modified": "2024-05-01T12:00:01.000+0000",
        "size": 5,
        "checksum": "sha256:" + "a" * 64,
        "version": 1,
    }


def test_second_look_at_an_unchanged_file_changes_nothing() -> None:
    first = look()
    assert look(first) == first
    assert look(first, created=published(AT + timedelta(days=1))) == first


@pytest.mark.parametrize("change", [{"size": 6}, {"checksum": "sha256:" + "b" * 64}])
def test_version_counts_contents(change: dict[str, Any]) -> None:
    first = {**look(), "fingerprint": 7, "id": "kept"}
    second = look(first, **change)
    assert second["version"] == 2
    assert second["id"] == "kept"
    assert "fingerprint" not in second
    assert look(second)["version"] == 3


def test_touching_a_file_changes_its_date_and_not_its_version() -> None:
    touched = look(look(), modified=published(AT + timedelta(hours=1)))
    assert touched == {**look(), "modified": "2024-05-01T13:00:00.000+0000"}


def test_checksum_of_an_older_record_compares_without_its_algorithm() -> None:
    older = {**look(), "checksum": "a" * 64, "fingerprint": 7, "version": 4}
    assert look(older) == older


def test_published_fixity_values_are_reproduced() -> None:
    with shared("fixtures", "pipelinejobs", "derived", "fixity_expected.csv").open() as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        content = shared("fixtures", "pipelinejobs", "fixity", row["file"]).read_bytes()
        checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
        body = look(size=len(content), checksum=checksum)
        assert (body["size"], body["checksum"]) == (int(row["size"]), f"sha256:{row['sha256']}")
    assert len(rows) == 7


texts = st.text(max_size=5)


@given(
    at=st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC)), size=st.integers(0)
)
def test_facts_of_a_file_are_published_as_everywhere(at: datetime, size: int) -> None:
    facts = file_facts(size, nanoseconds(at), nanoseconds(at) + 999, "sha256:00")
    assert facts == {
        "created": published(at),
        "modified": published(at),
        "size": size,
        "checksum": "sha256:00",
    }


def test_record_remembers_all_requests_that_found_it_as_it_was() -> None:
    memory = remembered("", "v a", 0, kept=False)
    assert states_in(memory, 1) == ["v a"]
    both = remembered(memory, "v b", 1, kept=True)
    assert states_in(both, 2) == ["v a", "v b"]
    assert states_in(both, 1) == states_in(both, 3) == []  # it was changed since
    assert states_in(remembered(both, "v a", 2, kept=True), 3) == ["v b", "v a"]
    assert states_in(remembered(both, "v c", 2, kept=False), 3) == ["v c"]
    assert states_in(remembered(both, "w c", 2, kept=True), 3) == ["w c"]
    assert states_in(remembered(both, "v c", 7, kept=True), 8) == ["v c"]


def test_record_remembers_only_so_many_requests() -> None:
    memory = ""
    for number in range(20):
        memory = remembered(memory, f"v {number}", number, kept=True)
    assert states_in(memory, 20) == [f"v {number}" for number in range(12, 20)]


@pytest.mark.parametrize("memory", ["", " ", "v", "v a", "v 1"])
def test_memory_that_says_nothing_is_none(memory: str) -> None:
    assert states_in(memory, 1) == []


def test_file_that_was_just_written_may_be_written_again_unseen() -> None:
    now, second = nanoseconds(AT), 10**9
    assert is_settled(now - 2 * second - 1, now - 2 * second - 1, now)
    for changed, modified in ((0, 9 * second), (9 * second, 0), (9 * second, -1), (2 * second, 9 * second)):
        assert not is_settled(now - changed, now - modified, now)


def test_digest_tells_apart_what_is_said_of_a_file() -> None:
    job = TypedUuid("107c46ff-0000-5000-8000-000000000000")
    said = [
        ("data", True, {"level": "1"}, []),
        ("data", True, {"level": "2"}, []),
        ("data", False, {"level": "1"}, []),
        ("other", True, {"level": "1"}, []),
        ("data", True, {"level": "1", "notes": ["n"]}, []),
        ("data", True, {"level": "1"}, [(Relation.GENERATED_BY, job)]),
        ("data", True, {"level": "1"}, [(Relation.CHILD_OF, job)]),
    ]
    assert len({digest_of(*each) for each in said}) == len(said)
