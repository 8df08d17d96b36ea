"""The metadata hierarchy in the catalog: what lies below and above a record, and what a job's linkage parameters mean.

Hidden records are passed over, and so is what hangs below them alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from datacatalog.domain.errors import InvalidField, MixedLinkage, UnknownRecord
from datacatalog.domain.identifiers.typed import kind_of, read_typed
from datacatalog.domain.kinds import KIND_OF_PREFIX, Kind, Relation, TypedUuid, kept_as
from datacatalog.domain.linkage.levels import (
    EXPANSIONS,
    HIERARCHY,
    LINKAGE_PARAMETERS,
    Linkage,
    levels_above,
    levels_below,
)
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.finding import find_record

_MADE = frozenset({Relation.GENERATED_BY, Relation.CHILD_OF})
_ACTED = frozenset({Relation.ACTED_ON, Relation.ACTED_USING})


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
    _, below = levels[-1]
    return Linkage(named=levels[0][1], child_of=linked(below, Kind.MEASUREMENT, work) or below)


def expand(name: str, references: str | Iterable[str], work: Work, env: Env) -> list[TypedUuid]:
    """Return what a published expansion helper returns, such as `measurements_from_samples`.

    Args:
        name: of domain.linkage.levels.EXPANSIONS.
        references: one or several, each anything that `find_record` takes.
    Returns:
        Sorted UUIDs of visible records, each once; see `linked`.
    Raises:
        InvalidField: there is no such helper.
        UnknownRecord: a reference names nothing.
        MixedLinkage: a reference names a record of another kind, or one on no level.
    """
    if name not in EXPANSIONS:
        raise InvalidField("name", f"'{name}' is none of {', '.join(EXPANSIONS)}")
    given, to = EXPANSIONS[name]
    return linked(named(references, work, env, given), to, work)


def named(references: str | Iterable[str], work: Work, env: Env, kind: Kind | None = None) -> list[TypedUuid]:
    """Return the UUIDs of the visible records that texts name.

    Args:
        kind: they must be of this one; None: any.
    Raises:
        UnknownRecord.
        MixedLinkage: one is of another kind.
    """
    texts = [references] if isinstance(references, str) else list(references)
    typed = {text: uuid for text in texts if (uuid := _typed(text)) is not None}
    there = work.records.visible(typed.values())
    found = []
    for text in texts:
        uuid = typed.get(text)
        if uuid is None or uuid not in there:
            uuid = find_record(text, work, env).uuid
        if kind is not None and _kind(uuid) is not kind:
            raise MixedLinkage(kind, f"{text} is a {_kind(uuid)}, not a {kind}")
        found.append(uuid)
    return found


def linked(starts: Iterable[TypedUuid], to: Kind, work: Work) -> list[TypedUuid]:
    """Return the sorted UUIDs of the visible records of a kind that belong to any of `starts`, each once.

    Down and up the hierarchy by `child_of`, levels that are left out included. Of a job: the files that it made, and the
    metadata above what it is `child_of`; of a pipeline: those of its jobs. Jobs: those `child_of` a record or of what lies
    below it; of a file or reference, those that made it or worked on it. What is of kind `to` already stands for itself.

    Args:
        starts: taken at their word: they need not be in the catalog.
        to: a level of the hierarchy, or a job.
    Raises:
        MixedLinkage: `to`, or one of `starts`, is on no level of the hierarchy.
    """
    to, groups = kept_as(to), dict[Kind, set[TypedUuid]]()
    for uuid in starts:
        groups.setdefault(_kind(uuid), set()).add(uuid)
    if to not in (*HIERARCHY, Kind.PIPELINEJOB):
        raise MixedLinkage("to", f"a {to} is on no level of the hierarchy")
    found: set[TypedUuid] = set()
    for kind, group in groups.items():
        found |= group if kind is to else _linked(kind, group, to, work)
    return sorted(found)


def lineage_from_uuid(
    uuid: TypedUuid, work: Work, *, permissive: bool = False
) -> list[tuple[Kind, TypedUuid]]:
    """Return the chain of parents from a record up the hierarchy, itself first, as (level, UUID).

    Args:
        permissive: end the chain where there are several parents.
    Raises:
        MixedLinkage: a record has several parents, or is on no level.
    """
    chain = [(_kind(uuid), uuid)]
    if chain[0][0] not in HIERARCHY:
        raise MixedLinkage("uuid", f"a {chain[0][0]} is on no level of the hierarchy")
    while above := HIERARCHY[: HIERARCHY.index(chain[-1][0])]:
        parents = _step([chain[-1][1]], work, up=True, kinds=above)
        if len(parents) > 1 and not permissive:
            raise MixedLinkage("child_of", f"{chain[-1][1]} has {len(parents)} parents")
        if len(parents) != 1:
            break
        (parent,) = parents
        chain.append((_kind(parent), parent))
    return chain


# -------------------------------------------------------------------------------------------- walking


def _linked(kind: Kind, starts: Collection[TypedUuid], to: Kind, work: Work) -> set[TypedUuid]:
    if to is Kind.PIPELINEJOB:
        return _jobs_of(kind, starts, work)
    if kind is Kind.PIPELINE:
        return _linked(Kind.PIPELINEJOB, _jobs_of(kind, starts, work), to, work)
    if kind is Kind.PIPELINEJOB and to is Kind.FILE:
        return _step(starts, work, up=False, kinds=[to], relations=_MADE)
    if kind is Kind.PIPELINEJOB:
        parents = _step(starts, work, up=True, kinds=HIERARCHY)
        return set(linked(parents, to, work))
    if kind not in HIERARCHY:
        raise MixedLinkage("from", f"a {kind} is on no level of the hierarchy")
    up = HIERARCHY.index(to) < HIERARCHY.index(kind)
    reached = _walk(starts, work, up=up, kinds=(levels_above if up else levels_below)(kind, to))
    return {uuid for uuid in reached if _kind(uuid) is to}


def _jobs_of(kind: Kind, starts: Collection[TypedUuid], work: Work) -> set[TypedUuid]:
    jobs = [Kind.PIPELINEJOB]
    if kind is Kind.PIPELINE:
        return _step(starts, work, up=False, kinds=jobs, relations={Relation.GENERATED_BY})
    if kind in (Kind.FILE, Kind.REFERENCE):
        made = _step(starts, work, up=True, kinds=jobs, relations=_MADE)
        return made | _step(starts, work, up=False, kinds=jobs, relations=_ACTED)
    if kind not in HIERARCHY:
        raise MixedLinkage("from", f"a {kind} is on no level of the hierarchy")
    below = _walk(starts, work, up=False, kinds=levels_below(kind, Kind.MEASUREMENT))
    return _step(below | set(starts), work, up=False, kinds=jobs)


def _walk(starts: Collection[TypedUuid], work: Work, *, up: bool, kinds: Sequence[Kind]) -> set[TypedUuid]:
    """Return what `child_of` leads to from level to level, through records of `kinds` only."""
    reached, level = set[TypedUuid](), set(starts)
    while level and kinds:
        level = _step(level, work, up=up, kinds=kinds) - reached
        reached |= level
    return reached


def _step(
    starts: Collection[TypedUuid],
    work: Work,
    *,
    up: bool,
    kinds: Collection[Kind],
    relations: Collection[Relation] = (Relation.CHILD_OF,),
) -> set[TypedUuid]:
    """Return the visible records of `kinds` that links lead to from any of `starts`."""
    links = work.links.step(starts, up=up, relations=relations)
    ends = {link.target if up else link.source for link in links}
    return set(work.records.visible(uuid for uuid in ends if _kind(uuid) in kinds))


def _kind(uuid: TypedUuid) -> Kind:
    return kept_as(KIND_OF_PREFIX[uuid[:3]])


def _typed(text: str) -> TypedUuid | None:
    try:
        return read_typed(text)
    except InvalidField:
        return None


def _listed(name: str, value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not all(isinstance(v, str) and v for v in values):
        raise InvalidField(name, "must be an identifier or a UUID, or a list of them")
    return list(values)


def _one(name: str, value: str, kind: Kind, work: Work) -> TypedUuid:
    found = work.records.identified(kind, name, value)
    if found is not None and found.visible:
        return found.uuid
    try:
        actual = kind_of(value)
    except InvalidField:
        raise UnknownRecord(value, kind) from None
    if actual is not kind:
        raise MixedLinkage(name, f"{value} is a {actual}, not a {kind}")
    return TypedUuid(value)
