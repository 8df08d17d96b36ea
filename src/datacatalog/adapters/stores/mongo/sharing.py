"""Grants and subscriptions in MongoDB. Instants are microseconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from datacatalog.adapters.stores import codec, rules
from datacatalog.adapters.stores.mongo import documents, marking
from datacatalog.adapters.stores.mongo.layout import GRANTS, SUBSCRIPTIONS
from datacatalog.adapters.stores.mongo.view import Document, View
from datacatalog.domain.kinds import TypedUuid
from datacatalog.ports.sharing import Grant, Subscription

_OLDEST_FIRST = [("created", 1), ("id", 1)]
_BY_ID = [("id", 1)]


class MongoGrants:
    """Implements ports.sharing.Grants."""

    __slots__ = ("_view",)

    def __init__(self, view: View) -> None:
        self._view = view

    def put(self, grant: Grant) -> None:
        self._view.writing()
        key = documents.key(grant.id)
        document: Document = {
            "id": grant.id,
            "tenant": grant.tenant,
            "to_tenant": grant.to_tenant,
            "to_name": grant.to_name,
            "level": grant.level,
            "created": codec.micros(grant.created),
            "expires": codec.micros_or_none(grant.expires),
            "by": grant.by,
        }
        documents.check_texts(*(value for value in document.values() if isinstance(value, str)))
        self._view.put(GRANTS, key, document, touched=self._touched(key, grant.to_tenant))

    def remove(self, id: str) -> bool:
        self._view.writing()
        key = documents.key(id)
        found = self._view.get(GRANTS, key, seen=marking.grant(key))
        if found is None:
            return False
        self._view.drop(GRANTS, key, touched=self._touched(key, found["to_tenant"]))
        return True

    def to(self, tenant: str) -> Sequence[Grant]:
        documents.check_texts(tenant)
        seen = [marking.grants(tenant)]
        found = self._view.find(GRANTS, {"to_tenant": tenant}, sort=_OLDEST_FIRST, seen=seen)
        return [_grant(each) for each in found]

    def page(self) -> Sequence[Grant]:
        return [
            _grant(each) for each in self._view.find(GRANTS, {}, sort=_OLDEST_FIRST, seen=[marking.grants()])
        ]

    def _touched(self, key: str, tenant: str) -> set[str]:
        """Return what is touched when a grant to a tenant is put or removed, the one to whom it was before included."""
        known = self._view.get(GRANTS, key, seen=marking.grant(key))
        before = set() if known is None else {marking.grants(known["to_tenant"])}
        return {marking.grant(key), marking.grants(), marking.grants(tenant), *before}


def _grant(document: Document) -> Grant:
    return Grant(
        id=document["id"],
        tenant=document["tenant"],
        to_tenant=document["to_tenant"],
        to_name=document["to_name"],
        level=document["level"],
        created=codec.instant(document["created"]),
        expires=codec.instant_or_none(document["expires"]),
        by=document["by"],
    )


class MongoSubscriptions:
    """Implements ports.sharing.Subscriptions."""

    __slots__ = ("_view",)

    def __init__(self, view: View) -> None:
        self._view = view

    def put(self, subscription: Subscription) -> None:
        self._view.writing()
        rules.check_uuid(subscription.subject)
        key = documents.key(subscription.id)
        document: Document = {
            "id": subscription.id,
            "subject": str(subscription.subject),
            "events": list(subscription.events),
            "url": subscription.url,
            "secret": subscription.secret,
            "owner": subscription.owner,
            "tenant": subscription.tenant,
            "created": codec.micros(subscription.created),
            "paused": subscription.paused,
        }
        texts = (value for value in document.values() if isinstance(value, str))
        documents.check_texts(*subscription.events, *texts)
        self._view.put(SUBSCRIPTIONS, key, document, touched=self._touched(key, subscription.subject))

    def find(self, id: str) -> Subscription | None:
        key = documents.key(id)
        found = self._view.get(SUBSCRIPTIONS, key, seen=marking.subscription(key))
        return None if found is None else _subscription(found)

    def remove(self, id: str) -> bool:
        self._view.writing()
        found = self.find(id)
        if found is None:
            return False
        key = documents.key(id)
        self._view.drop(SUBSCRIPTIONS, key, touched=self._touched(key, found.subject))
        return True

    def of(self, subjects: Iterable[TypedUuid]) -> Sequence[Subscription]:
        wanted = sorted({subject for subject in subjects if rules.is_uuid(subject)})
        if not wanted:
            return []
        seen = map(marking.subscriptions, wanted)
        found = self._view.find(SUBSCRIPTIONS, {"subject": {"$in": wanted}}, sort=_BY_ID, seen=seen)
        return [_subscription(each) for each in found]

    def page(self, *, after: str | None = None, limit: int = 100) -> Sequence[Subscription]:
        documents.check_texts(after or "")
        seen = [marking.subscriptions()]
        where = {"id": {"$gt": after or ""}}
        found = self._view.find(SUBSCRIPTIONS, where, sort=_BY_ID, limit=limit, seen=seen)
        return [_subscription(each) for each in found]

    def _touched(self, key: str, subject: str) -> set[str]:
        """Return what is touched when a subscription is put or removed, the subject that it had before included."""
        known = self._view.get(SUBSCRIPTIONS, key, seen=marking.subscription(key))
        before = set() if known is None else {marking.subscriptions(known["subject"])}
        return {
            marking.subscription(key),
            marking.subscriptions(),
            marking.subscriptions(subject),
            *before,
        }


def _subscription(document: Document) -> Subscription:
    return Subscription(
        id=document["id"],
        subject=TypedUuid(document["subject"]),
        events=tuple(document["events"]),
        url=document["url"],
        secret=document["secret"],
        owner=document["owner"],
        tenant=document["tenant"],
        created=codec.instant(document["created"]),
        paused=bool(document["paused"]),
    )
