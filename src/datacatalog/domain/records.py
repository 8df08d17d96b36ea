"""A record: one document of the catalog, as it is kept and as it is shown.

A record's `body` holds the published fields of its kind. Links live beside it (they are many and are
asked for from both ends), and so does what only the catalog writes: revision, visibility, salt, owner.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from datacatalog.domain.documents import JsonObject, public_fields, published
from datacatalog.domain.errors import InvalidField, InvalidLink
from datacatalog.domain.kinds import PREFIXES, SPECS, Kind, Relation, TypedUuid

STRATEGIES = ("merge", "replace", "drop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One document of one kind.

    Attributes:
        body: the published fields, without `uuid`, links and names that begin with `_`, except
            `_fingerprint` where the kind declares it.
        revision: None before it was first stored; then 0, and one more per change.
        visible: False once it is deleted softly; queries then pass it over.
        salt: what its update token is derived from; changing it revokes the token.
        admin: owner, project and tenant.
    """

    kind: Kind
    uuid: TypedUuid
    body: JsonObject
    salt: str = field(repr=False)
    admin: Mapping[str, str] = field(default_factory=dict)
    revision: int | None = None
    visible: bool = True
    created: datetime | None = None
    modified: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`source` says `relation` of `target`, e.g. a sample is child_of an experiment."""

    source: TypedUuid
    relation: Relation
    target: TypedUuid


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the update log: who changed what, and when.

    Attributes:
        action: create, update, replace, delete (hidden), undelete or purge.
        diff: {"field": [old, new]}; old or new is missing (a one-sided list is never written) as null.
    """

    uuid: TypedUuid
    date: datetime
    action: str
    revision: int
    diff: JsonObject
    admin: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """Return the line as readers see it, for whoever knows of which record it is."""
        return {
            "date": published(self.date),
            "action": self.action,
            "revision": self.revision,
            "diff": dict(self.diff),
            "admin": dict(self.admin),
        }


def diff_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Tell which top-level fields differ, as {"field": [old, new]}; null where one side has none.

    Private fields (`_...`) are left out, as in published logs.
    """
    names = [*old, *(name for name in new if name not in old)]
    return {n: [old.get(n), new.get(n)] for n in names if old.get(n) != new.get(n) and n[0:1] != "_"}


def merged(old: Any, new: Any) -> Any:
    """Merge `new` over `old`: objects field by field, everything else (lists too) taken from `new`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return new


def patched(old: Any, patch: Any) -> Any:
    """Return what a JSON merge patch (RFC 7396) makes of a value: null removes, objects are patched, the rest replaces."""
    if not isinstance(patch, Mapping):
        return patch
    kept = dict(old) if isinstance(old, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = patched(kept.get(name), value)
    return kept


def check_strategy(strategy: str) -> None:
    """Raises InvalidField: there is no such strategy."""
    if strategy not in STRATEGIES:
        raise InvalidField("strategy", f"'{strategy}' is none of {', '.join(STRATEGIES)}")


def combined(old: JsonObject, new: JsonObject, strategy: str) -> JsonObject:
    """Return the body that results from writing `new` over `old`.

    Args:
        strategy: `merge` (objects field by field), `replace` (the new body), `drop` (the old body stays).
    Raises:
        InvalidField: the strategy is none of the three.
    """
    check_strategy(strategy)
    if strategy == "merge":
        return {**merged(old, new)}
    if strategy == "replace":
        private = {key: value for key, value in old.items() if key.startswith("_")}
        return {**private, **new}
    return old


def check_link(source_kind: Kind, link: Link) -> None:
    """Refuse a link that the kind of `link.source` may not carry.

    Raises:
        InvalidLink: the relation is not declared for that kind, or the record points at itself.
    """
    spec = SPECS.get(source_kind)
    if spec is None or link.relation not in spec.relations:
        raise InvalidLink(link.relation, f"a {source_kind} carries no such link")
    if link.source == link.target:
        raise InvalidLink(link.relation, f"{link.source} cannot point at itself")


def implied_links(uuid: TypedUuid) -> list[Link]:
    """Return the links that a UUID alone tells, which are never stored: a fixity is child_of its file."""
    if not uuid.startswith(PREFIXES[Kind.FIXITY]):
        return []
    file = TypedUuid(PREFIXES[Kind.FILE] + uuid[len(PREFIXES[Kind.FILE]) :])
    return [Link(source=uuid, relation=Relation.CHILD_OF, target=file)]


def link_changes(had: Collection[Link] | None, links: Collection[Link]) -> dict[str, Any]:
    """Tell which links of one record differ, as {"child_of": [old targets, new targets]}, sorted.

    Args:
        had: None: there was no record; null then stands in the place of the old targets.
    """
    old, new = _targets(had or ()), _targets(links)
    return {
        relation.value: [None if had is None else sorted(old[relation]), sorted(new[relation])]
        for relation in Relation
        if old[relation] != new[relation]
    }


def _targets(links: Iterable[Link]) -> Mapping[Relation, set[TypedUuid]]:
    targets: dict[Relation, set[TypedUuid]] = {relation: set() for relation in Relation}
    for link in links:
        targets[link.relation].add(link.target)
    return targets


def public_document(record: Record, links: Iterable[Link] = ()) -> dict[str, Any]:
    """Return the document as readers see it: the body, its uuid and its links, nothing private."""
    document: dict[str, Any] = {"uuid": record.uuid}
    document.update(public_fields(record.body))
    for relation in sorted(SPECS[record.kind].relations):
        document[relation.value] = []
    for link in dict.fromkeys((*implied_links(record.uuid), *links)):
        document[link.relation.value].append(link.target)
    return document
