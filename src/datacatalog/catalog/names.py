"""What kinds of record, links and directions are called: `catalog.samples`, `kind="sample"`, `relations="child_of"`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from datacatalog.domain.errors import InvalidField
from datacatalog.domain.kinds import NAMED, SPECS, Kind, Relation
from datacatalog.services.lineage import DIRECTIONS, Direction

Names = str | Iterable[str] | None
"""One name, several, or None for all."""

Reference = str | Mapping[str, Any]
"""What names a record: its UUID, identifier, path or URI, or an entry, which stands for its UUID."""

_SHORT = {
    "job": Kind.PIPELINEJOB,
    "pipelinejobs": Kind.PIPELINEJOB,
    "design": Kind.EXPERIMENT_DESIGN,
    "designs": Kind.EXPERIMENT_DESIGN,
    "challenge": Kind.CHALLENGE_PROBLEM,
    "challenge_problems": Kind.CHALLENGE_PROBLEM,
}

COLLECTIONS: Mapping[str, Kind] = {spec.collection: kind for kind, spec in SPECS.items()}

KINDS: Mapping[str, Kind] = {**NAMED, **_SHORT}
"""Every name of a kind: its own, that of its collection, and what people call it."""


def text_of(reference: Reference) -> str:
    """Return the text that names a record.  Raises InvalidField: an entry is no record, or of none."""
    if not isinstance(reference, Mapping):
        return str(reference)
    if not reference.get("uuid"):
        raise InvalidField("reference", "this entry has no uuid")
    return str(reference["uuid"])


def texts_of(references: Reference | Iterable[Reference] | None) -> list[str]:
    """Return the texts that name one record, or several.  Raises InvalidField."""
    if isinstance(references, str | Mapping):
        return [text_of(references)]
    return [text_of(reference) for reference in references or ()]


def kind_named(name: str, field: str = "kind") -> Kind:
    """Return the kind that a name stands for.  Raises InvalidField."""
    try:
        return KINDS[name]
    except KeyError:
        raise InvalidField(field, f"'{name}' is no kind of record; {', '.join(SPECS)} are") from None


def kinds_named(names: Names, field: str = "kinds") -> tuple[Kind, ...] | None:
    """Return the kinds that names stand for; None stays None, for all.  Raises InvalidField."""
    if names is None:
        return None
    return tuple(kind_named(name, field) for name in ([names] if isinstance(names, str) else names))


def directions_named(text: str) -> Sequence[Direction]:
    try:
        return DIRECTIONS[text]
    except KeyError:
        raise InvalidField("direction", f"'{text}' is none of {', '.join(DIRECTIONS)}") from None


def relations_named(names: Names) -> tuple[Relation, ...] | None:
    if names is None:
        return None
    try:
        return tuple(Relation(name) for name in ([names] if isinstance(names, str) else names))
    except ValueError as e:
        raise InvalidField("relations", f"{e}; {', '.join(Relation)} are") from None


def positive(field: str, number: int) -> int:
    if number < 1:
        raise InvalidField(field, f"{number} is less than 1")
    return number
