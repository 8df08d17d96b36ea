"""Grants and subscriptions in SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from datacatalog.adapters.stores import codec
from datacatalog.adapters.stores.sqlite.keys import packed, text
from datacatalog.adapters.stores.sqlite.session import Session
from datacatalog.domain.kinds import TypedUuid
from datacatalog.ports.sharing import Grant, Subscription


class SqliteGrants:
    """Implements ports.sharing.Grants."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, grant: Grant) -> None:
        self._session.write(
            f"INSERT OR REPLACE INTO grants ({_GRANT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                grant.id,
                grant.tenant,
                grant.to_tenant,
                grant.to_name,
                grant.level,
                codec.micros(grant.created),
                codec.micros_or_none(grant.expires),
                grant.by,
            ),
        )

    def remove(self, id: str) -> bool:
        return self._session.write("DELETE FROM grants WHERE id = ?", (id,)).rowcount == 1

    def to(self, tenant: str) -> Sequence[Grant]:
        sql = f"SELECT {_GRANT} FROM grants WHERE to_tenant = ? ORDER BY created, id"  # noqa: S608
        return [_grant(row) for row in self._session.read(sql, (tenant,)).fetchall()]

    def page(self) -> Sequence[Grant]:
        sql = f"SELECT {_GRANT} FROM grants ORDER BY created, id"  # noqa: S608
        return [_grant(row) for row in self._session.read(sql).fetchall()]


_GRANT = "id, tenant, to_tenant, to_name, level, created, expires, by_whom"


def _grant(row: tuple[Any, ...]) -> Grant:
    key, tenant, to_tenant, to_name, level, created, expires, by = row
    return Grant(
        id=key,
        tenant=tenant,
        to_tenant=to_tenant,
        to_name=to_name,
        level=level,
        created=codec.instant(created),
        expires=codec.instant_or_none(expires),
        by=by,
    )


class SqliteSubscriptions:
    """Implements ports.sharing.Subscriptions."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, subscription: Subscription) -> None:
        self._session.write(
            f"INSERT OR REPLACE INTO subscriptions ({_SUBSCRIPTION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                subscription.id,
                packed(subscription.subject),
                codec.text_of(list(subscription.events), "subscription"),
                subscription.url,
                subscription.secret,
                subscription.owner,
                subscription.tenant,
                codec.micros(subscription.created),
                int(subscription.paused),
            ),
        )

    def find(self, id: str) -> Subscription | None:
        sql = f"SELECT {_SUBSCRIPTION} FROM subscriptions WHERE id = ?"  # noqa: S608
        row = self._session.read(sql, (id,)).fetchone()
        return None if row is None else _subscription(row)

    def remove(self, id: str) -> bool:
        return self._session.write("DELETE FROM subscriptions WHERE id = ?", (id,)).rowcount == 1

    def of(self, subjects: Iterable[TypedUuid]) -> Sequence[Subscription]:
        asked = [packed(subject) for subject in {*subjects}]
        if not asked:
            return []
        wanted = ", ".join("?" * len(asked))
        sql = f"SELECT {_SUBSCRIPTION} FROM subscriptions WHERE subject IN ({wanted}) ORDER BY id"  # noqa: S608
        return [_subscription(row) for row in self._session.read(sql, tuple(asked)).fetchall()]

    def page(self, *, after: str | None = None, limit: int = 100) -> Sequence[Subscription]:
        sql = f"SELECT {_SUBSCRIPTION} FROM subscriptions WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608
        return [_subscription(row) for row in self._session.read(sql, (after or "", limit)).fetchall()]


_SUBSCRIPTION = "id, subject, events, url, secret, owner, tenant, created, paused"


def _subscription(row: tuple[Any, ...]) -> Subscription:
    key, subject, events, url, secret, owner, tenant, created, paused = row
    return Subscription(
        id=key,
        subject=text(subject),
        events=tuple(codec.decode(events)),
        url=url,
        secret=secret,
        owner=owner,
        tenant=tenant,
        created=codec.instant(created),
        paused=bool(paused),
    )
