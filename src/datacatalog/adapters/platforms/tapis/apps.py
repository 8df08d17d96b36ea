"""Apps of Tapis: what a job may say to one, and how Agave would describe it.

Agave's id `name-version` is Tapis' id and version. Source: Tapis Applications API 25Q4.0, TapisApp and JobAttributes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from datacatalog.adapters.remote.answers import an_object, objects, text, text_or, whole
from datacatalog.domain.documents import JsonObject

_ID = re.compile(r"(.+)-([0-9][A-Za-z0-9._+~]*)")
FIXED = "FIXED"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of the command, or a variable of its environment.

    Attributes:
        list: where a job gives it: appArgs, containerArgs, schedulerOptions or envVariables.
        mode: REQUIRED, FIXED, INCLUDE_ON_DEMAND or INCLUDE_BY_DEFAULT.
        value: the app's own; "" where it has none.
    """

    list: str
    mode: str
    value: str


@dataclass(frozen=True, slots=True)
class Input:
    """A file, or (`several`) files, that are copied to the job.

    Attributes:
        mode: REQUIRED, OPTIONAL or FIXED.
    """

    mode: str
    several: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app as Tapis has it.

    Attributes:
        strict: whether a job may have no inputs besides these.
    """

    id: str
    version: str
    document: JsonObject
    inputs: Mapping[str, Input]
    arguments: Mapping[str, Argument]
    strict: bool

    @property
    def agave_id(self) -> str:
        return agave_id(self.id, self.version)


def split_id(app_id: str) -> tuple[str, str]:
    """Return id and version of `name-version`; the version is "" where there is none."""
    found = _ID.fullmatch(app_id)
    return (found[1], found[2]) if found else (app_id, "")


def agave_id(id: str, version: str) -> str:
    return f"{id}-{version}"


def run_time(minutes: int) -> str:
    """Return minutes as Agave writes them: `HH:MM:SS`."""
    return f"{minutes // 60:02}:{minutes % 60:02}:00"


def read_app(document: JsonObject) -> App:
    """Read a TapisApp.  Raises PlatformDown: it is none."""
    what = "an app"
    attributes = an_object(document.get("jobAttributes") or {}, f"jobAttributes of {what}")
    return App(
        id=text(document, "id", what),
        version=text(document, "version", what),
        document=document,
        inputs=_inputs(attributes),
        arguments=_arguments(an_object(attributes.get("parameterSet") or {}, "parameterSet of an app")),
        strict=document.get("strictFileInputs") is True,
    )


def _inputs(attributes: JsonObject) -> dict[str, Input]:
    found = {}
    for name, several in (("fileInputs", False), ("fileInputArrays", True)):
        for one in objects(attributes.get(name) or [], f"{name} of an app"):
            found[text(one, "name", name)] = Input(text_or(one, "inputMode", "OPTIONAL"), several)
    return found


def _arguments(parameters: JsonObject) -> dict[str, Argument]:
    found = {}
    for name in ("schedulerOptions", "containerArgs", "appArgs"):
        for one in objects(parameters.get(name) or [], f"{name} of an app"):
            mode = text_or(one, "inputMode", "INCLUDE_ON_DEMAND")
            found[text(one, "name", name)] = Argument(name, mode, text_or(one, "arg"))
    for one in objects(parameters.get("envVariables") or [], "envVariables of an app"):
        mode = text_or(one, "inputMode", "INCLUDE_BY_DEFAULT")
        found[text(one, "key", "envVariables")] = Argument("envVariables", mode, text_or(one, "value"))
    return found


def described(app: App) -> JsonObject:
    """Return the app as Agave describes one."""
    attributes = app.document.get("jobAttributes") or {}
    return {
        "id": app.agave_id,
        "name": app.id,
        "version": app.version,
        "label": app.id,
        "shortDescription": text_or(app.document, "description"),
        "available": app.document.get("enabled") is not False,
        "executionSystem": text_or(attributes, "execSystemId"),
        "defaultMaxRunTime": run_time(whole(attributes, "maxMinutes")),
        "defaultNodeCount": whole(attributes, "nodeCount") or 1,
        "defaultProcessorsPerNode": whole(attributes, "coresPerNode") or 1,
        "inputs": [
            {
                "id": name,
                "value": {"required": one.mode == "REQUIRED"},
                "semantics": {"maxCardinality": -1 if one.several else 1},
            }
            for name, one in app.inputs.items()
            if one.mode != FIXED
        ],
        "parameters": [
            {
                "id": name,
                "value": {
                    "type": "string",
                    "default": one.value or None,
                    "required": one.mode == "REQUIRED" and not one.value,
                },
            }
            for name, one in app.arguments.items()
            if one.mode != FIXED
        ],
    }
