"""Parameters of a job, in Tapis' words: arguments and variables of the app, by their names."""

from __future__ import annotations

from typing import Any

from datacatalog.adapters.platforms.tapis.apps import FIXED, App, Argument
from datacatalog.adapters.platforms.tapis.inputs import listed
from datacatalog.adapters.platforms.values import as_text
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField

_SCALARS = (str, int, float, bool)


def parameter_set(given: JsonObject, app: App) -> dict[str, Any]:
    """Return the `parameterSet` of a job.

    Tapis' own files (tapisjob.sh, tapisjob.env) are not archived: they are no outputs of the app.

    Raises:
        InvalidField: names the parameter: one that the app does not have, requires or fixes, or with a value that is none.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        place = f"parameters/{str(name)[:80]}"
        argument = app.arguments.get(str(name))
        if argument is None:
            known = ", ".join(app.arguments) or "none"
            raise InvalidField(place, f"is none of the arguments and variables of {app.agave_id}: {known}")
        if argument.mode == FIXED:
            raise InvalidField(place, f"is fixed by {app.agave_id}")
        values = listed(value, place)
        if len(values) > 1:
            raise InvalidField(place, "takes one value")
        if values:
            found.setdefault(argument.list, []).append(_told(str(name), values[0], argument, place))
    _check_required(found, app)
    return {**found, "archiveFilter": {"includeLaunchFiles": False}}


def _told(name: str, value: Any, argument: Argument, place: str) -> dict[str, Any]:
    if not isinstance(value, _SCALARS):
        raise InvalidField(place, "wants a text, a number, true or false")
    if argument.list == "envVariables":
        return {"key": name, "value": as_text(value)}
    if isinstance(value, bool) and argument.mode != "REQUIRED" and argument.value:
        # The app has the argument in full, e.g. `--verbose`; a job has it in or out.
        return {"name": name, "arg": argument.value, "include": value}
    if value == "":
        raise InvalidField(place, "Tapis takes no empty argument")
    return {"name": name, "arg": as_text(value)}


def _check_required(found: dict[str, Any], app: App) -> None:
    given = {one.get("name", one.get("key")) for told in found.values() for one in told}
    for name, argument in app.arguments.items():
        if argument.mode == "REQUIRED" and not argument.value and name not in given:
            raise InvalidField(f"parameters/{name}", f"is required by {app.agave_id}")
