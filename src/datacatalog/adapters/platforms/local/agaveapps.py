"""Apps in Agave's words: a folder on a storage system, and in it a script that the job runs.

When a job runs, the folder is copied beside its inputs, and the script at `templatePath` runs under bash in the job's
working directory, where links lead to what is in the folder and to the inputs. `${name}` of an input is the name of its link
(of several, one after the other), that of a parameter its value: these are variables of the script's environment. Nothing
is written into the script, so no value is ever read as code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from datacatalog.adapters.platforms.local.apps import DEFAULT_RUN_TIME, App, Input, Parameter
from datacatalog.adapters.platforms.local.fields import check_name, flag, mapping, plain
from datacatalog.adapters.platforms.local.templates import Template
from datacatalog.adapters.platforms.values import duration
from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.platforms import is_app_id
from datacatalog.domain.paths import normalised
from datacatalog.domain.patterns import compile_pattern

DEPLOYMENT = "_deployment"
"""The input that the folder is copied as."""
LONGEST = timedelta(hours=48)

_USED = {
    "id", "name", "version", "label", "executionSystem", "deploymentSystem", "deploymentPath", "templatePath", "testPath",
    "inputs", "parameters", "defaultMaxRunTime", "modules",
}  # fmt: skip
_SHOWN = {
    "shortDescription", "longDescription", "helpURI", "icon", "tags", "ontology", "executionType", "parallelism",
    "checkpointable", "available", "outputs", "defaultQueue", "defaultNodeCount", "defaultMemoryPerNode",
    "defaultProcessorsPerNode", "isPublic", "revision", "uuid", "lastModified", "owner", "_links",
}  # fmt: skip
"""Fields that are kept for whoever reads the definition, and decide nothing here."""
_TYPES = {"string": "string", "number": "number", "bool": "bool", "flag": "bool", "enumeration": "string"}
# The shell's own, and what decides which programs run or what they load.
_TAKEN = re.compile(
    r"(PATH|HOME|TMPDIR|LANG|IFS|ENV|PWD|OLDPWD|SHELLOPTS|UID|EUID|PPID|GLOBIGNORE|_|_dc_.*|(LC|LD|BASH|AGAVE|PYTHON|PERL)_?\w*)"
)

_PRELUDE = r"""
_dc_folder=$1 _dc_script=$2
shift 2
_dc_link() { ln -s -- "$1" . || { echo "two files are called ${1##*/}" >&2; exit 1; }; }
for _dc_word in "$_dc_folder"/* "$_dc_folder"/.[!.]*; do
  [ ! -e "$_dc_word" ] || _dc_link "$_dc_word"
done
for _dc_word; do
  if [[ $_dc_word == [=+]* ]]; then
    _dc_more=${_dc_word:0:1} _dc_name=${_dc_word:1} _dc_name=${_dc_name%%=*} _dc_argument=${_dc_word#?*=}
    export "$_dc_name="
  else
    _dc_link "$_dc_word"
    if [ -z "${!_dc_name}" ]; then _dc_before=$_dc_argument
    elif [ "$_dc_more" = + ]; then _dc_before="${!_dc_name} $_dc_argument"
    else _dc_before="${!_dc_name} "; fi
    printf -v "$_dc_name" %s "$_dc_before${_dc_word##*/}"
  fi
done
exec /bin/bash -- "$_dc_folder/$_dc_script"
"""
"""Arguments: the folder's copy, the script in it, and for each input `=name=argument` (`+`: again before each) and its files."""

T = TypeVar("T")


def read_agave_app(document: Mapping[str, Any]) -> App:
    """Read a definition.  Raises InvalidField."""
    fields = mapping(document, "the definition", _USED | _SHOWN)
    app_id, script = _id(fields), _below(fields, "templatePath")
    if fields.get("modules"):
        raise InvalidField("modules", "there are none here: load what is needed in the script")
    inputs = _listed(fields, "inputs", _input)
    parameters = _listed(fields, "parameters", _parameter)
    if both := sorted(inputs.keys() & parameters.keys()):
        raise InvalidField("parameters", f"{both[0]} is an input, too")
    return App(
        id=app_id,
        label=plain(fields.get("label") or app_id, "label"),
        command=_command(script, fields.get("inputs") or [], inputs),
        inputs={
            **inputs,
            DEPLOYMENT: Input(required=True, multiple=False, default=(str(deployment(fields)),), fixed=True),
        },
        parameters=parameters,
        environment={name: Template(("", ""), (f"parameters.{name}",)) for name in parameters},
        max_run_time=duration(fields["defaultMaxRunTime"], "defaultMaxRunTime")
        if fields.get("defaultMaxRunTime")
        else DEFAULT_RUN_TIME,
        longest=LONGEST,
        document=fields,
        folder=None,
        agave=fields,
    )


def deployment(fields: JsonObject) -> AgaveUri:
    """Return where the app's folder lies.  Raises InvalidField."""
    system = plain(fields.get("deploymentSystem"), "deploymentSystem")
    path = plain(fields.get("deploymentPath"), "deploymentPath")
    return AgaveUri.parse(f"agave://{system}{normalised(f'/{path}', 'deploymentPath')}", "deploymentPath")


def scripts(fields: JsonObject) -> list[tuple[str, AgaveUri]]:
    """Return the files that have to be in the folder: (field, where).  Raises InvalidField."""
    folder = deployment(fields)
    names = [name for name in ("templatePath", "testPath") if fields.get(name)]
    return [(name, AgaveUri(folder.system, f"{folder.path}/{_below(fields, name)}")) for name in names]


def _id(fields: JsonObject) -> str:
    made = f"{fields.get('name')}-{fields.get('version')}"
    if not is_app_id(made):
        raise InvalidField("name", "wants, with the version, name-version of at most 64 letters")
    if fields.get("id", made) != made:
        raise InvalidField("id", f"is not {made}")
    return made


def _below(fields: JsonObject, name: str) -> str:
    path = normalised(f"/{plain(fields.get(name), name)}", name).removeprefix("/")
    if not path:
        raise InvalidField(name, "names no file")
    return path


def _listed(fields: JsonObject, name: str, read: Callable[[JsonObject, str], T]) -> dict[str, T]:
    """Read the inputs or parameters, each with an id of its own."""
    given = fields.get(name) or []
    if not isinstance(given, list):
        raise InvalidField(name, "wants a list")
    found: dict[str, T] = {}
    for n, value in enumerate(given):
        place = f"{name}/{n}"
        one = mapping(value, place)
        called = one.get("id")
        check_name(called, f"{place}/id")
        if _TAKEN.fullmatch(str(called)) or called == DEPLOYMENT:
            raise InvalidField(f"{place}/id", f"{called} means something to the shell; take another name")
        if called in found:
            raise InvalidField(f"{place}/id", f"{called} is there twice")
        found[str(called)] = read(one, place)
    return found


def _input(one: JsonObject, place: str) -> Input:
    value, semantics = _part(one, "value", place), _part(one, "semantics", place)
    most, default = semantics.get("maxCardinality", 1), value.get("default")
    defaults = default if isinstance(default, list) else [default] if default else []
    if not all(isinstance(each, str) for each in defaults):
        raise InvalidField(f"{place}/value/default", "wants a path or a URI")
    return Input(
        required=flag(value, "required", f"{place}/value", default=not defaults),
        multiple=isinstance(most, int) and most != 1,
        default=tuple(each if "://" in each else f"/{each.lstrip('/')}" for each in defaults),
    )


def _parameter(one: JsonObject, place: str) -> Parameter:
    value = _part(one, "value", place)
    kind, default = value.get("type", "string"), value.get("default")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise InvalidField(f"{place}/value/type", f"is none of {', '.join(_TYPES)}")
    pattern = value.get("validator") or ""
    if pattern:
        compile_pattern(plain(pattern, f"{place}/value/validator"), f"{place}/value/validator")
    parameter = Parameter(
        type=_TYPES[kind],
        default=None if default in ("", None) and kind != "string" else default,
        required=flag(value, "required", f"{place}/value", default=default is None),
        argument=_argument(one, place, always=kind == "flag"),
        flag=kind == "flag",
        choices=_choices(value, place) if kind == "enumeration" else (),
        pattern=pattern,
    )
    if parameter.default not in (None, ""):
        parameter.check(parameter.default, f"{place}/value/default")
    return parameter


def _choices(value: JsonObject, place: str) -> tuple[str, ...]:
    """Read the values of an enumeration: texts, or objects of one value and its label."""
    given = value.get("enum_values", value.get("enumValues"))
    if not isinstance(given, list) or not given:
        raise InvalidField(f"{place}/value/enum_values", "wants a list of values")
    return tuple(str(next(iter(each))) if isinstance(each, Mapping) and each else str(each) for each in given)


def _argument(one: JsonObject, place: str, *, always: bool = False) -> str:
    """Return what stands before a value; "" where it is not to be shown."""
    details = _part(one, "details", place)
    shown = always or flag(details, "showArgument", f"{place}/details", default=False)
    argument = details.get("argument") or ""
    if not isinstance(argument, str) or "\0" in argument:
        raise InvalidField(f"{place}/details/argument", "wants a text")
    return argument if shown else ""


def _part(one: JsonObject, name: str, place: str) -> JsonObject:
    return mapping(one.get(name) or {}, f"{place}/{name}")


def _command(script: str, given: Sequence[JsonObject], inputs: Mapping[str, Input]) -> tuple[Template, ...]:
    words = [
        _word("/bin/bash"),
        _word("-c"),
        _word(_PRELUDE),
        _word("bash"),
        _name(DEPLOYMENT),
        _word(script),
    ]
    for n, name in enumerate(inputs):
        place = f"inputs/{n}"
        again = flag(_part(given[n], "details", place), "repeatArgument", f"{place}/details", default=False)
        words += [_word(f"{'+' if again else '='}{name}={_argument(given[n], place)}"), _name(name)]
    return tuple(words)


def _word(text: str) -> Template:
    return Template((text,), ())


def _name(called: str) -> Template:
    return Template(("", ""), (f"inputs.{called}",))
