"""Links in SQLite: one table, read from either end along an index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from datacatalog.adapters.stores import rules
from datacatalog.adapters.stores.sqlite import bulk, chunks, keys
from datacatalog.adapters.stores.sqlite.keys import NUMBERS, RELATIONS
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link


class SqliteLinks:
    """Implements ports.stores.Links."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, links: Iterable[Link]) -> int:
        return bulk.insert_links(self._session, sorted(bulk.link_rows(rules.check_links(links))))

    def remove(self, links: Iterable[Link]) -> int:
        sql = "DELETE FROM links WHERE source = ? AND relation = ? AND target = ?"
        there = [link for link in links if rules.is_uuid(link.source) and rules.is_uuid(link.target)]
        return sum(self._session.write(sql, row).rowcount for row in bulk.link_rows(there))

    def of(self, source: TypedUuid, relation: Relation | None = None) -> Sequence[Link]:
        if not rules.is_uuid(source):
            return []
        sql = "SELECT relation, target FROM links WHERE source = ?"
        values: tuple[bytes | int, ...] = (keys.packed(source),)
        if relation is not None:
            sql, values = f"{sql} AND relation = ?", (*values, NUMBERS[relation])
        rows = self._session.read(sql, values).fetchall()
        return [
            Link(source=source, relation=RELATIONS[number], target=keys.text(target))
            for number, target in sorted(rows)
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
        start = keys.packed_after(after)
        if not rules.is_uuid(target):
            return []
        # One look per relation and kind of UUID, each along the index and each `limit` rows at most.
        relations = Relation if relation is None else (relation,)
        prefixes = ("",) if kind is None else rules.prefixes_of(kind)
        found = [
            Link(source=source, relation=each, target=target)
            for each in relations
            for prefix in prefixes
            for source in self._sources(keys.packed(target), each, prefix, start, limit)
        ]
        return rules.page_of_links(found, limit)

    def step(
        self, uuids: Iterable[TypedUuid], *, up: bool, relations: Collection[Relation] | None = None
    ) -> Sequence[Link]:
        near = "source" if up else "target"
        sql = f"SELECT source, relation, target FROM links WHERE {near} IN"  # noqa: S608
        only = "" if relations is None else _one_of(frozenset(NUMBERS[each] for each in relations))
        rows: list[tuple[bytes, int, bytes]] = []
        start = keys.packed_all(uuids)
        for marks, values in chunks.lists(list(start)):
            rows += self._session.read(f"{sql} ({marks}){only}", values).fetchall()
        rows.sort()
        return _links(rows, start)

    def _sources(
        self, target: bytes, relation: Relation, prefix: str, after: bytes, limit: int
    ) -> list[TypedUuid]:
        first, last = keys.bounds(prefix)
        rows = self._session.read(
            "SELECT source FROM links WHERE target = ? AND relation = ? AND source > ? AND source >= ?"
            " AND source <= ? ORDER BY source LIMIT ?",
            (target, NUMBERS[relation], after, first, last, limit),
        ).fetchall()
        return [keys.text(source) for [source] in rows]


def _links(rows: Sequence[tuple[bytes, int, bytes]], known: Mapping[bytes, str]) -> list[Link]:
    """Return links; most of their ends are known or stand in many of them, so each becomes a text once."""
    texts = dict(known)
    for source, _, target in rows:
        if source not in texts:
            texts[source] = keys.text(source)
        if target not in texts:
            texts[target] = keys.text(target)
    return [
        Link(source=TypedUuid(texts[source]), relation=RELATIONS[number], target=TypedUuid(texts[target]))
        for source, number, target in rows
    ]


@lru_cache(maxsize=256)
def _one_of(numbers: frozenset[int]) -> str:
    return f" AND relation IN ({', '.join(map(str, sorted(numbers)))})"
