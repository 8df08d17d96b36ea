"""Which records of a kind a request asks for."""

from __future__ import annotations

from collections.abc import Mapping

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.jobs.lifecycle import read_state
from datacatalog.domain.kinds import SPECS, Kind, Relation
from datacatalog.interfaces.http.reading import flag, limit
from datacatalog.services.listing import Query, read_cursor

PATH_PREFIX = "path_prefix"
_PLACED = frozenset({Kind.FILE})
"""Kinds whose `name` is a path that can be searched."""
_IMPLIED = {Kind.FIXITY: frozenset({Relation.CHILD_OF})}
"""Links that no store keeps, so that nothing is found by them."""
PAGING = frozenset({"limit", "after", "hidden"})


def fields_of(kind: Kind) -> list[str]:
    """Return the fields by whose value records of a kind can be asked for."""
    return list(SPECS[kind].published_search)


def relations_of(kind: Kind) -> list[str]:
    """Return the links by whose target records of a kind can be asked for."""
    return sorted(SPECS[kind].relations - _IMPLIED.get(kind, frozenset()))


def filters_of(kind: Kind) -> list[str]:
    """Return all filters of a kind."""
    return [*fields_of(kind), *relations_of(kind), *([PATH_PREFIX] if kind in _PLACED else [])]


def read_query(kind: Kind, context: Mapping[str, str]) -> Query:
    """Tell which records URL parameters ask for.

    Raises:
        InvalidField: there is no such filter, or its value cannot be one.
    """
    for name in context.keys() - PAGING - {*filters_of(kind)}:
        raise InvalidField(name, f"is no filter of a {kind}; one of {', '.join(filters_of(kind))}")
    linked = [name for name in relations_of(kind) if name in context]
    if len(linked) > 1:
        raise InvalidField(linked[1], f"cannot be asked together with {linked[0]}")
    prefix, after = context.get(PATH_PREFIX), context.get("after")
    if prefix == "":
        raise InvalidField(PATH_PREFIX, "is empty")
    return Query(
        kind=kind,
        where={name: _value(name, context[name]) for name in fields_of(kind) if name in context},
        linked=(Relation(linked[0]), read_typed(context[linked[0]], field=linked[0])) if linked else None,
        prefix=prefix,
        after=None if after is None else read_cursor(after, prefix if not linked else None),
        limit=limit(context.get("limit", "100")),
        hidden=flag("hidden", context.get("hidden")),
    )


def _value(name: str, text: str) -> str:
    if name == "state":
        return read_state(text).value
    if name == "pipeline_uuid":
        return read_typed(text, Kind.PIPELINE, field=name)
    return text
