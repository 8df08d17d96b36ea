"""What one job is to do: an Agave job definition, checked against its app."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from datacatalog.adapters.outgoing.origins import origin
from datacatalog.adapters.platforms.local.apps import App
from datacatalog.adapters.platforms.local.resources import DEFAULT, Resources, read_resources
from datacatalog.adapters.platforms.values import Scalar, duration
from datacatalog.domain.archive import AgaveUri, check_directory
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField

EVERY_STATUS = "*"
_NAME_MAX = 255
_NOTIFICATIONS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Whom to tell of what.

    Attributes:
        event: a status, upper case, or "*" for every one.
        url: with macros; it carries secrets.
        persistent: whether it is sent more than once.
    """

    event: str
    url: str = field(repr=False)
    persistent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A job definition that its app can carry out.

    Attributes:
        archive: where outputs go; None: they stay where they were made.
    """

    app: App
    name: str
    inputs: Mapping[str, tuple[AgaveUri, ...]]
    parameters: Mapping[str, Scalar]
    max_run_time: timedelta
    archive: AgaveUri | None
    notifications: tuple[Notification, ...]
    resources: Resources = DEFAULT

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return what the parameters stand for in templates; what was not given has no value."""
        return {
            f"parameters.{name}": (one.text(self.parameters[name]),) if name in self.parameters else ()
            for name, one in self.app.parameters.items()
        }


def read_order(definition: JsonObject, app: App, default_system: str) -> Order:
    """Check a job definition.

    Args:
        default_system: where plain absolute paths lie.
    Raises:
        InvalidField: names the place, e.g. `parameters/column`.
    """
    if definition.get("appId") != app.id:
        raise InvalidField("appId", f"is not {app.id}")
    return Order(
        app=app,
        name=_name(definition),
        inputs=_inputs(_object(definition, "inputs"), app, default_system),
        parameters=_parameters(_object(definition, "parameters"), app),
        max_run_time=_run_time(definition, app),
        archive=_archive(definition, default_system),
        notifications=_notifications(definition.get("notifications")),
        resources=read_resources(definition),
    )


def _name(definition: JsonObject) -> str:
    name = definition.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= _NAME_MAX or not name.isprintable():
        raise InvalidField("name", f"wants a text of 1 to {_NAME_MAX} printable characters")
    return name


def _inputs(given: JsonObject, app: App, default_system: str) -> dict[str, tuple[AgaveUri, ...]]:
    _only_known(given, [name for name, one in app.inputs.items() if not one.fixed], "inputs")
    found = {}
    for name, one in app.inputs.items():
        place = f"inputs/{name}"
        texts = _listed(given.get(name), place) or one.default
        uris = tuple(_input(text, place, default_system) for text in texts)
        if one.required and not uris:
            raise InvalidField(place, f"is required by {app.id}")
        if len(uris) > 1 and not one.multiple:
            raise InvalidField(place, "takes one file or directory")
        found[name] = uris
    return found


def _input(text: Any, place: str, default_system: str) -> AgaveUri:
    if not isinstance(text, str):
        raise InvalidField(place, "wants agave://system/path or an absolute path")
    return AgaveUri.of_input(text, place, default_system)


def _parameters(given: JsonObject, app: App) -> dict[str, Scalar]:
    _only_known(given, app.parameters, "parameters")
    found = {}
    for name, one in app.parameters.items():
        place = f"parameters/{name}"
        values = _listed(given.get(name), place)
        if len(values) > 1:
            raise InvalidField(place, "takes one value")
        value = values[0] if values else one.default
        if value is not None:
            one.check(value, place)
            found[name] = value
        elif one.required:
            raise InvalidField(place, f"is required by {app.id}")
    return found


def _run_time(definition: JsonObject, app: App) -> timedelta:
    if definition.get("maxRunTime") is None:
        return app.max_run_time
    asked = duration(definition["maxRunTime"], "maxRunTime")
    if asked > (app.longest or app.max_run_time):
        raise InvalidField("maxRunTime", f"is longer than {app.id} may run")
    return asked


def _archive(definition: JsonObject, default_system: str) -> AgaveUri | None:
    path, system = definition.get("archivePath") or None, definition.get("archiveSystem") or default_system
    if not _flag(definition.get("archive"), "archive", default=path is not None):
        return None
    if not isinstance(path, str) or not isinstance(system, str):
        raise InvalidField("archivePath", "wants an absolute path, since outputs are to be archived")
    return AgaveUri(system, check_directory(path))


def _notifications(value: Any) -> tuple[Notification, ...]:
    found = value or []
    if not isinstance(found, list) or len(found) > _NOTIFICATIONS_MAX:
        raise InvalidField("notifications", f"wants a list of at most {_NOTIFICATIONS_MAX}")
    return tuple(_notification(one, f"notifications/{i}") for i, one in enumerate(found))


def _notification(value: Any, place: str) -> Notification:
    fields = value if isinstance(value, Mapping) else {}
    event, url = fields.get("event"), fields.get("url")
    if not isinstance(event, str) or not event:
        raise InvalidField(f"{place}/event", "wants a status, or * for every one")
    if not isinstance(url, str) or origin(url) is None:
        raise InvalidField(f"{place}/url", "wants an http or https URL")
    return Notification(
        event=event.upper(),
        url=url,
        persistent=_flag(fields.get("persistent"), f"{place}/persistent", default=False),
    )


def _only_known(given: JsonObject, known: Collection[str], place: str) -> None:
    for name in given:
        if name not in known:
            wanted = f"is none of {', '.join(known)}" if known else "is not known: the app takes none"
            raise InvalidField(f"{place}/{str(name)[:80]}", wanted)


def _object(definition: JsonObject, name: str) -> JsonObject:
    value = definition.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidField(name, "wants names and values")
    return value


def _listed(value: Any, place: str) -> list[Any]:
    """Return the values of one name; platforms write one value and a list of one alike."""
    if value is None:
        return []
    values = list(value) if isinstance(value, list | tuple) else [value]
    if None in values:
        raise InvalidField(place, "has a value that is null")
    return values


def _flag(value: Any, place: str, *, default: bool) -> bool:
    """Read true or false; Agave job definitions also write them as text."""
    if value is None:
        return default
    found = {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise InvalidField(place, "wants true or false")
    return found
