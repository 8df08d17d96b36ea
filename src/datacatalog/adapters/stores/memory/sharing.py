"""Grants and subscriptions in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from datacatalog.adapters.stores import rules
from datacatalog.adapters.stores.memory.session import MemorySession
from datacatalog.domain.kinds import TypedUuid
from datacatalog.ports.sharing import Grant, Subscription


class MemoryGrants:
    """Implements ports.sharing.Grants."""

    def __init__(self, session: MemorySession) -> None:
        self._session = session

    def put(self, grant: Grant) -> None:
        tables = self._session.to_write()
        tables.set(tables.grants, grant.id, grant)

    def remove(self, id: str) -> bool:
        tables = self._session.to_write()
        there = id in tables.grants
        tables.drop(tables.grants, id)
        return there

    def to(self, tenant: str) -> Sequence[Grant]:
        return [grant for grant in self.page() if grant.to_tenant == tenant]

    def page(self) -> Sequence[Grant]:
        return sorted(self._session.to_read().grants.values(), key=lambda grant: (grant.created, grant.id))


class MemorySubscriptions:
    """Implements ports.sharing.Subscriptions."""

    def __init__(self, session: MemorySession) -> None:
        self._session = session

    def put(self, subscription: Subscription) -> None:
        tables = self._session.to_write()
        rules.check_uuid(subscription.subject)
        tables.set(tables.subscriptions, subscription.id, subscription)

    def find(self, id: str) -> Subscription | None:
        return self._session.to_read().subscriptions.get(id)

    def remove(self, id: str) -> bool:
        tables = self._session.to_write()
        there = id in tables.subscriptions
        tables.drop(tables.subscriptions, id)
        return there

    def of(self, subjects: Iterable[TypedUuid]) -> Sequence[Subscription]:
        wanted = set(subjects)
        return [each for each in self._all() if each.subject in wanted]

    def page(self, *, after: str | None = None, limit: int = 100) -> Sequence[Subscription]:
        return [each for each in self._all() if each.id > (after or "")][:limit]

    def _all(self) -> list[Subscription]:
        return sorted(self._session.to_read().subscriptions.values(), key=lambda each: each.id)
