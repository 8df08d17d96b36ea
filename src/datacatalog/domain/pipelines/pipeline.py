"""What a pipeline document becomes in the catalog, and what of it may change later.

The id and the components are the pipeline: another id or other components are another pipeline. Everything else
(names, descriptions, file types, levels) is said about it and may be said anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import ConflictingFields, InvalidField
from datacatalog.domain.kinds import Relation
from datacatalog.domain.pipelines.identity import fingerprint
from datacatalog.domain.records import combined

_DEFAULTS: Mapping[str, Any] = {
    "pipeline_type": "primary-etl",
    "processing_levels": [],
    "accepts": ["*"],
    "produces": ["*"],
}
_IDENTITY_FIELDS = ("id", "components")
_OF_THE_MESSAGE = {"uuid", "action", "token", *Relation}


def pipeline_body(document: JsonObject) -> dict[str, Any]:
    """Return the body of the record that a pipeline document describes, defaults filled in.

    What belongs to the message or to the catalog (`uuid`, `token`, `action`, links, names that begin with `_`) is left
    out; `_fingerprint` is added.

    Raises:
        InvalidField: there are no components, or the id is no text.
        ConflictingFields: `type` and `pipeline_type` differ.
    """
    body = {**_DEFAULTS, **_published(document)}
    return {**body, "_fingerprint": fingerprint_of(body)}


def fingerprint_of(document: JsonObject) -> str:
    """Return the fingerprint of a document.  Raises InvalidField: its id or its components cannot be used."""
    name, components = document.get("id"), document.get("components")
    if name is not None and not (isinstance(name, str) and name):
        raise InvalidField("id", "is not text, or empty")
    if not isinstance(components, Sequence) or isinstance(components, str) or not components:
        raise InvalidField("components", "is not a list of at least one component")
    if not all(isinstance(component, Mapping) for component in components):
        raise InvalidField("components", "has a member that is not an object")
    return fingerprint(name, components)


def same_components(body: JsonObject, document: JsonObject) -> bool:
    """Tell whether a document describes the pipeline of a stored body; the order of components does not matter.

    Raises InvalidField as `pipeline_body` does.
    """
    return fingerprint_of(body) == fingerprint_of(document)


def updated_body(body: JsonObject, changes: JsonObject, strategy: str = "merge") -> JsonObject:
    """Return the body after an update. Components stay as they were first written, since the UUID is made of them.

    Args:
        changes: a whole document, or only the fields to change.
        strategy: see `domain.records.combined`.
    Raises:
        InvalidField: the id or the components would change, or the strategy is unknown.
        ConflictingFields: `type` and `pipeline_type` differ.
    """
    wanted = _published(changes)
    fixed = {field: body[field] for field in _IDENTITY_FIELDS if field in body}
    _check_unchanged(fixed, wanted)
    filled = {**_DEFAULTS, **wanted} if strategy == "replace" else wanted
    written = combined(body, {**filled, **fixed}, strategy)
    return {**written, "_fingerprint": fingerprint_of(written)}


def _check_unchanged(fixed: JsonObject, wanted: JsonObject) -> None:
    if wanted.get("id", fixed.get("id")) != fixed.get("id"):
        raise InvalidField("id", "cannot change: a pipeline with another id is another pipeline")
    if not same_components(fixed, {**fixed, **wanted}):
        raise InvalidField("components", "cannot change: other components are another pipeline")


def _published(document: JsonObject) -> dict[str, Any]:
    kept = {k: v for k, v in document.items() if k not in _OF_THE_MESSAGE and not k.startswith("_")}
    if kept.get("id", "") is None:
        del kept["id"]
    if "type" in kept:
        said = kept.pop("type")
        if kept.setdefault("pipeline_type", said) != said:
            raise ConflictingFields("pipeline_type")
    return kept
