"""Records within somebody's reach; all others are as if they were not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import TypeVar

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import AlreadyExists, Duplicate
from datacatalog.domain.kinds import SPECS, Kind, TypedUuid
from datacatalog.domain.records import Change, Record
from datacatalog.ports.stores import Glance, Links, Page, Records
from datacatalog.services.tenancy.reach import Reach, unknown

R = TypeVar("R", Record, Glance)

_PAGE = 1000


class ConfinedRecords:
    """Implements ports.stores.Records around another one."""

    def __init__(self, records: Records, links: Links, reach: Reach) -> None:
        """Args: links: all of them, to know what others say of a record that is to be removed."""
        self._records, self._links, self._reach = records, links, reach

    # ---------------------------------------------------------------------------------------- reading

    def get(self, uuid: TypedUuid) -> Record:
        record = self._records.get(uuid)
        if not self._reach.sees(record):
            raise unknown(uuid)
        return record

    def find(self, uuid: TypedUuid) -> Record | None:
        record = self._records.find(uuid)
        return record if record is not None and self._reach.sees(record) else None

    def find_many(self, uuids: Iterable[TypedUuid]) -> Mapping[TypedUuid, Record]:
        found = self._records.find_many(uuids)
        return {uuid: record for uuid, record in found.items() if self._reach.sees(record)}

    def visible(self, uuids: Iterable[TypedUuid]) -> Set[TypedUuid]:
        return {uuid for uuid, record in self.find_many(uuids).items() if record.visible}

    def identified(self, kind: Kind, field: str, value: str) -> Record | None:
        record = self._records.identified(kind, field, value)
        return record if record is not None and self._reach.sees(record) else None

    def page(
        self,
        kind: Kind,
        where: Mapping[str, str] | None = None,
        *,
        after: str | None = None,
        limit: int = 100,
        hidden: bool = False,
    ) -> Page:
        found: list[Record] = []
        while True:
            page = self._records.page(kind, where, after=after, limit=limit, hidden=hidden)
            for record in page.records:
                if not self._reach.sees(record):
                    continue
                if len(found) == limit:
                    return Page(records=found, next=found[-1].uuid if found else None)
                found.append(record)
            if page.next is None:
                return Page(records=found, next=None)
            after = page.next

    def between(
        self, kind: Kind, field: str, low: str, high: str, *, limit: int = 1000, hidden: bool = False
    ) -> Sequence[Record]:
        def read(start: str, size: int) -> Sequence[Record]:
            return self._records.between(kind, field, start, high, limit=size, hidden=hidden)

        rows = _all_from(low, limit, read, lambda record: str(record.body[field]))
        return _first(limit, rows, self._reach.sees)

    def glance(
        self, kind: Kind, fields: Sequence[str], low: str, high: str, *, limit: int = 1000
    ) -> Sequence[Glance]:
        asked = (*fields, "name")

        def read(start: str, size: int) -> Sequence[Glance]:
            return self._records.glance(kind, asked, start, high, limit=size)

        found: list[Glance] = []
        for chunk in _chunks(low, limit, read, lambda row: row.values[-1] or ""):
            within = self.find_many(row.uuid for row in chunk)
            found += [row._replace(values=row.values[:-1]) for row in chunk if row.uuid in within]
            if len(found) >= limit:
                break
        return found[:limit]

    def count(self, kind: Kind, where: Mapping[str, str] | None = None) -> int:
        counted, after = 0, None
        while True:
            page = self._records.page(kind, where, after=after, limit=_PAGE)
            counted += sum(map(self._reach.sees, page.records))
            if page.next is None:
                return counted
            after = page.next

    def tenants(self) -> Set[str]:
        return {
            tenant for tenant in self._records.tenants() if (tenant or self._reach.home) in self._reach.reads
        }

    def changes(self, uuid: TypedUuid, *, after: int = 0, limit: int = 100) -> Sequence[tuple[int, Change]]:
        record = self._records.find(uuid)
        if record is not None and not self._reach.sees(record):
            return []
        found: list[tuple[int, Change]] = []
        while len(found) < limit and (lines := self._records.changes(uuid, after=after, limit=limit)):
            # Whoever had this UUID before it was removed may have been another tenant.
            found += [line for line in lines if self._reach.tenant_of(line[1].admin) in self._reach.reads]
            after = lines[-1][0]
        return found[:limit]

    # ---------------------------------------------------------------------------------------- writing

    def put(
        self,
        record: Record,
        *,
        at: datetime,
        beside: JsonObject | None = None,
        by: str | None = None,
        action: str | None = None,
    ) -> Record:
        self._check_put(record, self._records.find(record.uuid))
        try:
            return self._records.put(record, at=at, beside=beside, by=by, action=action)
        except Duplicate as e:
            raise self._told([record], e) from None

    def put_many(self, records: Iterable[Record], *, at: datetime) -> None:
        wanted = list(records)
        stored = self._records.find_many(record.uuid for record in wanted)
        for record in wanted:
            self._check_put(record, stored.get(record.uuid))
        try:
            self._records.put_many(wanted, at=at)
        except Duplicate as e:
            raise self._told(wanted, e) from None

    def purge(self, uuid: TypedUuid, *, at: datetime, by: str | None = None) -> None:
        self._reach.check_change(self._records.get(uuid))
        if self._is_said_out_of_reach(uuid):
            raise AlreadyExists(f"records of another tenant point at {uuid}; it can be hidden, not removed")
        self._records.purge(uuid, at=at, by=by)

    def _check_put(self, record: Record, stored: Record | None) -> None:
        """Raises NotGranted, UnknownRecord; AlreadyExists: the UUID is one of a record that is out of reach."""
        self._reach.check_tenant(record)
        if stored is None:
            return
        if record.revision is None and not self._reach.sees(stored):
            raise _taken()
        self._reach.check_change(stored)

    def _told(self, records: Iterable[Record], error: Duplicate) -> Duplicate | AlreadyExists:
        """Return what may be told where an identifier is taken."""
        for record in records:
            for field in SPECS[record.kind].identifiers:
                value = record.body.get(field)
                other = (
                    self._records.identified(record.kind, field, value) if isinstance(value, str) else None
                )
                if other is not None and other.uuid != record.uuid and not self._reach.sees(other):
                    return _taken()
        return error

    def _is_said_out_of_reach(self, uuid: TypedUuid) -> bool:
        after: str | None = None
        while links := self._links.to(uuid, after=after, limit=_PAGE):
            if self._reach.hidden({link.source for link in links}, self._records):
                return True
            after = links[-1].source
        return False


def _taken() -> AlreadyExists:
    return AlreadyExists("the UUID or an identifier of this record is taken")


def _first(limit: int, chunks: Iterable[R], wanted: Callable[[R], bool]) -> list[R]:
    found: list[R] = []
    for row in chunks:
        if len(found) >= limit:
            break
        if wanted(row):
            found.append(row)
    return found


def _all_from(
    low: str, limit: int, read: Callable[[str, int], Sequence[R]], value: Callable[[R], str]
) -> Iterator[R]:
    for chunk in _chunks(low, limit, read, value):
        yield from chunk


def _chunks(
    low: str, limit: int, read: Callable[[str, int], Sequence[R]], value: Callable[[R], str]
) -> Iterator[Sequence[R]]:
    """Read on and on from a value, which is where what was read last begins again; yield every row once."""
    size = max(limit, 1)
    seen: set[TypedUuid] = set()
    while True:
        rows = read(low, size)
        yield [row for row in rows if row.uuid not in seen]
        if len(rows) < size:
            return
        last = value(rows[-1])
        if last == low:
            # So many rows share this value that a longer look is needed to see beyond it.
            size *= 2
        else:
            low = last
        seen = {row.uuid for row in rows if value(row) == last}
