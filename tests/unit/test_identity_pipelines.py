"""What makes a pipeline, and what of it may change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datacatalog.domain.errors import ConflictingFields, InvalidField
from datacatalog.domain.identifiers.typed import IDENTITY, Identity, kind_of, overlay
from datacatalog.domain.kinds import Kind
from datacatalog.domain.pipelines.identity import (
    component_type,
    fingerprint,
    pipeline_text,
    pipeline_uuid,
    reduced,
)
from datacatalog.domain.pipelines.older import pipeline_text_p0, pipeline_text_p1
from datacatalog.domain.pipelines.pipeline import (
    fingerprint_of,
    pipeline_body,
    same_components,
    updated_body,
)

ACTOR = {"id": "eqMyqq4xB1Lqa", "image": "index.docker.io/tacc/tacbobot:latest", "options": {}}
OLD_ACTOR = {"id": "eqMyqq4xB1Lqa", "repo": "index.docker.io/tacc/tacbobot:latest", "options": {}}
APP = {"id": "bbq-brisket-0.5.0", "inputs": {}, "parameters": {"smoke": True}}
TACOBOT = {"name": "Tacobot 9000", "id": "tacc/tacobot:9000", "components": [ACTOR, APP]}
UNKNOWN = [
    {"id": "e1LqaqMyqq4xB", "opts": {"cheese": True, "salsa": True, "eggs": False}},
    {"id": "bbq-brisket-0.5.0", "parameters": {"smoke": True, "quantity": 4}},
]

words = st.text(max_size=5)
components = st.dictionaries(
    st.sampled_from(["id", "image", "repo", "uri", "inputs", "parameters", "hostname", "appId", "note"]),
    words,
)


@pytest.mark.parametrize(
    ("id", "found", "uuid"),
    [
        ("tacc/tacobot:9000", [ACTOR, APP], "10650844-1baa-55c5-a481-5e945b19c065"),
        ("tacc/tacobot:9000", [OLD_ACTOR, APP], "1064aaf1-459c-5e42-820d-b822aa4b3990"),
        (
            "sd2e/managedpipelinejob:101",
            [{"id": "D0ZxR0wPLpoJA", "image": "index.docker.io/sd2e/jobs-demo-1:latest", "options": {}}],
            "106c46ff-8186-5756-a934-071f4497b58d",
        ),
        (
            "manual-upload-v0.1",
            [
                {"uri": "https://sd2e.org/data-depot"},
                {"uri": "https://jupyter.sd2e.org/"},
                {"uri": "https://api.sd2e.org/files/v2"},
            ],
            "106a1208-c416-5d0f-9df1-f047e1589895",
        ),
    ],
)
def test_published_pipeline_has_its_published_uuid(id: str, found: list[dict[str, Any]], uuid: str) -> None:
    assert pipeline_uuid(id, found) == uuid


def test_pipeline_text_is_id_then_reduced_components_as_they_stand() -> None:
    text = pipeline_text("p", [{"uri": "u", "note": "n"}, {"id": "a", "appId": "b", "x": 1}])
    assert text == 'p:[{"uri":"u"},{"appId":"b","id":"a"}]'


def test_pipeline_without_id_has_the_published_stand_in() -> None:
    assert pipeline_text(None, []) == pipeline_text("", []) == "pipeline.id:[]"


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (APP, "agave_app"),
        (APP | {"image": "i"}, "agave_app"),
        (ACTOR, "abaco_actor"),
        (OLD_ACTOR, "abaco_actor"),
        ({"id": "a", "image": "i", "hostname": "h"}, "abaco_actor"),
        ({"appId": "b-1.0", "id": "a"}, "agave_job"),
        ({"image": "i", "hostname": "h"}, "deployed_container"),
        ({"repo": "i", "hostname": "h"}, "deployed_container"),
        ({"uri": "u"}, "web_service"),
        ({"uri": "u", "image": "i"}, "web_service"),
        ({"image": "i"}, None),
        ({}, None),
        (UNKNOWN[0], None),
        (UNKNOWN[1], None),
    ],
)
def test_component_is_of_the_first_type_that_fits(component: dict[str, Any], name: str | None) -> None:
    found = component_type(component)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("component", "kept"),
    [
        (ACTOR | {"name": "x", "uuid": "u"}, ACTOR | {"uuid": "u"}),
        (OLD_ACTOR | {"name": "x"}, OLD_ACTOR),
        (ACTOR | {"repo": "other"}, ACTOR),
        (
            APP | {"outputs": [1], "modules": ["m"], "options": 1},
            APP | {"outputs": [1], "modules": ["m"]},
        ),
        (
            {"image": "i", "hostname": "h", "hash": "x", "options": 1, "port": 2},
            {"image": "i", "hostname": "h", "hash": "x", "options": 1},
        ),
        ({"uri": "u", "identifier": "i", "hash": "x"}, {"uri": "u", "identifier": "i"}),
        ({"appId": "b", "id": "a", "inputs": {}}, {"appId": "b", "id": "a"}),
        (UNKNOWN[0], UNKNOWN[0]),
    ],
)
def test_component_is_reduced_to_what_counts(component: dict[str, Any], kept: dict[str, Any]) -> None:
    assert reduced(component) == kept


def test_pipelines_of_unknown_components_are_told_apart() -> None:
    assert pipeline_uuid(None, [UNKNOWN[0]]) != pipeline_uuid(None, [UNKNOWN[1]])
    assert pipeline_uuid(None, UNKNOWN) != IDENTITY.uuid(Kind.PIPELINE, "pipeline.id:[]")


@given(words, st.lists(components))
def test_pipeline_uuid_is_one_of_a_pipeline_and_follows_the_installation(
    id: str, found: list[dict[str, str]]
) -> None:
    assert kind_of(pipeline_uuid(id, found)) is Kind.PIPELINE
    assert pipeline_uuid(id, found, Identity(domain="example.org")) != pipeline_uuid(id, found)


# ------------------------------------------------------------------------------------- fingerprints


@given(words, st.lists(components, min_size=1), st.randoms())
def test_order_and_repeats_of_components_make_no_other_pipeline(id: str, found: Any, random: Any) -> None:
    again = [*found, random.choice(found)]
    random.shuffle(again)
    assert fingerprint(id, again) == fingerprint(id, found)


@given(words, words, st.lists(components), st.lists(components))
def test_fingerprint_tells_id_and_components_apart(one: str, other: str, left: Any, right: Any) -> None:
    def content(id: str, found: Any) -> Any:
        return id or "pipeline.id", {json.dumps(reduced(c), sort_keys=True) for c in found}

    equal = content(one, left) == content(other, right)
    assert (fingerprint(one, left) == fingerprint(other, right)) == equal


def test_what_does_not_count_in_a_component_does_not_count_in_the_fingerprint() -> None:
    assert fingerprint("p", [ACTOR | {"name": "x"}]) == fingerprint("p", [ACTOR])
    assert fingerprint("p", [ACTOR | {"options": {"x": 1}}]) != fingerprint("p", [ACTOR])


# ---------------------------------------------------------------------------------------- documents


def test_body_has_the_published_defaults() -> None:
    assert pipeline_body(TACOBOT) == {
        **TACOBOT,
        "pipeline_type": "primary-etl",
        "processing_levels": [],
        "accepts": ["*"],
        "produces": ["*"],
        "_fingerprint": fingerprint("tacc/tacobot:9000", [ACTOR, APP]),
    }


def test_body_keeps_what_the_document_says() -> None:
    said = {"pipeline_type": "data-transfer", "processing_levels": ["1"], "accepts": ["CSV"], "produces": []}
    body = pipeline_body(TACOBOT | said)
    assert {key: body[key] for key in said} == said


def test_body_has_nothing_of_the_message_or_the_catalog() -> None:
    extra = {
        "uuid": "u",
        "action": "create",
        "token": "t",
        "__options": {},
        "_visible": False,
        "child_of": [],
    }
    assert pipeline_body(TACOBOT | extra) == pipeline_body(TACOBOT)


@pytest.mark.parametrize("key", ["type", "pipeline_type"])
def test_type_has_two_spellings_and_is_kept_under_one(key: str) -> None:
    body = pipeline_body(TACOBOT | {key: "secondary-etl"})
    assert body["pipeline_type"] == "secondary-etl"
    assert "type" not in body


def test_two_types_that_differ_are_refused() -> None:
    assert pipeline_body(TACOBOT | {"type": "x", "pipeline_type": "x"})["pipeline_type"] == "x"
    with pytest.raises(ConflictingFields):
        pipeline_body(TACOBOT | {"type": "primary-etl", "pipeline_type": "secondary-etl"})


@pytest.mark.parametrize(
    "fields", [{"components": c} for c in ([], None, "abc", {}, [1], [APP, "x"])] + [{"id": ""}, {"id": 7}]
)
def test_document_that_names_no_pipeline_is_refused(fields: dict[str, Any]) -> None:
    for use in (pipeline_body, fingerprint_of, lambda document: same_components(TACOBOT, document)):
        with pytest.raises(InvalidField):
            use(TACOBOT | fields)


def test_id_of_null_is_no_id() -> None:
    body = pipeline_body(TACOBOT | {"id": None})
    assert "id" not in body
    assert body["_fingerprint"] == fingerprint(None, [ACTOR, APP])


def test_document_is_recognised_whatever_the_order_of_its_components() -> None:
    body = pipeline_body(TACOBOT)
    assert same_components(body, {"id": TACOBOT["id"], "components": [APP, ACTOR]})
    assert not same_components(body, {"id": TACOBOT["id"], "components": [APP]})
    assert not same_components(body, {"components": [APP, ACTOR]})


# ------------------------------------------------------------------------------------------ updates


def test_update_merges_words_and_keeps_the_rest() -> None:
    body = pipeline_body(TACOBOT)
    updated = updated_body(body, {"description": "tacos", "type": "data-transfer"})
    assert updated == {**body, "description": "tacos", "pipeline_type": "data-transfer"}


def test_replacement_keeps_only_id_components_and_defaults() -> None:
    body = pipeline_body(TACOBOT | {"description": "tacos", "processing_levels": ["2"]})
    replaced = updated_body(body, {"name": "Tacobot"}, "replace")
    assert replaced == pipeline_body(TACOBOT | {"name": "Tacobot"})


def test_dropped_update_changes_nothing() -> None:
    body = pipeline_body(TACOBOT)
    assert updated_body(body, {"name": "Tacobot"}, "drop") == body


@pytest.mark.parametrize("strategy", ["merge", "replace"])
def test_equal_components_in_another_order_leave_the_stored_order(strategy: str) -> None:
    body = pipeline_body(TACOBOT)
    updated = updated_body(body, TACOBOT | {"components": [APP, ACTOR]}, strategy)
    assert pipeline_uuid(updated["id"], updated["components"]) == "10650844-1baa-55c5-a481-5e945b19c065"


@pytest.mark.parametrize("strategy", ["merge", "replace", "drop"])
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "other"}, "id"),
        ({"id": 7}, "id"),
        ({"components": [APP]}, "components"),
        ({"components": []}, "components"),
        ({"components": [OLD_ACTOR, APP]}, "components"),
        (TACOBOT | {"components": [ACTOR, APP, {"uri": "u"}]}, "components"),
    ],
)
def test_update_cannot_make_another_pipeline(changes: dict[str, Any], field: str, strategy: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        updated_body(pipeline_body(TACOBOT), changes, strategy)
    assert refusal.value.field == field


def test_pipeline_without_id_cannot_be_given_one() -> None:
    nameless = pipeline_body({"name": "x", "components": [APP]})
    assert updated_body(nameless, {"name": "y", "id": None})["name"] == "y"
    with pytest.raises(InvalidField):
        updated_body(nameless, {"id": "x"})


def test_unknown_strategy_is_refused() -> None:
    with pytest.raises(InvalidField):
        updated_body(pipeline_body(TACOBOT), {}, "shuffle")


# -------------------------------------------------------------------------------- older generations


def test_first_generation_gives_its_published_untyped_uuid() -> None:
    untyped = IDENTITY.untyped(pipeline_text_p0(UNKNOWN))
    assert untyped == "eb8deee6-1c72-5331-bfe6-37afa63665fe"
    assert overlay(Kind.PIPELINE, untyped) == "106deee6-1c72-5331-bfe6-37afa63665fe"


def test_first_generation_knows_only_components_with_an_id() -> None:
    text = pipeline_text_p0([{"uri": "u"}, {"id": "b"}, {"appId": "c"}, {"actorId": "a", "x": 1}])
    assert text == '[{"id":"a","x":1},{"id":"b"},{"id":"c"}]'
    assert IDENTITY.untyped(pipeline_text_p0([{"uri": "u"}])) == "0ae229a8-45e5-571b-9682-5f1cf83a184c"


def test_second_generation_is_the_first_with_a_line_per_token() -> None:
    assert pipeline_text_p1([{"appId": "b"}, {"id": "a", "x": [1]}]) == (
        '[\n{\n"id":"a",\n"x":[\n1\n]\n},\n{\n"id":"b"\n}\n]'
    )
