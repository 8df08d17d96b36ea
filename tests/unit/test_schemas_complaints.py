"""What people are told about a document that does not fit, and what stores refuse to write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.adapters.schemas import COMPLAINTS_MAX, JsonSchemas, record_checker
from datacatalog.domain.errors import InvalidRecord
from datacatalog.domain.kinds import SPECS, Kind, TypedUuid
from datacatalog.domain.records import Record
from tests.unit.schema_material import JSON_VALUES, MESSAGES, nearly_right

SCHEMAS = JsonSchemas()
EXACT = JsonSchemas(quick=False)
JOB = "107acb4d-1f93-553a-9e1c-b7b58125bc89"
SECRET = "5up3r-s3cr3t-t0k3n-of-36-characters!"
ANYTHING_NEARLY_RIGHT = {
    name: nearly_right(st.sampled_from(SCHEMAS.get(name)["examples"])) for name in MESSAGES
}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"deeper": value}
    return value


@pytest.mark.parametrize(
    ("name", "document", "place", "reason"),
    [
        ("pipelinejob_indexed", {"name": "indexed"}, "", "'uuid' is a required property"),
        ("pipelinejob_indexed", {"uuid": "107", "name": "indexed"}, "/uuid", "'107' is no pipelinejob UUID"),
        ("pipelinejob_indexed", {"uuid": JOB, "name": "index"}, "/name", "'index' is not 'indexed'"),
        (
            "pipelinejob_manager_event",
            {"uuid": JOB, "name": "run", "data": None},
            "/data",
            "null is not of type object",
        ),
        ("pipelinejob_manager_event", [], "", "a list is not of type object"),
        ("sample", {"sample_id": 3.5, "child_of": []}, "/sample_id", "3.5 is not of type string"),
        ("sample", {"sample_id": "", "child_of": []}, "/sample_id", "'' is too short: at least 1 characters"),
        ("process", {"process_id": "p", "name": "P", "nmae": 1}, "", "'nmae' is no field here"),
        ("web_service", {"uri": "no uri"}, "/uri", "'no uri' is no uri"),
        ("fixity", {"name": "/a", "size": -1}, "/size", "-1 breaks the rule minimum: 0"),
        (
            "agave_pipelinejob",
            {"job_definition": {}, "parameters": {"sampel_id": "sample.tacc.1"}},
            "/parameters",
            "an object fits none of the forms allowed here: with 'experiment_design_id', with 'experiment_id', "
            "with 'sample_id', with 'measurement_id', empty",
        ),
        (
            "pipelinejob_index",
            {"uuid": JOB, "name": "index", "filters": ["a", {"level": "9", "patterns": []}]},
            "/filters/1/level",
            "'9' is none of 0, 1, 2, 3, Reference, User, Unknown",
        ),
        (
            "agave_job_callback",
            {**SCHEMAS.get("agave_job_callback")["examples"][0], "tenantId": "t", "tenantQueue": "q"},
            "",
            "an object is an Aloe job callback, which has tenantId and tenantQueue",
        ),
    ],
)
def test_complaint_names_the_place_and_says_why(name: str, document: Any, place: str, reason: str) -> None:
    assert SCHEMAS.complaints(name, document) == [(place, reason)]
    assert not SCHEMAS.valid(name, document)


def test_names_in_a_pointer_are_escaped_as_json_pointers_are(tmp_path: Any) -> None:
    (tmp_path / "leaf.json").write_text('{"additionalProperties": {"type": "string"}}')
    assert JsonSchemas(folder=tmp_path).complaints("leaf", {"a/b~c": 1})[0][0] == "/a~1b~0c"


@pytest.mark.parametrize("value", [SECRET, [SECRET], {"inside": SECRET}])
@pytest.mark.parametrize("name", [name for name in MESSAGES if "token" in SCHEMAS.get(name)["properties"]])
def test_complaint_never_shows_a_token(name: str, value: Any) -> None:
    broken = {**SCHEMAS.get(name)["examples"][0], "token": value, "nonesuch": 1}
    for schema in MESSAGES:
        found = SCHEMAS.complaints(schema, broken) + SCHEMAS.complaints(schema, [broken])
        assert found
        assert SECRET not in str(found)


def test_long_values_are_cut() -> None:
    (found,) = SCHEMAS.complaints("pipelinejob_indexed", {"uuid": "7" * 100_000, "name": "indexed"})
    assert len(found[1]) < 130
    (found,) = SCHEMAS.complaints("pipelinejob_indexed", {"uuid": JOB, "name": "indexed", "x" * 100_000: 1})
    assert len(found[1]) < 250


def test_no_more_than_twenty_complaints_are_made() -> None:
    document = {"uuid": JOB, "name": "index", "filters": [5] * 1000}
    assert len(SCHEMAS.complaints("pipelinejob_index", document)) == COMPLAINTS_MAX == 20


def test_values_nested_too_deeply_are_refused_and_crash_nothing() -> None:
    document = {"uuid": nested(100_000), "name": "indexed"}
    assert not SCHEMAS.valid("pipelinejob_indexed", document)
    assert SCHEMAS.complaints("pipelinejob_indexed", document) == [("", "is nested too deeply to be checked")]


def test_numbers_too_large_to_write_are_refused_and_crash_nothing() -> None:
    assert SCHEMAS.complaints("pipelinejob_indexed", {"uuid": 10**5000, "name": "indexed"}) == [
        ("", "holds a number too large to be checked")
    ]


@given(st.data())
def test_document_has_complaints_exactly_when_it_is_not_valid(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(MESSAGES))
    document = data.draw(ANYTHING_NEARLY_RIGHT[name] | JSON_VALUES)
    for schemas in (SCHEMAS, EXACT):
        assert schemas.valid(name, document) == (not schemas.complaints(name, document))


# -------------------------------------------------------------------------------------------- records


def record(kind: Kind, **body: Any) -> Record:
    uuid = SCHEMAS.get(f"{kind}_uuid")["examples"][0]
    return Record(kind=kind, uuid=TypedUuid(uuid), body=body, salt="s")


@pytest.mark.parametrize("kind", SPECS)
def test_example_document_of_each_kind_can_be_written_as_a_record(kind: Kind) -> None:
    body = {**SCHEMAS.get(kind)["examples"][0], "_fingerprint": "f" * 64, "_salt": 5}
    record_checker(SCHEMAS)(record(kind, **body))


def test_record_that_does_not_fit_its_kind_is_refused_with_the_place() -> None:
    with pytest.raises(InvalidRecord) as refused:
        record_checker(SCHEMAS)(record(Kind.FILE, name="/uploads/a", level="9"))
    assert refused.value.complaints == [
        {
            "schema": "file_document",
            "path": "/level",
            "message": "'9' is none of 0, 1, 2, 3, Reference, User, Unknown",
        }
    ]


def test_record_under_a_uuid_of_another_kind_is_refused() -> None:
    stray = Record(kind=Kind.FILE, uuid=TypedUuid(JOB), body={"name": "/uploads/a", "uuid": "105"}, salt="s")
    with pytest.raises(InvalidRecord, match="/uuid: '107"):
        record_checker(SCHEMAS)(stray)


@pytest.mark.parametrize("schemas", [SCHEMAS, EXACT])
def test_record_may_hold_tuples_where_documents_hold_lists(schemas: JsonSchemas) -> None:
    record_checker(schemas)(record(Kind.FILE, name="/uploads/a", lab_label=("green", "fresh")))
