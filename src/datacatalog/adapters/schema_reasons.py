"""What is wrong with a document, in words that help: the place, and a reason without secrets or long values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import ValidationError
from jsonschema.exceptions import best_match

SECRETS = frozenset({"token", "_update_token", "_salt"})
SHOWN_MAX = 80
_WRITABLE_BITS = 256
_UNITS = {"Length": "characters", "Items": "items", "Properties": "fields"}


def complaint(error: ValidationError) -> tuple[str, str]:
    """Return (JSON pointer, reason) for one failure.

    Where a document fits none of several forms, the form that it comes closest to says why.
    """
    closest = best_match([error])
    return _pointer(closest), _reason(closest)


def _pointer(error: ValidationError) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)
    return "".join(f"/{step}" for step in steps)


def _reason(error: ValidationError) -> str:
    if "propertyNames" in error.schema_path:
        return f"{_cut(repr(error.instance))} is no field here"
    shown, wanted, keyword = _shown(error), error.validator_value, error.validator
    match keyword:
        case "required" | "additionalProperties":
            return _cut(error.message, limit=200)  # names fields, shows no value
        case "type":
            return f"{shown} is not of type {_listed([wanted] if isinstance(wanted, str) else wanted)}"
        case "enum":
            return f"{shown} is none of {_listed(wanted)}"
        case "const":
            return f"{shown} is not {wanted!r}"
        case "pattern":
            return f"{shown} is no {_title(error.schema, f'match for {wanted}')}"
        case "format":
            return f"{shown} is no {wanted}"
        case "minLength" | "minItems" | "minProperties":
            return f"{shown} is too short: at least {wanted} {_UNITS[keyword[3:]]}"
        case "maxLength" | "maxItems" | "maxProperties":
            return f"{shown} is too long: at most {wanted} {_UNITS[keyword[3:]]}"
        case "not":
            return f"{shown} is {_title(wanted, 'what must not be here')}"
        case "anyOf":
            forms = [_title(form, "a form of its own") for form in wanted]
            return f"{shown} fits none of the forms allowed here: {_listed(forms)}"
    return f"{shown} breaks the rule {keyword}: {_cut(repr(wanted))}"


def _title(schema: Any, otherwise: str) -> str:
    return str(schema.get("title", otherwise)) if isinstance(schema, Mapping) else otherwise


def _listed(values: list[Any]) -> str:
    return ", ".join(map(str, values))


def _shown(error: ValidationError) -> str:
    """Say which value failed: short ones as they are, large ones by their kind, secrets not at all."""
    if not SECRETS.isdisjoint(error.absolute_path):
        return "the value"
    value = error.instance
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return _cut(repr(value[: SHOWN_MAX + 1]))
        case float():
            return str(value)
        case int():
            return str(value) if value.bit_length() <= _WRITABLE_BITS else "a very large number"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
    return f"a {type(value).__name__}"


def _cut(text: str, limit: int = SHOWN_MAX) -> str:
    return text if len(text) <= limit else text[:limit] + "..."
