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

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from datacatalog.adapters.platforms.local.appfiles import read_document
from datacatalog.adapters.platforms.local.templates import Template
from datacatalog.adapters.platforms.local.values import TYPES, Scalar, duration, duration_text
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField, InvalidJson, Misconfigured, UnknownRecord
from datacatalog.domain.identifiers.platforms import is_app_id

DEFAULT_RUN_TIME = timedelta(hours=1)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SUFFIXES = {".yml", ".yaml", ".json"}
_CONSTANTS = {"python", "folder"}

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    required: bool
    multiple: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What a job may set.

    Attributes:
        type: a key of `values.TYPES`.
        default: None where there is none.
    """

    type: str
    default: Scalar | None
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A registered command.

    Attributes:
        document: as it was registered; `read_app(document, folder)` makes the same app again.
        folder: what `{folder}` stands for; None: it has none.
        network: whether its command may use the network.
    """

    id: str
    label: str
    command: tuple[Template, ...]
    inputs: Mapping[str, Input]
    parameters: Mapping[str, Parameter]
    environment: Mapping[str, Template]
    max_run_time: timedelta
    document: JsonObject
    folder: str | None
    network: bool = True

    def constants(self) -> Mapping[str, tuple[str, ...]]:
        """Return what the names stand for that no job can set."""
        return {"python": (sys.executable,)} | ({"folder": (self.folder,)} if self.folder else {})

    def described(self) -> JsonObject:
        """Return the app as Agave describes one."""
        name, _, version = self.id.rpartition("-")
        return {
            "id": self.id,
            "name": name,
            "version": version,
            "label": self.label,
            "defaultMaxRunTime": duration_text(self.max_run_time),
            "inputs": [
                {
                    "id": key,
                    "value": {"required": one.required},
                    "semantics": {"maxCardinality": -1 if one.multiple else 1},
                }
                for key, one in self.inputs.items()
            ],
            "parameters": [
                {"id": key, "value": {"type": one.type, "default": one.default, "required": one.required}}
                for key, one in self.parameters.items()
            ],
        }


class Apps:
    """All registered apps, by id."""

    def __init__(self, source: Path | Mapping[str, JsonObject]) -> None:
        """Read a folder of app files (none, if it is not there), or take definitions as they are (app id -> definition).

        Raises:
            Misconfigured: names the file, the key and the reason.
        """
        found = _in_folder(source) if isinstance(source, Path) else _given(source)
        self._apps = {app.id: app for app in found}

    def ids(self) -> Sequence[str]:
        return sorted(self._apps)

    def get(self, id: str) -> App:
        """Return an app.  Raises UnknownRecord."""
        try:
            return self._apps[id]
        except (KeyError, TypeError):
            raise UnknownRecord(str(id), "app") from None


def _given(definitions: Mapping[str, JsonObject]) -> Iterator[App]:
    for name, document in definitions.items():
        yield _named(name, document, None, name)


def _in_folder(folder: Path) -> Iterator[App]:
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    except FileNotFoundError:
        _LOG.warning("no apps are registered: there is no folder %s", folder)
        return
    except OSError as e:
        raise Misconfigured(f"the folder of apps cannot be read: {folder}: {e.strerror}") from e
    seen: dict[str, Path] = {}
    for path in files:
        if path.stem in seen:
            raise Misconfigured(f"{path} and {seen[path.stem].name} register the same app")
        seen[path.stem] = path
        yield _named(path.stem, _document(path), str(folder.resolve()), str(path))


def _document(path: Path) -> Any:
    try:
        return read_document(path.suffix, path.read_bytes())
    except OSError as e:
        raise Misconfigured(f"{path}: {e.strerror}") from e
    except (ValueError, InvalidJson) as e:
        raise Misconfigured(f"{path}: {e}") from e


def _named(name: str, document: Any, folder: str | None, place: str) -> App:
    try:
        app = read_app(document, folder)
        if app.id != name:
            raise InvalidField("id", f"{app.id} is registered under another name, {name}")
    except InvalidField as e:
        raise Misconfigured(f"{place}: {e}") from e
    return app


# ------------------------------------------------------------------------------------- one definition


def read_app(document: Any, folder: str | None) -> App:
    """Read one definition.

    Args:
        folder: absolute path that `{folder}` stands for; None: the app may not use it.
    Raises:
        InvalidField: names the key and the reason.
    """
    known = {"id", "label", "command", "inputs", "parameters", "environment", "max_run_time", "network"}
    fields = _mapping(document, "the definition", known)
    app_id = fields.get("id")
    if not isinstance(app_id, str) or not is_app_id(app_id):
        raise InvalidField("id", "wants name-version of at most 64 letters, e.g. changepoint-1.0.0")
    inputs = _each(fields.get("inputs"), "inputs", _input)
    parameters = _each(fields.get("parameters"), "parameters", _parameter)
    names = _names(inputs, parameters, folder)
    return App(
        id=app_id,
        label=_text(fields.get("label", app_id), "label"),
        command=_command(fields.get("command"), names),
        inputs=inputs,
        parameters=parameters,
        environment=_environment(fields.get("environment"), names),
        max_run_time=duration(fields["max_run_time"], "max_run_time")
        if "max_run_time" in fields
        else DEFAULT_RUN_TIME,
        document=fields,
        folder=folder,
        network=_flag(fields, "network", "the definition", default=True),
    )


def _input(value: Any, place: str) -> Input:
    fields = _mapping(value, place, {"required", "multiple", "label"})
    return Input(
        required=_flag(fields, "required", place, default=True),
        multiple=_flag(fields, "multiple", place, default=False),
    )


def _parameter(value: Any, place: str) -> Parameter:
    fields = _mapping(value, place, {"type", "default", "required", "label"})
    kind, default = fields.get("type", "string"), fields.get("default")
    if not isinstance(kind, str) or kind not in TYPES:
        raise InvalidField(f"{place}.type", f"is none of {', '.join(TYPES)}")
    if default is not None and not TYPES[kind](default):
        raise InvalidField(f"{place}.default", f"is not of type {kind}")
    return Parameter(
        type=kind, default=default, required=_flag(fields, "required", place, default=default is None)
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
    found = _each(value, "environment", lambda text, place: _template(text, place, names))
    for name, template in found.items():
        if any(names[used] for used in template.names):
            raise InvalidField(f"environment.{name}", "cannot hold an input that may be several files")
    return found


def _template(text: Any, place: str, names: Mapping[str, bool]) -> Template:
    try:
        template = Template.parse(_text(text, place))
    except ValueError as e:
        raise InvalidField(place, str(e)) from None
    for name in template.names:
        if name not in names:
            raise InvalidField(place, f"{{{name}}} is none of {', '.join(f'{{{one}}}' for one in names)}")
        if names[name] and not template.whole:
            raise InvalidField(place, f"{{{name}}} may be several files and must stand alone")
    return template


# ------------------------------------------------------------------------------------------- pieces


def _each(value: Any, place: str, read: Callable[[Any, str], T]) -> dict[str, T]:
    fields = _mapping(value if value is not None else {}, place)
    for name in fields:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidField(place, f"{name!r:.80} is no name: letters, digits and _, at most 64")
    return {name: read(one, f"{place}.{name}") for name, one in fields.items()}


def _mapping(value: Any, place: str, known: Set[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidField(place, "wants keys and values")
    unknown = sorted(str(key) for key in value if known is not None and key not in known)
    if unknown:
        raise InvalidField(place, f"has the unknown key {unknown[0]!r:.80}")
    return dict(value)


def _flag(fields: Mapping[str, Any], name: str, place: str, *, default: bool) -> bool:
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise InvalidField(f"{place}.{name}", "wants true or false")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidField(place, "wants a text; write numbers in quotes")
    return value
