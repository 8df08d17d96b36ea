"""Subscriptions: who is told of what happens to a job, or to all jobs of a pipeline; made, paused, given another secret, removed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from datacatalog.domain.documents import published
from datacatalog.domain.errors import InvalidField, Misconfigured, UnknownRecord
from datacatalog.domain.identifiers.typed import kind_of, read_typed
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.kinds import SPECS, Kind, TypedUuid
from datacatalog.domain.redaction import text_without_secrets
from datacatalog.domain.signing import SigningKeys, read_secret, written_secret
from datacatalog.ports.sharing import Subscription
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env, Principal
from datacatalog.services.paging import pages
from datacatalog.services.tenancy import Seeker, reach_of
from datacatalog.services.webhooks import Trouble, forget_trouble, trouble_with

KEY_BYTES = 32
OVERLAP = timedelta(days=1)
"""How long deliveries carry the signature of a rotated secret, too."""
URL_MAX = 2000
SUBJECT_MAX = 100
"""So many of one tenant may subscribe to one pipeline or job: each takes its time in the commit of every event."""
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A subscription that is to be made.

    Attributes:
        subject: UUID of a pipeline or of a job.
        events: names of events of a job; none: all.
        secret: base64 of 24 to 64 bytes, with or without `whsec_`; None: one is made.
    """

    subject: str
    url: str = field(repr=False)
    events: Sequence[str] = ()
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A subscription, and its secret, which is shown this once."""

    subscription: Subscription
    secret: str = field(repr=False)


def subscribe(wish: Wish, principal: Principal, work: Work, env: Env) -> Subscribed:
    """Make a subscription.

    Raises:
        InvalidField: the subject is neither pipeline nor job, or has 100 subscriptions; there is no such event; the URL may not
            be reached from here, or is too long; the secret cannot be used.
        UnknownRecord: there is no such pipeline or job, or none that may be seen.
    """
    subject = _subject(wish.subject, Seeker(tenant=env.tenant, name=principal.name), work, env)
    called = "sub_" + secrets.token_hex(12)
    key = secrets.token_bytes(KEY_BYTES) if wish.secret is None else read_secret(wish.secret)
    made = Subscription(
        id=called,
        subject=subject,
        events=_events(wish.events),
        url=_url(wish.url, env),
        secret=_sealed(SigningKeys(key=key), called, env),
        owner=principal.name,
        tenant=env.tenant,
        created=env.clock.now(),
    )
    work.subscriptions.put(made)
    return Subscribed(subscription=made, secret=written_secret(key))


def _subject(text: str, seeker: Seeker, work: Work, env: Env) -> TypedUuid:
    subject = read_typed(text, field="subject")
    kind = kind_of(subject)
    if kind not in (Kind.PIPELINE, Kind.PIPELINEJOB):
        raise InvalidField("subject", f"is a {kind}; a pipeline or a job can be subscribed to")
    record = work.records.find(subject)
    reach = reach_of(seeker, seeker.tenant, work, env.clock.now())
    if record is None or not record.visible or not reach.sees(record):
        raise UnknownRecord(subject, SPECS[kind].collection.removesuffix("s"))
    if sum(each.tenant == seeker.tenant for each in work.subscriptions.of([subject])) >= SUBJECT_MAX:
        raise InvalidField("subject", f"has {SUBJECT_MAX} subscriptions already, as many as there may be")
    return subject


def _events(names: Sequence[str]) -> tuple[str, ...]:
    known = [event.value for event in Event]
    for name in names:
        if name not in known:
            raise InvalidField("events", f"{name!a:.80} is no event; one of {', '.join(known)}")
    return tuple(name for name in known if name in names)


def _url(url: str, env: Env) -> str:
    if len(url) > URL_MAX:
        raise InvalidField("url", f"is longer than {URL_MAX} characters")
    env.webhooks.check(url, "url")
    return url


def _sealed(keys: SigningKeys, id: str, env: Env) -> str:
    return env.sealer.seal(keys.to_bytes(), id)


# --------------------------------------------------------------------------------------------- reading


def subscription_for(id: str, work: Work) -> Subscription:
    """Return a subscription.  Raises UnknownRecord."""
    found = work.subscriptions.find(id)
    if found is None:
        raise UnknownRecord(id, "subscription")
    return found


def subscriptions(env: Env) -> Iterator[Subscription]:
    """Yield all subscriptions, ordered by id."""

    def read(after: str | None, work: Work) -> tuple[Sequence[Subscription], str | None]:
        page = work.subscriptions.page(after=after, limit=_PAGE)
        return page, page[-1].id if len(page) == _PAGE else None

    for page in pages(read, env.store):
        yield from page


def subscription_page(work: Work, *, after: str | None, limit: int) -> dict[str, Any]:
    """Return subscriptions as they are shown, ordered by id, and `next`: the last id, where there may be more."""
    page = work.subscriptions.page(after=after, limit=limit)
    return {
        "subscriptions": [document_of(each, work) for each in page],
        "next": page[-1].id if len(page) == limit else None,
    }


def document_of(subscription: Subscription, work: Work | None = None) -> dict[str, Any]:
    """Return a subscription as it is shown: without its secret, and without what of its URL may be one.

    Args:
        work: to look up whether there is trouble with it; None: there is none yet.
    """
    trouble = trouble_with(subscription.id, work) if work is not None else None
    return {
        "id": subscription.id,
        "subject": subscription.subject,
        "events": list(subscription.events),
        "url": shown_url(subscription.url),
        "owner": subscription.owner,
        "tenant": subscription.tenant,
        "created": published(subscription.created),
        "paused": subscription.paused,
        "trouble": None if trouble is None else _shown_trouble(trouble),
    }


def _shown_trouble(trouble: Trouble) -> dict[str, Any]:
    return {
        "since": published(trouble.since),
        "failures": trouble.failures,
        "next": published(trouble.until),
        "reason": trouble.reason,
    }


def shown_url(url: str) -> str:
    """Return a URL without what stands behind its `?`, which may be a secret."""
    before, asked, _ = url.partition("?")
    return text_without_secrets(before) + ("?***" if asked else "")


# -------------------------------------------------------------------------------------------- changing


def set_paused(id: str, paused: bool, work: Work) -> Subscription:
    """Stop deliveries, those that wait included, or take them up again with what happens from now on.  Raises UnknownRecord."""
    changed = replace(subscription_for(id, work), paused=paused)
    work.subscriptions.put(changed)
    forget_trouble(id, work)
    return changed


def rotate_secret(
    id: str, secret: str | None, work: Work, env: Env, *, overlap: timedelta = OVERLAP
) -> Subscribed:
    """Sign with another secret from now on; also where the one before cannot be read any more.

    Args:
        secret: the new one; None: one is made.
        overlap: how long deliveries carry the signature of the one before, too.
    Raises:
        UnknownRecord, InvalidField.
    """
    found = subscription_for(id, work)
    key = secrets.token_bytes(KEY_BYTES) if secret is None else read_secret(secret)
    try:
        keys = SigningKeys.from_bytes(env.sealer.open(found.secret, id))
        rotated = keys.rotated(key, at=env.clock.now(), overlap=overlap)
    except Misconfigured:
        rotated = SigningKeys(key=key)
    changed = replace(found, secret=_sealed(rotated, id, env))
    work.subscriptions.put(changed)
    return Subscribed(subscription=changed, secret=written_secret(key))


def unsubscribe(id: str, work: Work) -> Subscription:
    """Remove a subscription; what waits to be delivered is dropped.  Raises UnknownRecord."""
    found = subscription_for(id, work)
    work.subscriptions.remove(id)
    forget_trouble(id, work)
    return found
