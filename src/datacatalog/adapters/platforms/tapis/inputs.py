"""Inputs of a job, in Tapis' words."""

from __future__ import annotations

import re
from typing import Any

from datacatalog.adapters.platforms.tapis.apps import FIXED, App, Input
from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import InvalidField

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_ELSEWHERE = ("http://", "https://")
_WHEREVER = "*"
"""A target path that Tapis makes of the source's last name."""


def file_inputs(given: JsonObject, app: App, default_system: str) -> dict[str, Any]:
    """Return `fileInputs` and `fileInputArrays`, as far as there are any.

    Raises:
        InvalidField: names the input: one that the app does not take, that it requires, or that is no file.
    """
    single: list[dict[str, Any]] = []
    several: list[dict[str, Any]] = []
    for name, value in given.items():
        place = f"inputs/{str(name)[:80]}"
        one = _input(str(name), app, place)
        urls = [_url(url, place, default_system) for url in listed(value, place)]
        if not urls:
            continue
        if one.several if one else len(urls) > 1:
            # Where the app does not say where they go, Tapis makes the place.
            several.append({"name": name, "sourceUrls": urls, **({} if one else {"targetDir": _WHEREVER})})
        elif len(urls) == 1:
            single.append({"name": name, "sourceUrl": urls[0], **({} if one else {"targetPath": _WHEREVER})})
        else:
            raise InvalidField(place, "takes one file or directory")
    for name, wanted in app.inputs.items():
        if wanted.mode == "REQUIRED" and not given.get(name):
            raise InvalidField(f"inputs/{name}", f"is required by {app.agave_id}")
    return {
        **({"fileInputs": single} if single else {}),
        **({"fileInputArrays": several} if several else {}),
    }


def listed(value: Any, place: str) -> list[Any]:
    """Return the values of one name; platforms write one value and a list of one alike."""
    values = list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
    if None in values:
        raise InvalidField(place, "has a value that is null")
    return values


def _input(name: str, app: App, place: str) -> Input | None:
    one = app.inputs.get(name)
    if one is not None and one.mode == FIXED:
        raise InvalidField(place, f"is fixed by {app.agave_id}")
    if one is None and app.strict:
        raise InvalidField(
            place, f"is none of the inputs of {app.agave_id}: {', '.join(app.inputs) or 'none'}"
        )
    if not _NAME.fullmatch(name):
        raise InvalidField(place, "Tapis takes names of letters, digits and _ only")
    return one


def _url(text: Any, place: str, default_system: str) -> str:
    if not isinstance(text, str) or not text.isprintable():
        raise InvalidField(place, "wants agave://system/path, a URL or an absolute path")
    if text.startswith(_ELSEWHERE):
        return text
    uri = AgaveUri.of_input(text, place, default_system)
    return f"tapis://{uri.system}{uri.path}"
