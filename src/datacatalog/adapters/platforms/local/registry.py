"""All apps: files in the operator's folder, and those that were registered over HTTP.

They are looked up when they are asked for, so that each process knows what another one has written, or somebody by hand.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from datacatalog.adapters.platforms.local import disk
from datacatalog.adapters.platforms.local.appfiles import read_document
from datacatalog.adapters.platforms.local.apps import App
from datacatalog.adapters.platforms.local.definitions import read_app
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import Duplicate, InvalidField, InvalidJson, Misconfigured, UnknownRecord
from datacatalog.domain.identifiers.platforms import is_app_id

_SUFFIXES = (".yml", ".yaml", ".json")
_LOG = logging.getLogger(__name__)


class Apps:
    """Apps by id; one in the operator's folder goes before a registered one."""

    def __init__(self, source: Path | Mapping[str, JsonObject], registered: Path | None = None) -> None:
        """Look through what is there.

        Args:
            source: a folder of app files (none, if it is not there), or definitions as they are (app id -> definition).
            registered: the folder of those that are registered; made with the first one. None: none are.
        Raises:
            Misconfigured: names the file of `source`, the key and the reason.
        """
        self._folder = source if isinstance(source, Path) else None
        self._given = {} if isinstance(source, Path) else {app.id: app for app in _given(source)}
        self._registered = registered
        if self._folder is not None and not self._folder.is_dir():
            _LOG.warning("no apps are registered: there is no folder %s", self._folder)
        for name in self._own():
            self._find_own(name)

    def ids(self) -> Sequence[str]:
        return sorted({*self._own(), *self._names_in(self._registered)})

    def get(self, id: str) -> App:
        """Return an app.

        Raises:
            UnknownRecord.
            Misconfigured: its file, written since, is not as it should be.
        """
        found = None
        if isinstance(id, str) and is_app_id(id):
            found = self._find_own(id) or self._find_registered(id)
        if found is None:
            raise UnknownRecord(str(id), "app")
        return found

    def register(self, definition: JsonObject, *, owner: str, at: datetime) -> App:
        """Write an app down for all processes, in place of the one that its owner registered under this id.

        Raises:
            InvalidField: it cannot be an app.
            Duplicate: the id is the operator's or another owner's.
        """
        app = read_app(definition, None)
        assert self._registered is not None  # noqa: S101  whoever registers has a folder for it
        disk.make_private(self._registered.parent)
        disk.make_private(self._registered)
        with disk.locked(self._registered / "lock"):
            if self._find_own(app.id) is not None or self._owner(app.id) not in (None, owner):
                raise Duplicate("id", app.id)
            document = {"owner": owner, "registered": at.isoformat(), "definition": app.document}
            disk.replace(self._file(app.id), json.dumps(document, indent=1).encode())
        return app

    # ------------------------------------------------------------------------------- the operator's

    def _own(self) -> list[str]:
        return [*self._given, *self._names_in(self._folder)]

    def _names_in(self, folder: Path | None) -> list[str]:
        try:
            return [] if folder is None else sorted(p.stem for p in folder.iterdir() if p.suffix in _SUFFIXES)
        except FileNotFoundError:
            return []
        except OSError as e:
            raise Misconfigured(f"the folder of apps cannot be read: {folder}: {e.strerror}") from e

    def _find_own(self, id: str) -> App | None:
        if self._folder is None:
            return self._given.get(id)
        files = [path for suffix in _SUFFIXES if (path := self._folder / f"{id}{suffix}").exists()]
        if len(files) > 1:
            raise Misconfigured(f"{files[1]} and {files[0].name} register the same app")
        return _named(id, _document(files[0]), str(self._folder.resolve()), str(files[0])) if files else None

    # ----------------------------------------------------------------------------------- registered

    def _file(self, id: str) -> Path:
        assert self._registered is not None  # noqa: S101  see `register`
        return self._registered / f"{id}.json"

    def _find_registered(self, id: str) -> App | None:
        document = self._read(id)
        return None if document is None else _named(id, document["definition"], None, str(self._file(id)))

    def _owner(self, id: str) -> str | None:
        document = self._read(id)
        return None if document is None else str(document["owner"])

    def _read(self, id: str) -> JsonObject | None:
        if self._registered is None:
            return None
        try:
            document: JsonObject = json.loads(self._file(id).read_bytes())
        except FileNotFoundError:
            return None
        return document


def _given(definitions: Mapping[str, JsonObject]) -> Iterator[App]:
    for name, document in definitions.items():
        yield _named(name, document, None, name)


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
