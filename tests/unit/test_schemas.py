"""The schemas themselves: whole, in step with the domain, and found wherever the package lies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from datacatalog.adapters.schemas import PUBLISHED_BASE, JsonSchemas, shipped
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import PREFIXES, SPECS, Kind
from tests.shared import REPOSITORY
from tests.unit.schema_material import ACTORS, MESSAGES

SCHEMAS = JsonSchemas()
EXACT = JsonSchemas(quick=False)
NAMES = sorted(SCHEMAS.names())
ANCHORED = [name for name in NAMES if SCHEMAS.get(name).get("pattern", "").endswith("$")]
DOCUMENTED = [*SPECS, Kind.PRODUCT]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = [value for key, value in part.items() if key != "examples"]
    if isinstance(part, list):
        for inner in part:
            yield from references(inner)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid_draft_07_with_title_description_and_examples(name: str) -> None:
    schema = SCHEMAS.get(name)
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["title"]
    assert schema["description"]
    assert schema["examples"]


@pytest.mark.parametrize("engine", [SCHEMAS, EXACT], ids=["quick", "exact"])
@pytest.mark.parametrize("name", NAMES)
def test_examples_of_a_schema_fit_it(name: str, engine: JsonSchemas) -> None:
    assert [engine.complaints(name, example) for example in engine.get(name)["examples"]] == [
        [] for _ in engine.get(name)["examples"]
    ]


@pytest.mark.parametrize("name", NAMES)
def test_references_are_relative_and_lead_to_sibling_schemas(name: str) -> None:
    assert {ref.removesuffix(".json") for ref in references(SCHEMAS.get(name))} <= set(NAMES)


def test_file_names_are_unique_and_equal_the_last_part_of_the_id() -> None:
    paths = list((REPOSITORY / "schemas").rglob("*.json"))
    assert sorted(path.stem for path in paths) == NAMES
    for path in paths:
        assert json.loads(path.read_text("utf-8"))["$id"] == f"{PUBLISHED_BASE}{path.name}"


@pytest.mark.parametrize("engine", [SCHEMAS, EXACT], ids=["quick", "exact"])
@pytest.mark.parametrize("name", ANCHORED)
def test_anchored_pattern_refuses_anything_after_its_end(name: str, engine: JsonSchemas) -> None:
    for example in engine.get(name)["examples"]:
        assert not engine.valid(name, f"{example}\n")
        assert not engine.valid(name, f"\n{example}")


@pytest.mark.parametrize("kind", PREFIXES)
def test_each_kind_has_a_uuid_schema_that_takes_its_prefix_and_no_other(kind: Kind) -> None:
    tail = "acb4d-1f93-553a-9e1c-b7b58125bc89"
    taken = {other for other, prefix in PREFIXES.items() if SCHEMAS.valid(f"{kind}_uuid", prefix + tail)}
    assert taken == {kind}
    assert SCHEMAS.valid("typed_uuid", PREFIXES[kind] + tail)
    assert SCHEMAS.valid(f"{kind}_uuid", f"uri:urn:{PREFIXES[kind]}{tail}")


def test_typed_uuid_takes_the_prefixes_of_the_kinds_only() -> None:
    tail = "acb4d-1f93-553a-9e1c-b7b58125bc89"
    prefixes = [f"{number:03x}" for number in range(0x1000)]
    assert {p for p in prefixes if SCHEMAS.valid("typed_uuid", p + tail)} == set(PREFIXES.values())


def test_event_and_state_names_are_those_of_the_lifecycle() -> None:
    assert SCHEMAS.get("pipelinejob_eventname")["enum"] == [event.value for event in Event]
    assert SCHEMAS.get("pipelinejob_statename")["enum"] == [state.value for state in State]


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_document_schema_knows_the_fields_and_links_that_its_kind_declares(kind: Kind) -> None:
    spec = SPECS.get(kind, SPECS[Kind.FILE])
    declared = {field for field in (*spec.uuid_fields, *spec.searchable) if not field.startswith("_")}
    known = SCHEMAS.get(f"{kind}_document")["properties"]
    assert declared | {relation.value for relation in spec.relations} <= set(known)


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_public_object_takes_no_private_field_and_names_only_known_ones(kind: Kind) -> None:
    example = SCHEMAS.get(kind)["examples"][0]
    known = SCHEMAS.get(f"{kind}_document")["properties"]
    assert not SCHEMAS.valid(kind, {**example, "_visible": True})
    assert set(SCHEMAS.get(kind)["propertyNames"].get("enum", [])) <= set(known)
    assert SCHEMAS.valid(f"{kind}_document", {**example, "_visible": True, "left_by_an_older_catalog": 1})


@pytest.mark.parametrize("actor", ACTORS)
def test_each_example_message_fits_exactly_one_of_the_schemas_of_its_actor(actor: str) -> None:
    for name in ACTORS[actor]:
        for example in SCHEMAS.get(name)["examples"]:
            assert [other for other in ACTORS[actor] if SCHEMAS.valid(other, example)] == [name]


def test_every_message_schema_belongs_to_an_actor_or_to_job_creation() -> None:
    assert sorted(path.stem for path in (REPOSITORY / "schemas/messages").glob("*.json")) == MESSAGES


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("base", ["http://localhost:8000/schemas", "https://catalog.example.org/v9/"])
def test_schemas_can_live_under_another_base_url(base: str, quick: bool) -> None:
    moved = JsonSchemas(base_url=base, quick=quick)
    for name in NAMES:
        assert moved.get(name)["$id"] == f"{base.rstrip('/')}/{name}.json"
        assert all(moved.valid(name, example) for example in moved.get(name)["examples"])
    assert not moved.valid("pipelinejob_indexed", {"uuid": "not a UUID", "name": "indexed"})


def test_unknown_schema_name_raises_key_error() -> None:
    for ask in (
        lambda: SCHEMAS.valid("nonesuch", {}),
        lambda: EXACT.complaints("nonesuch", {}),
        lambda: SCHEMAS.get("nonesuch"),
    ):
        with pytest.raises(KeyError):
            ask()


def test_changing_a_schema_that_was_handed_out_changes_nothing() -> None:
    schemas = JsonSchemas()
    schemas.get("update_token")["minLength"] = 99  # type: ignore[index]
    assert schemas.get("update_token")["minLength"] == 16


def test_schemas_of_a_folder_of_ones_own_are_used(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "leaf.json").write_text('{"type": "object", "required": ["area"]}')
    schemas = JsonSchemas(folder=tmp_path)
    assert list(schemas.names()) == ["leaf"]
    assert schemas.valid("leaf", {"area": 1})
    assert schemas.complaints("leaf", {}) == [("", "'area' is a required property")]


def test_source_tree_uses_the_schemas_beside_the_sources() -> None:
    assert shipped() == REPOSITORY / "schemas"


def test_installed_package_finds_its_schemas_where_the_wheel_puts_them(tmp_path: Path) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    shutil.copytree(REPOSITORY / "src/datacatalog", tmp_path / "datacatalog")
    shutil.copytree(REPOSITORY / "schemas", tmp_path / included["schemas"])
    script = (
        "from datacatalog.adapters.schemas import JsonSchemas, shipped\n"
        "schemas = JsonSchemas()\n"
        "print(shipped(), len(list(schemas.names())), schemas.valid('update_token', 'x' * 17))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == [str(tmp_path / "datacatalog/schemas"), str(len(NAMES)), "True"]
