"""Definitions in Agave's words: what cannot be used is refused, and named."""

from __future__ import annotations

from typing import Any

import pytest

from datacatalog.adapters.platforms.local.agaveapps import read_agave_app
from datacatalog.domain.errors import InvalidField

APP: dict[str, Any] = {
    "name": "table",
    "version": "1.0",
    "deploymentSystem": "data",
    "deploymentPath": "apps/table",
    "templatePath": "wrapper.sh",
}


def one(part: str, **more: Any) -> dict[str, Any]:
    return {part: [{"id": "column", **more}]}


def enumeration(values: Any) -> dict[str, Any]:
    return one("parameters", value={"type": "enumeration", "enum_values": values})


def test_least_definition_is_an_app() -> None:
    app = read_agave_app(APP)
    assert (app.id, app.label, set(app.inputs), dict(app.parameters)) == (
        "table-1.0",
        "table-1.0",
        {"_deployment"},
        {},
    )


def test_values_of_an_enumeration_are_texts_or_objects() -> None:
    app = read_agave_app({**APP, **enumeration(["volume", {"mass": "M"}, {"level": "L"}])})
    assert app.parameters["column"].choices == ("volume", "mass", "level")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "no name"}, "name"),
        ({"id": "other-1.0"}, "id"),
        ({"modules": ["load x"]}, "modules"),
        ({"templatePath": "/"}, "templatePath"),
        ({"inputs": {"id": "column"}}, "inputs"),
        (one("inputs", id="PATH"), "inputs/0/id"),
        (one("inputs", id="LD_PRELOAD"), "inputs/0/id"),
        (one("inputs", id="_deployment"), "inputs/0/id"),
        ({"inputs": [{"id": "column"}, {"id": "column"}]}, "inputs/1/id"),
        (one("inputs", value={"default": [1]}), "inputs/0/value/default"),
        ({**one("inputs"), **one("parameters", value={"type": "string"})}, "parameters"),
        (enumeration([]), "parameters/0/value/enum_values"),
        (enumeration("volume"), "parameters/0/value/enum_values"),
        (
            one("parameters", value={"type": "string"}, details={"argument": "a\0", "showArgument": True}),
            "parameters/0/details/argument",
        ),
    ],
)
def test_what_cannot_be_used_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        read_agave_app({**APP, **changes})
    assert refused.value.field == field
