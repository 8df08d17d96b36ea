"""Applications of the local platform, and what a job may set of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from datacatalog.adapters.platforms.local.templates import Template
from datacatalog.adapters.platforms.values import TYPES, Scalar, as_text, duration_text
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.patterns import compile_pattern

DEFAULT_RUN_TIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A file or directory that a job may set.

    Attributes:
        default: where it lies unless a job says otherwise: URIs or absolute paths; () where there is no default.
        fixed: no job may set it, and none sees it.
    """

    required: bool
    multiple: bool
    default: tuple[str, ...] = ()
    fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What a job may set.

    Attributes:
        type: a key of `values.TYPES`.
        default: None where there is none.
        argument: stands before the value, such as "--column=".
        flag: the argument alone stands for true, nothing for false.
        choices: the values that it may have; (): any.
        pattern: a regular expression that the whole value fits.
    """

    type: str
    default: Scalar | None
    required: bool
    argument: str = ""
    flag: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""

    def check(self, value: Any, place: str) -> None:
        """Make sure that it may have a value.  Raises InvalidField."""
        if not TYPES[self.type](value):
            raise InvalidField(place, f"is not of type {self.type}")
        if self.choices and value not in self.choices:
            raise InvalidField(place, f"is none of {', '.join(self.choices)}")
        if self.pattern and compile_pattern(self.pattern, place).fullmatch(as_text(value)) is None:
            raise InvalidField(place, f"does not fit {self.pattern}")

    def text(self, value: Scalar) -> str:
        """Return what a value stands for in templates."""
        if self.flag:
            return self.argument if value else ""
        return self.argument + as_text(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A registered command.

    Attributes:
        document: as it was registered; `read_app(document, folder)` makes the same app again.
        folder: what `{folder}` stands for; None: it has none.
        network: whether its command may use the network.
        max_run_time: of jobs that name none.
        longest: what a job may ask for; None: max_run_time.
        agave: the definition that it was registered with, where that is in Agave's words.
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
    longest: timedelta | None = None
    agave: JsonObject | None = None

    def constants(self) -> Mapping[str, tuple[str, ...]]:
        """Return what the names stand for that no job can set."""
        return {"python": (sys.executable,)} | ({"folder": (self.folder,)} if self.folder else {})

    def described(self) -> JsonObject:
        """Return the app as Agave describes one."""
        if self.agave is not None:
            return {**self.agave, "id": self.id, "label": self.label}
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
