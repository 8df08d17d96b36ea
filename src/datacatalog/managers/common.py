"""What all managers share: a hold on the catalog, and how they take their arguments."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from datacatalog.domain.errors import InvalidField, InvalidJson, UnknownRecord
from datacatalog.domain.records import Record, public_document
from datacatalog.domain.strict_json import parse_object
from datacatalog.managers.expansions import Expansions
from datacatalog.managers.opening import Hold, Opens
from datacatalog.services.env import Env
from datacatalog.services.finding import find_record

Param = tuple[str, bool, str, Any]
"""A documented argument: its name, whether it is required, the attribute it becomes, and its default."""

Names = str | Sequence[str] | None
"""Identifiers or UUIDs of records: one, or several."""


class Manager(Expansions):
    """A way to the catalog. Close it, or use it in a `with` statement; managers of one configuration share a catalog."""

    def __init__(self, mongodb: Opens = None, agave: Any = None) -> None:
        """Open the catalog.

        Args:
            mongodb: see managers.opening.Opens.
            agave: a platform client; only its `api_server` is used, for the URLs of actors, apps and systems.
        Raises:
            Misconfigured, StoreDown.
        """
        self._hold = Hold(mongodb)
        self.agave = agave

    @property
    def env(self) -> Env:  # type: ignore[override]
        return self._hold.app.env

    def close(self) -> None:
        """Let go of the catalog; again does nothing."""
        self._hold.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------------------------------- looking up

    def get_by_identifier(self, identifier: str) -> dict[str, Any]:
        """Return the document that a UUID, an identifier, a path or an `agave://` URI names.  Raises ValueError."""
        record = self._find(identifier)
        links = self.env.store.read(lambda work: work.links.of(record.uuid))
        return public_document(record, links)

    def get_by_uuid(self, uuid: str) -> dict[str, Any]:
        """Return the document with a UUID.  Raises ValueError."""
        return self.get_by_identifier(uuid)

    def get_uuid_from_identifier(self, identifier: str) -> str:
        """Return the UUID of what an identifier names.  Raises ValueError."""
        return self._find(identifier).uuid

    def _find(self, identifier: str) -> Record:
        try:
            return self.env.store.read(lambda work: find_record(identifier, work, self.env))
        except (UnknownRecord, InvalidField) as e:
            raise ValueError(str(e)) from e


# ------------------------------------------------------------------------------------------ arguments


def taken(owner: str, params: Sequence[Param], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return attribute -> value, with defaults for what is missing or None.

    Raises:
        TypeError: an argument has no such name, or a required one is missing.
    """
    if unknown := sorted(given.keys() - {name for name, *_ in params}):
        raise TypeError(f"{owner} takes no argument {', '.join(map(repr, unknown))}")
    values = {}
    for name, required, attribute, default in params:
        value = given.get(name)
        if value is None and required:
            raise TypeError(f"{owner} needs the argument '{name}'")
        values[attribute] = copy.deepcopy(default) if value is None else value
    return values


def plain(value: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Return an object as JSON keeps it, independent of the one that was passed.

    Raises:
        InvalidField: something in it cannot be kept as JSON.
    """
    try:
        return parse_object(json.dumps(value))
    except (TypeError, ValueError, RecursionError, InvalidJson) as e:
        raise InvalidField(field, f"cannot be kept as JSON: {e}") from e


def listed(field: str, names: Names) -> list[str]:
    """Return names as a list; no name, none.  Raises InvalidField."""
    if not names:
        return []
    found = [names] if isinstance(names, str) else names
    if not isinstance(found, list | tuple) or not all(isinstance(name, str) and name for name in found):
        raise InvalidField(field, "must be an identifier or a UUID, or a list of them")
    return list(found)
