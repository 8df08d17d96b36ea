"""The applications of the local platform: registered commands, one file per app.

    id: changepoint-1.0.0                  name-version; the file is called changepoint-1.0.0.yml (.yaml, .json)
    label: Changepoint of a series
    command:                               one argument per line; never read by a shell
      - "{python}"                         the interpreter that runs the platform
      - "{folder}/changepoint.py"          the folder of this file
      - "--series={inputs.series}"         path of the staged copy
      - "--column={parameters.column}"     an argument that names something optional which is not given is left out
    inputs:     {series: {required: true, multiple: false}}
    parameters: {column: {type: string, default: volume, required: false}}
    environment: {TZ: UTC}                 the same names may be used here
    max_run_time: "00:05:00"
    network: false                         it gets none, and is isolated (isolation.py); true, unless it is said

Everything but `id` and `command` may be missing. What is not known here is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datacatalog.adapters.platforms.local.agaveapps import read_agave_app
from datacatalog.adapters.platforms.local.apps import DEFAULT_RUN_TIME, App, Input, Parameter
from datacatalog.adapters.platforms.local.fields import each, flag, mapping, plain
from datacatalog.adapters.platforms.local.templates import Template
from datacatalog.adapters.platforms.values import TYPES, duration
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.platforms import is_app_id

_CONSTANTS = {"python", "folder"}


def read_app(document: Any, folder: str | None) -> App:
    """Read one definition, in our words or in Agave's (agaveapps.py).

    Args:
        folder: absolute path that `{folder}` stands for; None: the app may not use it.
    Raises:
        InvalidField: names the key and the reason.
    """
    if isinstance(document, Mapping) and "command" not in document and "templatePath" in document:
        return read_agave_app(document)
    known = {"id", "label", "command", "inputs", "parameters", "environment", "max_run_time", "network"}
    fields = mapping(document, "the definition", known)
    app_id = fields.get("id")
    if not isinstance(app_id, str) or not is_app_id(app_id):
        raise InvalidField("id", "wants name-version of at most 64 letters, e.g. changepoint-1.0.0")
    inputs = each(fields.get("inputs"), "inputs", _input)
    parameters = each(fields.get("parameters"), "parameters", _parameter)
    names = _names(inputs, parameters, folder)
    return App(
        id=app_id,
        label=plain(fields.get("label", app_id), "label"),
        command=_command(fields.get("command"), names),
        inputs=inputs,
        parameters=parameters,
        environment=_environment(fields.get("environment"), names),
        max_run_time=duration(fields["max_run_time"], "max_run_time")
        if "max_run_time" in fields
        else DEFAULT_RUN_TIME,
        document=fields,
        folder=folder,
        network=flag(fields, "network", "the definition", default=True),
    )


def _input(value: Any, place: str) -> Input:
    fields = mapping(value, place, {"required", "multiple", "label"})
    return Input(
        required=flag(fields, "required", place, default=True),
        multiple=flag(fields, "multiple", place, default=False),
    )


def _parameter(value: Any, place: str) -> Parameter:
    fields = mapping(value, place, {"type", "default", "required", "label"})
    kind, default = fields.get("type", "string"), fields.get("default")
    if not isinstance(kind, str) or kind not in TYPES:
        raise InvalidField(f"{place}.type", f"is none of {', '.join(TYPES)}")
    if default is not None and not TYPES[kind](default):
        raise InvalidField(f"{place}.default", f"is not of type {kind}")
    return Parameter(
        type=kind, default=default, required=flag(fields, "required", place, default=default is None)
    )


def _names(
    inputs: Mapping[str, Input], parameters: Mapping[str, Parameter], folder: str | None
) -> dict[str, bool]:
    """Return the names that templates may use -> whether one may stand for several values."""
    return (
        {"python": False}
        | ({"folder": False} if folder else {})
        | {f"inputs.{name}": one.multiple for name, one in inputs.items()}
        | {f"parameters.{name}": False for name in parameters}
    )


def _command(value: Any, names: Mapping[str, bool]) -> tuple[Template, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidField("command", "wants a list of arguments, the program first")
    command = tuple(_template(text, f"command[{i}]", names) for i, text in enumerate(value))
    if any(name not in _CONSTANTS for name in command[0].names):
        raise InvalidField("command[0]", "cannot depend on a job: it is the program")
    return command


def _environment(value: Any, names: Mapping[str, bool]) -> dict[str, Template]:
    found = each(value, "environment", lambda text, place: _template(text, place, names))
    for name, template in found.items():
        if any(names[used] for used in template.names):
            raise InvalidField(f"environment.{name}", "cannot hold an input that may be several files")
    return found


def _template(text: Any, place: str, names: Mapping[str, bool]) -> Template:
    try:
        template = Template.parse(plain(text, place))
    except ValueError as e:
        raise InvalidField(place, str(e)) from None
    for name in template.names:
        if name not in names:
            raise InvalidField(place, f"{{{name}}} is none of {', '.join(f'{{{one}}}' for one in names)}")
        if names[name] and not template.whole:
            raise InvalidField(place, f"{{{name}}} may be several files and must stand alone")
    return template
