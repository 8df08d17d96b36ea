"""From an Agave job definition to a Tapis job request. What Tapis cannot express is refused, and it is said where.

    appId name-version        appId, appVersion
    inputs                    fileInputs, fileInputArrays: agave://system/path becomes tapis://system/path
    parameters                parameterSet: arguments and variables that the app names
    archiveSystem, -Path      archiveSystemId, archiveSystemDir; files of Tapis' own are not archived
    maxRunTime HH:MM:SS       maxMinutes, rounded up
    nodeCount, processorsPerNode, memoryPerNode, batchQueue, executionSystem
    notifications             subscriptions, which tell of every status (Tapis filters by nothing narrower)

Source: Tapis Jobs API, ReqSubmitJob; SubmitJobRequest.json and JobSubscribeRequest.json of the jobs service.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from datacatalog.adapters.platforms.tapis.apps import App
from datacatalog.adapters.platforms.tapis.arguments import parameter_set
from datacatalog.adapters.platforms.tapis.inputs import file_inputs
from datacatalog.adapters.platforms.tapis.subscriptions import subscriptions
from datacatalog.adapters.platforms.values import duration
from datacatalog.adapters.remote.marks import Mark
from datacatalog.domain.archive import check_directory
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField

TENANT_TAG = "datacatalog-tenant-"
_LONGEST_NAME = 64
_MEMORY = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([MGT]B)?", re.I)
_MEGABYTES = {"MB": 1, "GB": 1024, "TB": 1024 * 1024}
_FLAGS = {"true": True, "false": False, True: True, False: False}

_KNOWN = frozenset(
    {
        "appId",
        "name",
        "description",
        "inputs",
        "parameters",
        "archive",
        "archiveSystem",
        "archivePath",
        "maxRunTime",
        "nodeCount",
        "processorsPerNode",
        "memoryPerNode",
        "batchQueue",
        "executionSystem",
        "notifications",
    }
)


def submit_request(
    definition: JsonObject, app: App, mark: Mark, notes: Mapping[str, str], default_system: str
) -> dict[str, Any]:
    """Return the body of a submission.

    Args:
        notes: what the job is to say of where it comes from.
        default_system: where plain absolute paths lie.
    Raises:
        InvalidField: names the place, e.g. `parameters/column`.
    """
    for name in definition:
        if name not in _KNOWN:
            raise InvalidField(str(name)[:80], "cannot be told to Tapis")
    request: dict[str, Any] = {
        "name": _name(definition.get("name")),
        "appId": app.id,
        "appVersion": app.version,
        **file_inputs(_object(definition, "inputs"), app, default_system),
        "parameterSet": parameter_set(_object(definition, "parameters"), app),
        **_archive(definition, default_system),
        "subscriptions": subscriptions(definition.get("notifications")),
        "tags": tags(mark),
        "notes": dict(notes),
    }
    for name, (called, read) in _OPTIONAL.items():
        if definition.get(name) is not None:
            request[called] = read(definition[name], name)
    return request


def tags(mark: Mark) -> list[str]:
    """Return what a job is found by: the key it was submitted with, and its tenant, if it has one."""
    return [key_tag(mark), *([tenant_tag(mark.tenant)] if mark.tenant else [])]


def key_tag(mark: Mark) -> str:
    return f"datacatalog-{mark.tenant}-{mark.key}"


def tenant_tag(label: str) -> str:
    return f"{TENANT_TAG}{label}"


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME or not value.isprintable():
        raise InvalidField("name", f"Tapis takes a text of 1 to {_LONGEST_NAME} printable characters")
    return value


def _archive(definition: JsonObject, default_system: str) -> dict[str, str]:
    """Return where outputs go; nothing, where they stay on the system that computed them."""
    path, system = definition.get("archivePath") or None, definition.get("archiveSystem") or default_system
    asked = definition.get("archive")
    wanted = path is not None if asked is None else _flag(asked, "archive")
    if not wanted:
        return {}
    if not isinstance(path, str):
        raise InvalidField("archivePath", "wants an absolute path, since outputs are to be archived")
    return {"archiveSystemId": _text(system, "archiveSystem"), "archiveSystemDir": check_directory(path)}


def _flag(value: Any, place: str) -> bool:
    found = (
        _FLAGS.get(value.lower() if isinstance(value, str) else value)
        if isinstance(value, str | bool)
        else None
    )
    if found is None:
        raise InvalidField(place, "wants true or false")
    return found


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InvalidField(place, "wants a text")
    return value


def _count(value: Any, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise InvalidField(place, "wants a whole number above zero")
    return value


def _minutes(value: Any, place: str) -> int:
    return math.ceil(duration(value, place).total_seconds() / 60)


def _megabytes(value: Any, place: str) -> int:
    """Read gigabytes as a number, or a text with its unit."""
    said = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    found = _MEMORY.fullmatch(said.strip()) if isinstance(said, str) else None
    size = math.ceil(float(found[1]) * _MEGABYTES[(found[2] or "GB").upper()]) if found else 0
    if not 0 < size < 2**31:
        raise InvalidField(place, 'wants gigabytes, or a text such as "512MB"')
    return size


def _object(definition: JsonObject, name: str) -> JsonObject:
    value = definition.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidField(name, "wants names and values")
    return value


_OPTIONAL: Mapping[str, tuple[str, Callable[[Any, str], Any]]] = {
    "description": ("description", _text),
    "maxRunTime": ("maxMinutes", _minutes),
    "nodeCount": ("nodeCount", _count),
    "processorsPerNode": ("coresPerNode", _count),
    "memoryPerNode": ("memoryMB", _megabytes),
    "batchQueue": ("execSystemLogicalQueue", _text),
    "executionSystem": ("execSystemId", _text),
}
"""Agave's field -> Tapis' field, and what reads the value."""
