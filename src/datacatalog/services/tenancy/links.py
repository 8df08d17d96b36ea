"""Links and histories within somebody's reach: a link is shown where both its ends are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby

from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.records import Link
from datacatalog.ports.stores import History, Links, Records
from datacatalog.services.tenancy.reach import Reach, unknown


class ConfinedLinks:
    """Implements ports.stores.Links around another one."""

    def __init__(self, links: Links, records: Records, reach: Reach) -> None:
        """Args: records: all of them, to know whose the ends of a link are."""
        self._links, self._records, self._reach = links, records, reach

    def add(self, links: Iterable[Link]) -> int:
        wanted = list(links)
        self.check(wanted)
        return self._links.add(wanted)

    def check(self, links: Collection[Link], targets: Iterable[TypedUuid] = ()) -> None:
        """Let links be made, and others from new records to `targets`.  Raises NotGranted, UnknownRecord."""
        self._check_sources(links)
        for uuid in sorted(self._hidden([*(link.target for link in links), *targets])):
            raise unknown(uuid)

    def remove(self, links: Iterable[Link]) -> int:
        wanted = self._shown(list(links))
        self._check_sources(wanted)
        return self._links.remove(wanted)

    def of(self, source: TypedUuid, relation: Relation | None = None) -> Sequence[Link]:
        return self._shown(self._links.of(source, relation))

    def to(
        self,
        target: TypedUuid,
        relation: Relation | None = None,
        *,
        kind: Kind | None = None,
        after: str | None = None,
        limit: int = 1000,
    ) -> Sequence[Link]:
        found: list[Link] = []
        while page := self._links.to(target, relation, kind=kind, after=after, limit=limit):
            for _, said in groupby(self._shown(page), lambda link: link.source):
                if len(found) >= limit:
                    return found
                found += said
            after = page[-1].source
        return found

    def step(
        self, uuids: Iterable[TypedUuid], *, up: bool, relations: Collection[Relation] | None = None
    ) -> Sequence[Link]:
        return self._shown(self._links.step(uuids, up=up, relations=relations))

    def _shown(self, links: Sequence[Link]) -> list[Link]:
        hidden = self._hidden(uuid for link in links for uuid in (link.source, link.target))
        return [link for link in links if link.source not in hidden and link.target not in hidden]

    def _hidden(self, uuids: Iterable[TypedUuid]) -> set[TypedUuid]:
        return self._reach.hidden(dict.fromkeys(uuids), self._records)

    def _check_sources(self, links: Iterable[Link]) -> None:
        for record in self._records.find_many({link.source for link in links}).values():
            self._reach.check_change(record)


class ConfinedHistory:
    """Implements ports.stores.History around another one."""

    def __init__(self, history: History, records: Records, reach: Reach) -> None:
        self._history, self._records, self._reach = history, records, reach

    def append(self, job: TypedUuid, entry: HistoryEntry) -> int:
        record = self._records.find(job)
        if record is not None:
            self._reach.check_change(record)
        return self._history.append(job, entry)

    def page(self, job: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, HistoryEntry]]:
        return [] if self._is_hidden(job) else self._history.page(job, after=after, limit=limit)

    def length(self, job: TypedUuid) -> int:
        return 0 if self._is_hidden(job) else self._history.length(job)

    def _is_hidden(self, job: TypedUuid) -> bool:
        record = self._records.find(job)
        return record is not None and not self._reach.sees(record)
