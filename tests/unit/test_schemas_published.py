"""What was published fits: fixtures, exports, printed examples. Where ours differ, they are wider, and listed here."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from datacatalog.adapters.schemas import JsonSchemas
from datacatalog.domain.kinds import PREFIXES
from tests.shared import CATALOGS, shared
from tests.unit.schema_material import (
    ACTORS,
    MESSAGES,
    documents_of,
    fixture,
    inlined,
    printed_in_the_documents,
)

SCHEMAS = JsonSchemas()

PIPELINES = (
    "demo-01",
    "manual-upload",
    "metadata_capture",
    "novel_chassis_rnaseq",
    "platereader",
    "rnaseq",
    "tacobot",
    "tasbe",
    "urrutia-aggregation",
    "urrutia-multiqc",
)
CATALOG_PIPELINES = (
    *PIPELINES,
    "control-annotator",
    "data-converge",
    "obs-catalog",
    "sample-qc",
    "wc_app",
)

WIDENED = {
    **{
        ("pipeline_manager_create", f"pipeline/{name}.json"): "id is a field; image stands for repo"
        for name in PIPELINES
    },
    **{
        ("pipeline", f"{folder}/{name}.json"): "pipeline_type is what documents say; any label is a file type"
        for folder, names in {"pipeline": PIPELINES, "catalog/pipelines": CATALOG_PIPELINES}.items()
        for name in names
    },
    ("file_document", "file/file3a.json"): "a file may belong to several measurements",
    ("file_document", "file/file4a.json"): "the published schema points at a job_uuid.json that is not there",
    ("file_document", "file/file5.json"): "a file may be derived from any record",
}
"""(our schema, document) -> why we accept what the published schema refuses."""


def published_verdicts() -> dict[tuple[str, str], bool]:
    tables = [
        fixture("derived", f"schema_validity_{name}.json") for name in ("seed_schemas", "published_2.2.0")
    ]
    return {
        (row["schema"].partition(".json")[0], row["document"]): row["valid"]
        for table in tables
        for row in table
    }


def test_verdicts_are_the_published_ones_but_for_the_listed_widenings() -> None:
    published = published_verdicts()
    ours = {case: SCHEMAS.valid(case[0], fixture(*case[1].split("/"))) for case in published}
    assert {case for case in published if ours[case] != published[case]} == set(WIDENED)
    assert all(ours[case] for case in WIDENED)


def test_launch_message_of_another_schema_is_refused_for_its_unknown_field() -> None:
    found = SCHEMAS.complaints("agave_pipelinejob", fixture("agave-proxy", "message11.json"))
    assert found == [("", "Additional properties are not allowed ('collection' was unexpected)")]


@pytest.mark.parametrize("name", CATALOGS)
def test_published_catalog_records_fit_the_object_and_the_document_of_their_kind(name: str) -> None:
    kind = CATALOGS[name]
    for record in fixture("catalog", f"{name}.json"):
        public = {field: value for field, value in record.items() if not field.startswith("_")}
        stored = {"uuid": f"{PREFIXES[kind]}acb4d-1f93-553a-9e1c-b7b58125bc89", **public}
        assert SCHEMAS.complaints(kind, public) == []
        assert SCHEMAS.complaints(f"{kind}_document", stored) == []


@pytest.mark.parametrize("folder", ["file", "catalog/files"])
def test_published_files_fit_the_object_and_the_document(folder: str) -> None:
    paths = sorted(shared("fixtures", "pipelinejobs", *folder.split("/")).glob("*.json"))
    assert paths
    for path in paths:
        document = fixture(*folder.split("/"), path.name)
        assert SCHEMAS.complaints("file", document) == []
        assert SCHEMAS.complaints("file_document", document) == []


@pytest.mark.parametrize("folder", ["pipeline", "catalog/pipelines", "agave-proxy"])
def test_published_pipelines_can_be_created_and_stored(folder: str) -> None:
    paths = sorted(shared("fixtures", "pipelinejobs", *folder.split("/")).glob("*.json"))
    pipelines = [
        document for path in paths if "components" in (document := fixture(*folder.split("/"), path.name))
    ]
    assert pipelines
    for document in pipelines:
        for name in ("pipeline_manager_create", "pipeline", "pipeline_document"):
            assert SCHEMAS.complaints(name, document) == []


@pytest.mark.parametrize(
    "path", ["pipelinejob/tacobot.json", "pipelinejob/tacobot-2.json", "agave-proxy/jobdocument.json"]
)
def test_published_job_records_fit_the_object_and_the_document(path: str) -> None:
    document = fixture(*path.split("/"))
    assert SCHEMAS.complaints("pipelinejob", document) == []
    assert SCHEMAS.complaints("pipelinejob_document", document) == []


@pytest.mark.parametrize("name", ["tacobot.json", "tacobot2.json"])
def test_older_job_requests_fit_job_creation(name: str) -> None:
    assert SCHEMAS.complaints("pipelinejob_create", fixture("pipelinejobs_v1", name)) == []


@pytest.mark.parametrize("folder", ["pipelinejob", "pipelinejobs_v1"])
@pytest.mark.parametrize(
    ("event", "schema"),
    [
        *((event, "pipelinejob_manager_event") for event in ("run", "update", "resource", "finish", "fail")),
        ("delete", "pipelinejob_manager_delete_action"),
        ("force-delete", "pipelinejob_manager_delete_action"),
        ("agave-run", "agave_job_callback"),
    ],
)
def test_published_messages_to_the_jobs_manager_fit_exactly_one_schema(
    folder: str, event: str, schema: str
) -> None:
    document = fixture(folder, f"tacobot-{event}.json")
    assert [name for name in ACTORS["jobs-manager"] if SCHEMAS.valid(name, document)] == [schema]


def schema_for(document: dict[str, Any]) -> str | None:
    """Tell which schema a printed document is an example of, by the words of the page around it."""
    if "components" in document:
        return "pipeline_manager_create"
    if "job_definition" in document:
        return "agave_pipelinejob"
    if "history" in document:
        return "pipelinejob"
    return {
        "index": "pipelinejob_index",
        "indexed": "pipelinejob_indexed",
        "finish": "pipelinejob_manager_event",
    }.get(document.get("name", ""))


def test_every_example_printed_in_the_documents_fits() -> None:
    examples = [document for document in printed_in_the_documents() if "$schema" not in document]
    named = [(schema_for(document), document) for document in examples]
    assert {name for name, _ in named} >= {
        "pipeline_manager_create",
        "agave_pipelinejob",
        "pipelinejob",
        "pipelinejob_index",
        "pipelinejob_indexed",
        "pipelinejob_manager_event",
    }
    assert [(name, SCHEMAS.complaints(name, document)) for name, document in named if name] == [
        (name, []) for name, _ in named if name
    ]


# ------------------------------------------------------------------------- nothing documented is narrowed

# Documents that a published schema accepts and that are refused on purpose: pipelines of nothing or of no known type,
# and callbacks that claim to be from both platforms.
STRICTER = {
    "pipeline_manager_create": lambda d: (
        not d["components"]
        or not all(d["components"])
        or not _known_type(d.get("pipeline_type", "primary-etl"))
    ),
    "agave_job_callback": lambda d: {"tenantId", "tenantQueue"} <= d.keys(),
}
LINKAGE_NAMES = ("experiment_design_id", "experiment_id", "sample_id", "measurement_id")


def _known_type(said: Any) -> bool:
    return all(SCHEMAS.valid("pipeline_type", one) for one in (said if isinstance(said, list) else [said]))


def published_schema(name: str) -> Any:
    """Return a printed schema with its references filled in by ours; design ids were any text of a list."""
    (printed,) = [d for d in printed_in_the_documents() if d.get("$id", "").endswith(f"/{name}.json")]
    definitions = printed.pop("definitions", {})
    if (
        name == "pipeline_manager_update"
    ):  # "The job UUID": any text, of which only a pipeline's UUID can be meant
        printed["properties"]["uuid"] = {"$ref": "pipeline_uuid.json"}

    def expanded(part: Any) -> Any:
        if isinstance(part, list):
            return [expanded(inner) for inner in part]
        if not isinstance(part, dict):
            return part
        reference = part.get("$ref", "")
        if reference.startswith("#/definitions/"):
            return expanded(definitions[reference.rpartition("/")[2]])
        return {key: expanded(inner) for key, inner in part.items()}

    def ours(reference: str) -> Any:
        return (
            {"type": "string", "minLength": 1}
            if reference == "experiment_reference"
            else SCHEMAS.get(reference)
        )

    return inlined(expanded(printed), ours)


@pytest.mark.parametrize(
    "name",
    [
        "pipeline_manager_create",
        "pipeline_manager_update",
        "agave_job_callback",
        "pipelinejob_manager_event",
        "pipelinejob_index",
        "pipelinejob_indexed",
        "agave_pipelinejob",
    ],
)
def test_what_a_published_schema_accepts_ours_accepts(name: str) -> None:
    schema = published_schema(name)
    published = Draft7Validator(schema)

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(documents_of(schema))
    def accepted(document: Any) -> None:
        assume(published.is_valid(document))
        assume(not STRICTER.get(name, lambda _: False)(document))
        assert SCHEMAS.complaints(name, document) == []

    accepted()


@given(
    labs=st.from_regex(r"[a-z_]{1,10}", fullmatch=True),
    name=st.sampled_from(LINKAGE_NAMES),
    several=st.booleans(),
)
def test_linkage_names_any_laboratory_in_one_text_or_several(labs: str, name: str, several: bool) -> None:
    said: Any = f"{name.removesuffix('_id')}.{labs}.7"
    message = {
        "job_definition": {"appId": "leaf-1.0"},
        "parameters": {name: [said, said] if several else said},
    }
    assert SCHEMAS.complaints("agave_pipelinejob", message) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_other_than_callbacks_take_no_unknown_field(name: str) -> None:
    example = {**SCHEMAS.get(name)["examples"][0], "nonesuch": 1}
    assert SCHEMAS.valid(name, example) == name.endswith("_callback")
