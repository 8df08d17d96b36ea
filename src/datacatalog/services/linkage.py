"""Resolving a job's linkage parameters against the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from datacatalog.domain.errors import InvalidField, MixedLinkage, UnknownRecord
from datacatalog.domain.identifiers.typed import kind_of
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.linkage.levels import HIERARCHY, LINKAGE_PARAMETERS, Linkage
from datacatalog.ports.stores import Work


def resolve(parameters: Mapping[str, Any], work: Work) -> Linkage:
    """Tell what a job is about.

    Args:
        parameters: experiment_design_id, experiment_id, sample_id, measurement_id; each a text or a list of texts, each text
            an identifier or a typed UUID. None and empty lists count as not given; further keys are passed over.
    Returns:
        `named` from the highest level given, `child_of` from the lowest.
    Raises:
        UnknownRecord: an identifier is not in the catalog. (A UUID is taken at its word: metadata may be loaded later.)
        MixedLinkage: something under a parameter is of another kind.
    """
    levels = [
        (kind, sorted({_one(name, value, kind, work) for value in _listed(name, parameters[name])}))
        for name, kind in LINKAGE_PARAMETERS.items()
        if parameters.get(name)
    ]
    if not levels:
        return Linkage()
    lowest, below = levels[-1]
    return Linkage(named=levels[0][1], child_of=measurements_below(lowest, below, work) or below)


def measurements_below(kind: Kind, uuids: Iterable[TypedUuid], work: Work) -> list[TypedUuid]:
    """Return the sorted UUIDs of all measurements below records of one level; those of measurements are their own."""
    return descend(kind, Kind.MEASUREMENT, uuids, work)


def descend(kind: Kind, to: Kind, uuids: Iterable[TypedUuid], work: Work) -> list[TypedUuid]:
    """Return the sorted UUIDs of all records of level `to` below records of level `kind`, which is above it or the same."""
    level = set(uuids)
    for below in HIERARCHY[HIERARCHY.index(kind) + 1 : HIERARCHY.index(to) + 1]:
        level = {child for uuid in level for child in children(uuid, below, work)}
    return sorted(level)


def children(uuid: TypedUuid, kind: Kind, work: Work) -> Iterable[TypedUuid]:
    """Yield the UUIDs of all records of a kind that are child_of `uuid`."""
    after: str | None = None
    while page := work.links.to(uuid, Relation.CHILD_OF, kind=kind, after=after):
        yield from (link.source for link in page)
        after = page[-1].source


def _listed(name: str, value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not all(isinstance(v, str) and v for v in values):
        raise InvalidField(name, "must be an identifier or a UUID, or a list of them")
    return list(values)


def _one(name: str, value: str, kind: Kind, work: Work) -> TypedUuid:
    found = work.records.identified(kind, name, value)
    if found is not None:
        return found.uuid
    try:
        actual = kind_of(value)
    except InvalidField:
        raise UnknownRecord(value, kind) from None
    if actual is not kind:
        raise MixedLinkage(name, f"{value} is a {actual}, not a {kind}")
    return TypedUuid(value)
