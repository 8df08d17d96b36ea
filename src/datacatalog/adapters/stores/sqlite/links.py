"""Links in SQLite: one table, read from either end along an index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from datacatalog.adapters.stores import rules
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link


class SqliteLinks:
    """Implements ports.stores.Links."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, links: Iterable[Link]) -> int:
        return self._each(
            "INSERT OR IGNORE INTO links (source, relation, target) VALUES (?, ?, ?)",
            rules.check_links(links),
        )

    def remove(self, links: Iterable[Link]) -> int:
        return self._each("DELETE FROM links WHERE source = ? AND relation = ? AND target = ?", links)

    def of(self, source: TypedUuid, relation: Relation | None = None) -> Sequence[Link]:
        sql = "SELECT relation, target FROM links WHERE source = ?"
        if relation is not None:
            rows = self._session.read(f"{sql} AND relation = ?", (source, relation.value)).fetchall()
        else:
            rows = self._session.read(sql, (source,)).fetchall()
        found = [Link(source=source, relation=Relation(name), target=target) for name, target in rows]
        return sorted(found, key=lambda link: (link.relation, link.target))

    def to(
        self,
        target: TypedUuid,
        relation: Relation | None = None,
        *,
        kind: Kind | None = None,
        after: str | None = None,
        limit: int = 1000,
    ) -> Sequence[Link]:
        # One look per relation and kind of UUID, each along the index and each `limit` rows at most.
        relations = Relation if relation is None else (relation,)
        prefixes = ("",) if kind is None else rules.prefixes_of(kind)
        found = [
            Link(source=source, relation=each, target=target)
            for each in relations
            for prefix in prefixes
            for source in self._sources(target, each, prefix, after or "", limit)
        ]
        return rules.page_of_links(found, limit)

    def step(
        self, uuids: Iterable[TypedUuid], *, up: bool, relations: Collection[Relation] | None = None
    ) -> Sequence[Link]:
        near = "source" if up else "target"
        found = {
            Link(source=source, relation=Relation(name), target=target)
            for uuid in set(uuids)
            for source, name, target in self._session.read(
                f"SELECT source, relation, target FROM links WHERE {near} = ?",  # noqa: S608
                (uuid,),
            ).fetchall()
        }
        return rules.ordered_links(link for link in found if relations is None or link.relation in relations)

    def _sources(
        self, target: TypedUuid, relation: Relation, prefix: str, after: str, limit: int
    ) -> list[TypedUuid]:
        rows = self._session.read(
            "SELECT source FROM links WHERE target = ? AND relation = ? AND source > ? AND source < ?"
            " ORDER BY source LIMIT ?",
            (target, relation.value, max(after, prefix), f"{prefix}~", limit),
        ).fetchall()
        return [source for [source] in rows]

    def _each(self, sql: str, links: Iterable[Link]) -> int:
        return sum(
            self._session.write(sql, (link.source, link.relation.value, link.target)).rowcount
            for link in links
        )
