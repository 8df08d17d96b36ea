"""Links in MongoDB: lists in the documents that say them, read from the other end along indexes of their elements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from datacatalog.adapters.stores import rules
from datacatalog.adapters.stores.mongo import documents, marking
from datacatalog.adapters.stores.mongo.layout import COLLECTION_OF, UUID
from datacatalog.adapters.stores.mongo.prepared import Said, by_source
from datacatalog.adapters.stores.mongo.shelf import Shelf
from datacatalog.adapters.stores.mongo.view import Document
from datacatalog.domain.kinds import SPECS, Kind, Relation, TypedUuid
from datacatalog.domain.records import Link

_AT_ONCE = 500


class MongoLinks:
    """Implements ports.stores.Links."""

    __slots__ = ("_shelf", "_view")

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._view = shelf.view

    def add(self, links: Iterable[Link]) -> int:
        self._view.writing()
        return self.say(by_source(rules.check_links(links)))

    def say(self, said: Said) -> int:
        """Do as `add`, of what was checked."""
        known = self._shelf.many(said)
        count = 0
        for source, more in said.items():
            targets = documents.targets_of(known.get(source))
            new = {relation: others - targets.get(relation, set()) for relation, others in more.items()}
            for relation, others in new.items():
                targets.setdefault(relation, set()).update(others)
                count += len(others)
            if any(new.values()):
                self._shelf.say(source, targets, touched=marking.of_links(new))
        return count

    def remove(self, links: Iterable[Link]) -> int:
        self._view.writing()
        said = by_source(link for link in links if rules.is_uuid(link.source))
        known = self._shelf.many(said)
        count = 0
        for source, document in known.items():
            targets = documents.targets_of(document)
            gone = {
                relation: others & targets.get(relation, set()) for relation, others in said[source].items()
            }
            for relation, others in gone.items():
                if others:
                    targets[relation] -= others
                    count += len(others)
            if any(gone.values()):
                self._shelf.say(source, targets, touched=marking.of_links(gone))
        return count

    def forget(self, uuid: TypedUuid) -> None:
        """Remove what a record says, and what is said of it."""
        targets = documents.targets_of(self._shelf.get(uuid))
        self._view.writing()
        self._shelf.say(uuid, {relation: set() for relation in targets}, touched=marking.of_links(targets))
        self.remove(self.step([uuid], up=False))

    def of(self, source: TypedUuid, relation: Relation | None = None) -> Sequence[Link]:
        targets = documents.targets_of(self._shelf.get(source))
        return [
            Link(source=source, relation=each, target=TypedUuid(target))
            for each in sorted(targets)
            if relation in (None, each)
            for target in sorted(targets[each])
        ]

    def to(
        self,
        target: TypedUuid,
        relation: Relation | None = None,
        *,
        kind: Kind | None = None,
        after: str | None = None,
        limit: int = 1000,
    ) -> Sequence[Link]:
        rules.check_cursor(after)
        if not rules.is_uuid(target):
            return []
        asked = None if relation is None else [relation]
        beyond = {} if after is None else {UUID: {"$gt": after}}
        found = [
            link
            for each in (SPECS if kind is None else [kind])
            for link in self._said_of([target], each, asked, beyond, limit)
        ]
        return rules.page_of_links(found, limit)

    def step(
        self, uuids: Iterable[TypedUuid], *, up: bool, relations: Collection[Relation] | None = None
    ) -> Sequence[Link]:
        near = sorted({uuid for uuid in uuids if rules.is_uuid(uuid)})
        if up:
            return rules.ordered_links(self._said_by(near, relations))
        return rules.ordered_links(
            link
            for kind in SPECS
            for start in range(0, len(near), _AT_ONCE)
            for link in self._said_of(near[start : start + _AT_ONCE], kind, relations, {}, None)
        )

    def _said_by(self, sources: Iterable[str], relations: Collection[Relation] | None) -> Iterator[Link]:
        for source, document in self._shelf.many(sources).items():
            for relation, targets in documents.targets_of(document).items():
                if relations is None or relation in relations:
                    for target in targets:
                        yield Link(source=TypedUuid(source), relation=relation, target=TypedUuid(target))

    def _said_of(
        self,
        targets: Sequence[str],
        kind: Kind,
        relations: Collection[Relation] | None,
        where: Document,
        limit: int | None,
    ) -> list[Link]:
        """Return what records of one kind say of any of these; those of the first `limit` sources."""
        spec = SPECS.get(kind)
        carried = [] if spec is None else sorted(spec.relations.intersection(relations or Relation))
        if spec is None or (relations is not None and not relations):
            return []
        wanted: Any = {"$in": list(targets)} if len(targets) > 1 else targets[0]
        each = [{relation.value: wanted} for relation in carried]
        if not each:
            return []
        found = self._view.find(
            COLLECTION_OF[kind],
            {**where, **(each[0] if len(each) == 1 else {"$or": each})},
            sort=[(UUID, 1)],
            limit=limit,
            fields=[UUID, *(relation.value for relation in carried)],
            seen=map(marking.said_of, targets),
        )
        asked = set(targets)
        return [
            Link(source=TypedUuid(document[UUID]), relation=relation, target=TypedUuid(target))
            for document in found
            for relation in carried
            for target in asked.intersection(document.get(relation.value, ()))
        ]
