"""Who else may see a tenant's records, and who is told of what happens to its jobs: parts of a piece of work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from datacatalog.domain.kinds import TypedUuid


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Leave for somebody of one tenant to see, or to change, another tenant's records.

    Attributes:
        id: random; what a grant is revoked by.
        tenant: whose records.
        to_tenant: whose people.
        to_name: the one principal of that tenant; "*" for all of them.
        level: READ, or UPDATE, which includes READ.
        expires: None: until it is revoked.
        by: who gave it.
    """

    id: str
    tenant: str
    to_tenant: str
    to_name: str = "*"
    level: str = "READ"
    created: datetime
    expires: datetime | None = None
    by: str = ""


class Grants(Protocol):
    def put(self, grant: Grant) -> None:
        """Insert or replace by id."""
        ...

    def remove(self, id: str) -> bool: ...

    def to(self, tenant: str) -> Sequence[Grant]:
        """Return what was granted to people of a tenant, expired ones included, oldest first."""
        ...

    def page(self) -> Sequence[Grant]:
        """Return all grants, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Somebody who is told what happens to a job, or to all jobs of a pipeline.

    Attributes:
        id: random, e.g. "sub_..."; no secret.
        subject: the pipeline or the job.
        events: names of events of a job; empty: all.
        url: where deliveries go; may carry a secret in its query.
        secret: what deliveries are signed with, sealed (see services.subscriptions).
        paused: nothing is sent until it is taken up again.
    """

    id: str
    subject: TypedUuid
    events: tuple[str, ...]
    url: str = field(repr=False)
    secret: str = field(repr=False)
    owner: str
    tenant: str
    created: datetime
    paused: bool = False


class Subscriptions(Protocol):
    def put(self, subscription: Subscription) -> None:
        """Insert or replace by id."""
        ...

    def find(self, id: str) -> Subscription | None: ...

    def remove(self, id: str) -> bool: ...

    def of(self, subjects: Iterable[TypedUuid]) -> Sequence[Subscription]:
        """Return all subscriptions to any of these, paused ones included, ordered by id."""
        ...

    def page(self, *, after: str | None = None, limit: int = 100) -> Sequence[Subscription]:
        """Return subscriptions ordered by id, beginning after that one."""
        ...
