"""From an Agave app definition to a Tapis app. Tapis runs containers, so `containerImage` stands where a template would.

Source: Tapis Applications API 25Q4.0, ReqPostApp.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from datacatalog.adapters.platforms.values import as_text, duration
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField

_TEXTS = {
    "containerImage": "containerImage",
    "runtimeVersion": "runtimeVersion",
    "shortDescription": "description",
}
_ATTRIBUTES = {
    "executionSystem": "execSystemId",
    "defaultQueue": "execSystemLogicalQueue",
    "defaultNodeCount": "nodeCount",
    "defaultProcessorsPerNode": "coresPerNode",
}
_COUNTS = frozenset({"defaultNodeCount", "defaultProcessorsPerNode"})
_JOB_TYPES = {"CLI": "FORK", "HPC": "BATCH"}
_RUNTIMES = ("SINGULARITY", "DOCKER", "ZIP")
_OTHERS = frozenset(
    {
        "runtime",
        "id",
        "name",
        "version",
        "label",
        "executionType",
        "defaultMaxRunTime",
        "inputs",
        "parameters",
        "tags",
    }
)
_KNOWN = _OTHERS | _TEXTS.keys() | _ATTRIBUTES.keys()
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,78}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")


def app_request(definition: JsonObject) -> dict[str, Any]:
    """Return the body of a registration.  Raises InvalidField: names what is missing, wrong, or cannot be told to Tapis."""
    for name in definition:
        if name not in _KNOWN:
            raise InvalidField(str(name)[:80], "cannot be told to Tapis")
    for name in ("name", "version"):
        if not _WORD.fullmatch(_text(definition, name)):
            raise InvalidField(name, "wants letters, digits, . _ and -")
    _text(definition, "containerImage")
    if definition.get("runtime") not in (None, *_RUNTIMES):
        raise InvalidField("runtime", f"wants {', '.join(_RUNTIMES)}")
    given = {called: _text(definition, name) for name, called in _TEXTS.items() if name in definition}
    return {
        "id": definition["name"],
        "version": definition["version"],
        **given,
        **({"runtime": definition["runtime"]} if definition.get("runtime") else {}),
        **_job_type(definition),
        "jobAttributes": _attributes(definition),
        **_tags(definition),
    }


def _attributes(definition: JsonObject) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, called in _ATTRIBUTES.items():
        if definition.get(name) is not None:
            found[called] = _count(definition, name) if name in _COUNTS else _text(definition, name)
    if definition.get("defaultMaxRunTime") is not None:
        run_time = duration(definition["defaultMaxRunTime"], "defaultMaxRunTime")
        found["maxMinutes"] = math.ceil(run_time.total_seconds() / 60)
    inputs = list(_described(definition, "inputs"))
    found["fileInputs"] = [
        {"name": name, "targetPath": "*", "inputMode": _mode(one, "OPTIONAL")}
        for name, one in inputs
        if not _several(one)
    ]
    found["fileInputArrays"] = [
        {"name": name, "targetDir": "*", "inputMode": _mode(one, "OPTIONAL")}
        for name, one in inputs
        if _several(one)
    ]
    found["parameterSet"] = {
        "appArgs": [
            {"name": name, "inputMode": _mode(one, "INCLUDE_BY_DEFAULT"), **_default(one, name)}
            for name, one in _described(definition, "parameters")
        ]
    }
    return found


def _described(definition: JsonObject, field: str) -> Sequence[tuple[str, JsonObject]]:
    """Return names and descriptions of inputs or parameters."""
    given = definition.get(field) or []
    if not isinstance(given, list):
        raise InvalidField(field, "wants a list")
    found = []
    for n, one in enumerate(given):
        name = one.get("id") if isinstance(one, Mapping) else None
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidField(f"{field}/{n}/id", "Tapis takes names of letters, digits and _ only")
        found.append((name, one))
    return found


def _value(one: JsonObject) -> JsonObject:
    value = one.get("value")
    return value if isinstance(value, Mapping) else {}


def _mode(one: JsonObject, otherwise: str) -> str:
    return "REQUIRED" if _value(one).get("required") is True else otherwise


def _several(one: JsonObject) -> bool:
    semantics = one.get("semantics")
    return isinstance(semantics, Mapping) and semantics.get("maxCardinality") not in (None, 1)


def _default(one: JsonObject, name: str) -> dict[str, str]:
    default = _value(one).get("default")
    if default in (None, ""):
        return {}
    if not isinstance(default, str | int | float):
        raise InvalidField(f"parameters/{name}/value/default", "wants a text, a number, true or false")
    return {"arg": as_text(default)}


def _job_type(definition: JsonObject) -> dict[str, str]:
    asked = definition.get("executionType")
    if asked is None:
        return {}
    if not isinstance(asked, str) or asked not in _JOB_TYPES:
        raise InvalidField("executionType", f"wants {' or '.join(_JOB_TYPES)}")
    return {"jobType": _JOB_TYPES[asked]}


def _tags(definition: JsonObject) -> dict[str, list[str]]:
    asked = definition.get("tags") or []
    if not isinstance(asked, list) or not all(isinstance(tag, str) and tag for tag in asked):
        raise InvalidField("tags", "wants a list of texts")
    return {"tags": sorted(set(asked))} if asked else {}


def _text(definition: JsonObject, name: str) -> str:
    value = definition.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InvalidField(name, "wants a text")
    return value


def _count(definition: JsonObject, name: str) -> int:
    value = definition[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise InvalidField(name, "wants a whole number above zero")
    return value
