"""jsonschema_rs looks first, and its yes is final: so it must never accept what jsonschema refuses."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datacatalog.adapters.schemas import JsonSchemas
from datacatalog.domain.kinds import Kind
from tests.unit.schema_material import ACTORS, JSON_VALUES, MESSAGES, documents_of, nearly_right, our_schema

pytest.importorskip("jsonschema_rs")

QUICK = JsonSchemas()
EXACT = JsonSchemas(quick=False)
# The UUID schemas of the kinds differ in their prefix only: one stands for all.
OTHERS = [
    name
    for name in QUICK.names()
    if name not in {*MESSAGES, "configuration"}
    and name not in {f"{kind}_uuid" for kind in Kind} - {"file_uuid"}
]
URI_PARTS = [
    "http://",
    "agave://",
    "//",
    "%2",
    "%41",
    "[::1]",
    "[v1.a]",
    ":99999",
    *"aB1:/?#[]@!$&'()*+,;=%-._~ \\^{|}<>\"\u00fc\n",
]


def drawn(name: str) -> st.SearchStrategy[Any]:
    examples = st.sampled_from(QUICK.get(name)["examples"])
    fitting = documents_of(our_schema(QUICK, name))
    return fitting | nearly_right(fitting) | nearly_right(examples) | JSON_VALUES


@pytest.mark.parametrize("name", MESSAGES)
def test_quick_engine_accepts_no_message_that_the_exact_one_refuses(name: str) -> None:
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(drawn(name))
    def agreed(document: Any) -> None:
        assert EXACT.valid(name, document) or not QUICK.valid(name, document)

    agreed()


@pytest.mark.parametrize("name", OTHERS)
def test_quick_engine_accepts_no_document_or_value_that_the_exact_one_refuses(name: str) -> None:
    @settings(max_examples=15, suppress_health_check=list(HealthCheck))
    @given(drawn(name))
    def agreed(document: Any) -> None:
        assert EXACT.valid(name, document) or not QUICK.valid(name, document)

    agreed()


@settings(max_examples=200)
@given(st.lists(st.sampled_from(URI_PARTS), max_size=8).map("".join))
def test_quick_engine_takes_no_uri_that_the_exact_one_refuses(text: str) -> None:
    service = {"uri": text}
    assert EXACT.valid("web_service", service) or not QUICK.valid("web_service", service)


@pytest.mark.parametrize("text", ["", "leaf", "a b:c", "1:2"])
def test_neither_engine_takes_a_text_that_is_no_uri(text: str) -> None:
    assert not QUICK.valid("web_service", {"uri": text})
    assert not EXACT.valid("web_service", {"uri": text})


@pytest.mark.parametrize(
    "value", [(), ("a",), {"a": ("b",)}, "\ud800", float("nan"), 10**400, 1.0, True, {1: 2}, object()]
)
def test_values_that_no_json_text_gives_are_judged_alike(value: Any) -> None:
    for name in MESSAGES:
        document = {**QUICK.get(name)["examples"][0], "data": {"value": value}}
        assert QUICK.valid(name, document) == EXACT.valid(name, document)
    assert QUICK.valid("file_document", {"name": "/a", "notes": [value]})
    assert EXACT.valid("file_document", {"name": "/a", "notes": [value]})


@pytest.mark.parametrize(
    "document", [MappingProxyType({"name": "/a"}), {"name": "/a", 1: 2}, {"name": "/a", "notes": [{1: 2}]}]
)
def test_mappings_that_are_no_json_objects_crash_nothing_and_are_judged_alike(document: Any) -> None:
    for name in ("file_document", "pipelinejob_indexed"):
        assert QUICK.valid(name, document) == EXACT.valid(name, document)
    assert QUICK.valid("file_document", document)


@pytest.mark.parametrize("actor", ACTORS)
def test_no_document_fits_two_schemas_of_one_actor(actor: str) -> None:
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(st.one_of([drawn(name) for name in ACTORS[actor]]))
    def at_most_one(document: Any) -> None:
        assert len([name for name in ACTORS[actor] if QUICK.valid(name, document)]) <= 1

    at_most_one()
