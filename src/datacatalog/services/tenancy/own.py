"""What is a tenant's own and never granted: what became of its messages, its nonces, its subscriptions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from datacatalog.domain.errors import NotGranted
from datacatalog.domain.kinds import TypedUuid
from datacatalog.ports.sharing import Grant, Grants, Subscription, Subscriptions
from datacatalog.ports.stores import Credential, Credentials, Execution, Executions
from datacatalog.services.tenancy.reach import Reach


class OwnExecutions:
    """Implements ports.stores.Executions around another one: those of one's own tenant."""

    def __init__(self, executions: Executions, reach: Reach) -> None:
        self._executions, self._reach = executions, reach

    def put(self, execution: Execution) -> None:
        self._executions.put(replace(execution, tenant=self._reach.own))

    def get(self, actor: str, id: str) -> Execution | None:
        found = self._executions.get(actor, id)
        return found if found is not None and self._reach.is_own(found.tenant) else None

    def page(
        self,
        actor: str,
        *,
        after: str | None = None,
        limit: int = 100,
        tenants: Collection[str] | None = None,
    ) -> Sequence[Execution]:
        own = self._reach.own_names()
        within = own if tenants is None else own & frozenset(tenants)
        return self._executions.page(actor, after=after, limit=limit, tenants=within)


class OwnCredentials:
    """Implements ports.stores.Credentials around another one: lists and removes those of one's own tenant.

    Whoever shows a secret is recognised by it, whosever it is.
    """

    def __init__(self, credentials: Credentials, reach: Reach) -> None:
        self._credentials, self._reach = credentials, reach

    def put(self, credential: Credential) -> None:
        if not self._reach.is_own(credential.tenant):
            raise NotGranted("this credential would be another tenant's")
        self._credentials.put(credential)

    def find(self, digest: str) -> Credential | None:
        return self._credentials.find(digest)

    def use(self, digest: str, *, at: datetime) -> Credential | None:
        return self._credentials.use(digest, at=at)

    def remove(self, digest: str) -> bool:
        found = self._credentials.find(digest)
        return found is not None and self._reach.is_own(found.tenant) and self._credentials.remove(digest)

    def page(self, kind: str) -> Sequence[Credential]:
        return [each for each in self._credentials.page(kind) if self._reach.is_own(each.tenant)]


class OwnGrants:
    """Implements ports.sharing.Grants around another one: shows what concerns one's own tenant, and changes nothing."""

    def __init__(self, grants: Grants, reach: Reach) -> None:
        self._grants, self._reach = grants, reach

    def put(self, grant: Grant) -> None:
        raise NotGranted("grants are given on the command line, by whoever runs the catalog")

    def remove(self, id: str) -> bool:
        raise NotGranted("grants are revoked on the command line, by whoever runs the catalog")

    def to(self, tenant: str) -> Sequence[Grant]:
        return [grant for grant in self._grants.to(tenant) if self._concerns(grant)]

    def page(self) -> Sequence[Grant]:
        return [grant for grant in self._grants.page() if self._concerns(grant)]

    def _concerns(self, grant: Grant) -> bool:
        return self._reach.own in (grant.tenant, grant.to_tenant)


class OwnSubscriptions:
    """Implements ports.sharing.Subscriptions around another one: those of one's own tenant.

    `of` alone returns those of all tenants: whoever moves a job owes the news to everybody who subscribed to it.
    """

    def __init__(self, subscriptions: Subscriptions, reach: Reach) -> None:
        self._subscriptions, self._reach = subscriptions, reach

    def put(self, subscription: Subscription) -> None:
        known = self._subscriptions.find(subscription.id)
        if not all(self._reach.is_own(each.tenant) for each in (subscription, known) if each is not None):
            raise NotGranted("this subscription is another tenant's")
        self._subscriptions.put(subscription)

    def find(self, id: str) -> Subscription | None:
        found = self._subscriptions.find(id)
        return found if found is not None and self._reach.is_own(found.tenant) else None

    def remove(self, id: str) -> bool:
        return self.find(id) is not None and self._subscriptions.remove(id)

    def of(self, subjects: Iterable[TypedUuid]) -> Sequence[Subscription]:
        return self._subscriptions.of(subjects)

    def page(self, *, after: str | None = None, limit: int = 100) -> Sequence[Subscription]:
        found: list[Subscription] = []
        while len(found) < limit and (page := self._subscriptions.page(after=after, limit=limit)):
            found += [each for each in page if self._reach.is_own(each.tenant)]
            after = page[-1].id
        return found[:limit]
