"""How far somebody's reach goes: tenants whose records may be read, and those whose records may be changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from datacatalog.domain.errors import NotGranted, UnknownRecord
from datacatalog.domain.kinds import KIND_OF_PREFIX, TypedUuid
from datacatalog.domain.records import Record
from datacatalog.ports.stores import Records, Work

UPDATE = "UPDATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeker:
    """Who asks.

    Attributes:
        tenant: whose people they belong to.
        name: who they are among these.
    """

    tenant: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Tenants within somebody's reach.

    Attributes:
        own: the seeker's tenant.
        home: the installation's tenant; what names none is its.
        reads: tenants whose records may be seen, `own` among them.
        writes: tenants whose records may be changed; each may be seen too.
    """

    own: str
    home: str
    reads: frozenset[str]
    writes: frozenset[str]

    def tenant_of(self, admin: Mapping[str, str]) -> str:
        """Return whose a record is, by its `admin`."""
        return admin.get("tenant") or self.home

    def covers(self, tenants: Iterable[str]) -> bool:
        """Tell whether all these tenants' records may be changed."""
        return {tenant or self.home for tenant in tenants} <= self.writes

    def is_own(self, tenant: str) -> bool:
        return (tenant or self.home) == self.own

    def own_names(self) -> frozenset[str]:
        """Return what stands for the seeker's own tenant where a tenant is written down."""
        return frozenset({self.own, ""} if self.own == self.home else {self.own})

    def sees(self, record: Record) -> bool:
        return self.tenant_of(record.admin) in self.reads

    def hidden(self, uuids: Iterable[TypedUuid], records: Records) -> set[TypedUuid]:
        """Return those of these UUIDs that are records out of reach; what is not there at all is not among them."""
        return {uuid for uuid, record in records.find_many(uuids).items() if not self.sees(record)}

    def check_change(self, record: Record) -> None:
        """Let a record be changed that is there.

        Raises:
            UnknownRecord: it is out of reach.
            NotGranted: it may be read alone.
        """
        if not self.sees(record):
            raise unknown(record.uuid)
        self.check_tenant(record)

    def check_tenant(self, record: Record) -> None:
        """Let a record be one of its tenant.  Raises NotGranted."""
        tenant = self.tenant_of(record.admin)
        if tenant not in self.writes:
            raise NotGranted(f"{record.uuid} is of tenant '{tenant}', which granted no leave to change it")


def unknown(uuid: TypedUuid) -> UnknownRecord:
    """Return the error that a store raises where there is no such record."""
    return UnknownRecord(uuid, KIND_OF_PREFIX.get(uuid[:3], "record"))


def reach_of(seeker: Seeker, home: str, work: Work, at: datetime) -> Reach:
    """Return how far a seeker's reach goes at an instant: their tenant, and what was granted to them until then."""
    own = seeker.tenant or home
    if {tenant or home for tenant in work.records.tenants()} <= {own}:
        return Reach(own=own, home=home, reads=frozenset({own}), writes=frozenset({own}))
    granted = [
        grant
        for grant in work.grants.to(own)
        if grant.to_name in ("*", seeker.name) and (grant.expires is None or at < grant.expires)
    ]
    return Reach(
        own=own,
        home=home,
        reads=frozenset({own, *(grant.tenant for grant in granted)}),
        writes=frozenset({own, *(grant.tenant for grant in granted if grant.level == UPDATE)}),
    )
