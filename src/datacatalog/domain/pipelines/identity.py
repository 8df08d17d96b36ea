"""What makes a pipeline the pipeline it is: its id and its components, and nothing else of its document.

Each component is recognised by the keys it must have and reduced to the keys that count. One that is of no known
type counts as a whole: dropping it would give unrelated pipelines one UUID.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from datacatalog.domain.documents import JsonObject, minified
from datacatalog.domain.identifiers.typed import IDENTITY, Identity
from datacatalog.domain.kinds import Kind, TypedUuid


class ComponentType(NamedTuple):
    """`image` stands for `image` or, as older documents say, `repo`."""

    name: str
    required: tuple[str, ...]
    kept: tuple[str, ...]


COMPONENT_TYPES = (
    ComponentType(
        "agave_app",
        ("id", "inputs", "parameters"),
        ("id", "modules", "inputs", "outputs", "parameters", "uuid"),
    ),
    ComponentType("abaco_actor", ("id", "image"), ("id", "image", "options", "uuid")),
    ComponentType("agave_job", ("appId", "id"), ("appId", "id", "uuid")),
    ComponentType(
        "deployed_container", ("image", "hostname"), ("image", "hostname", "hash", "options", "uuid")
    ),
    ComponentType("web_service", ("uri",), ("uri", "identifier", "options", "uuid")),
)
"""In the order in which they are tried; the first that fits counts."""

ANONYMOUS = "pipeline.id"
"""Stands in the hashed text where a pipeline has no id."""


def component_type(component: JsonObject) -> ComponentType | None:
    """Return what a component is, or None where it is nothing that is known."""
    for candidate in COMPONENT_TYPES:
        if all(_spelling(key, component) in component for key in candidate.required):
            return candidate
    return None


def reduced(component: JsonObject) -> JsonObject:
    """Return what of a component counts; `repo` stays `repo`."""
    found = component_type(component)
    if found is None:
        return component
    keys = (_spelling(key, component) for key in found.kept)
    return {key: component[key] for key in keys if key in component}


def pipeline_text(id: str | None, components: Sequence[JsonObject]) -> str:
    """Return the text whose UUID is the pipeline's: id, then the reduced components as they stand in the document."""
    return f"{id or ANONYMOUS}:{minified([reduced(component) for component in components])}"


def pipeline_uuid(
    id: str | None, components: Sequence[JsonObject], identity: Identity = IDENTITY
) -> TypedUuid:
    """Return the UUID that a pipeline gets when it is first registered.

    Components in another order give another UUID, as published, but not another pipeline: see `fingerprint`.
    """
    return identity.uuid(Kind.PIPELINE, pipeline_text(id, components))


def fingerprint(id: str | None, components: Sequence[JsonObject]) -> str:
    """Return what two documents of the same pipeline share: SHA-256, hex, of the id and the set of components."""
    found = sorted({minified(reduced(component)) for component in components})
    return hashlib.sha256(minified([id or ANONYMOUS, found]).encode()).hexdigest()


def _spelling(key: str, component: JsonObject) -> str:
    return "repo" if key == "image" and "image" not in component else key
