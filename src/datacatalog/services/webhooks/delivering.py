"""Delivering what was announced: one signed request for each message, until the subscriber has taken it or it is given up.

A delivery may come twice, and late, and overtake another: its id stays the same over all tries, and `sequence` tells the order.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from datacatalog.domain.cloudevents import CONTENT_TYPE, JOB_EVENT, cloud_event, encoded, shown_data
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import ForbiddenTarget, GivenUp, Unreachable
from datacatalog.domain.kinds import SPECS, Kind, TypedUuid
from datacatalog.domain.signing import SigningKeys
from datacatalog.ports.outgoing import Reply
from datacatalog.ports.sharing import Subscription
from datacatalog.ports.stores import Delivery, Work
from datacatalog.ports.tasks import Task
from datacatalog.services.env import Env
from datacatalog.services.tenancy import Seeker, reach_of
from datacatalog.services.webhooks.patience import (
    Patience,
    Trouble,
    forget_trouble,
    note_trouble,
    retry_after,
    trouble_with,
)
from datacatalog.services.webhooks.turns import Turns
from datacatalog.services.webhooks.waiting import hasten, postpone

log = logging.getLogger("datacatalog.webhooks")

GONE = 410
TRY_AGAIN = frozenset({408, 409, 425, 429})
"""Answers below 500 that do not mean that a delivery is refused for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the ledger says when a delivery is to go out."""

    subscription: Subscription
    trouble: Trouble | None
    event: JsonObject


class Deliverer:
    """Does the tasks of the queue `webhooks`."""

    def __init__(self, env: Env, patience: Patience) -> None:
        self._env, self._patience = env, patience
        self._turns = Turns(env.clock)

    def __call__(self, task: Task) -> None:
        """Try once to deliver a message; or put it aside, where its subscriber is not to be asked now.

        Raises:
            GivenUp: its workers died in all its tries.
            Misconfigured: the subscription's secret cannot be read; it is given up.
            StoreDown, LeaseLost.
        """
        if task.exhausted:
            raise GivenUp(task.delivery.tries - 1)
        found = self._env.store.read(lambda work: self._find(task.delivery.body, work))
        if found is None:
            task.finish(lambda work: None)
            return
        now = self._env.clock.now()
        if found.trouble is not None and found.trouble.rest(now):
            self._rest(task.delivery, found.trouble, now)
            return
        with self._turns.taken(found.subscription.id) as ours:
            if ours:
                self._try(task, found)
        if not ours:
            wait = self._turns.wait(found.subscription.id)
            self._put_aside(task.delivery, wait, "its subscriber is slow")
            postpone(found.subscription.id, wait, self._env)

    def _find(self, body: JsonObject, work: Work) -> _Found | None:
        """Return what is to be delivered to whom; None: nobody wants it any more."""
        subscription = work.subscriptions.find(body["subscription"])
        if (
            subscription is None
            or subscription.paused
            or not self._may_see(subscription, body["event"], work)
        ):
            return None
        trouble = trouble_with(subscription.id, work)
        event = _job_event(body["event"], work, self._env)
        return _Found(subscription=subscription, trouble=trouble, event=event)

    def _may_see(self, subscription: Subscription, event: JsonObject, work: Work) -> bool:
        """Tell whether a job is within a subscriber's reach by now: a grant may have ended since."""
        seeker = Seeker(tenant=subscription.tenant, name=subscription.owner)
        reach = reach_of(seeker, self._env.home, work, self._env.clock.now())
        return reach.tenant_of({"tenant": event["tenant"]}) in reach.reads

    # ------------------------------------------------------------------------------------------ waiting

    def _rest(self, delivery: Delivery, trouble: Trouble, now: datetime) -> None:
        """Put a delivery aside while its subscriber is left in peace, and with it all others to the same.

        Where the trouble is older than all tries take, each is looked at: those that are as old are given up.
        """
        if self._is_hopeless(delivery, trouble, now):
            self._bury(delivery, trouble.reason)
            return
        wait = trouble.rest(now)
        self._put_aside(delivery, wait, trouble.reason)
        if now - trouble.since <= self._patience.whole:
            postpone(delivery.body["subscription"], wait, self._env)

    def _is_hopeless(self, delivery: Delivery, trouble: Trouble, now: datetime) -> bool:
        """Tell whether a delivery waited as long as all tries take, and its subscriber was in trouble for as long."""
        return min(now - trouble.since, now - delivery.sent) > self._patience.whole

    def _put_aside(self, delivery: Delivery, delay: timedelta, reason: str) -> None:
        self._env.transport.retry(delivery, delay=delay, reason=reason, counted=False)

    # ------------------------------------------------------------------------------------------- trying

    def _try(self, task: Task, found: _Found) -> None:
        try:
            reply = post(found.subscription, task.delivery.id, found.event, self._env)
        except Unreachable as e:
            self._failed(task, found, str(e), timedelta(0))
        except ForbiddenTarget as e:
            self._bury(task.delivery, f"{e.code}: {e}")
        else:
            self._answered(task, found, reply)

    def _answered(self, task: Task, found: _Found, reply: Reply) -> None:
        reason = f"answered {reply.status}"
        if reply.ok:
            self._delivered(task, found)
        elif reply.status == GONE:
            task.finish(lambda work: _pause(found.subscription.id, work))
            log.warning("subscription %s is paused: its receiver %s", found.subscription.id, reason)
        elif reply.status >= 500 or reply.status in TRY_AGAIN:
            wait = retry_after(reply.headers.get("retry-after"), self._env.clock.now())
            self._failed(task, found, reason, wait)
        else:
            self._bury(task.delivery, reason)

    def _delivered(self, task: Task, found: _Found) -> None:
        if found.trouble is None:
            task.finish(lambda work: None)
            return
        task.finish(lambda work: forget_trouble(found.subscription.id, work))
        hasten(found.subscription.id, self._env)

    def _failed(self, task: Task, found: _Found, reason: str, asked: timedelta) -> None:
        """Leave the subscriber in peace for a while, and try again then, unless that was the last try."""
        now = self._env.clock.now()
        before = found.trouble
        failures = before.failures + 1 if before else 1
        trouble = Trouble(
            since=before.since if before else now,
            failures=failures,
            until=now + max(self._patience.wait(failures), asked),
            reason=reason,
        )
        task.transact(lambda work: note_trouble(found.subscription.id, trouble, work, now))
        if task.delivery.tries >= self._patience.tries or self._is_hopeless(task.delivery, trouble, now):
            self._bury(task.delivery, reason)
            return
        wait = max(self._patience.wait(task.delivery.tries), trouble.until - now)
        self._env.transport.retry(task.delivery, delay=wait, reason=reason)

    def _bury(self, delivery: Delivery, reason: str) -> None:
        log.warning("webhook %s is given up: %s", delivery.id, reason)
        self._env.transport.bury(delivery, reason=reason)


def post(subscription: Subscription, id: str, event: JsonObject, env: Env) -> Reply:
    """Send one event to a subscriber, signed, and return what it answers.

    Args:
        id: the same for all tries.
    Raises:
        ForbiddenTarget, Unreachable; Misconfigured: its secret cannot be read.
    """
    keys = SigningKeys.from_bytes(env.sealer.open(subscription.secret, subscription.id))
    body = encoded(event)
    headers: Mapping[str, str] = {
        "Content-Type": CONTENT_TYPE,
        "User-Agent": "datacatalog",
        "Idempotency-Key": id,
        **keys.headers(id, body, env.clock.now()),
    }
    return env.webhooks.send("POST", subscription.url, headers=headers, body=body)


def _job_event(said: JsonObject, work: Work, env: Env) -> JsonObject:
    uuid, sequence = TypedUuid(said["uuid"]), int(said["sequence"])
    data: dict[str, Any] = {
        "uuid": uuid,
        "pipeline_uuid": said["pipeline_uuid"],
        "event": said["name"],
        "state": said["state"],
        "archive_uri": said["archive_uri"],
        "sequence": sequence,
        **_data_of(said, work),
    }
    return cloud_event(
        id=said["id"],
        source=f"{env.rules.api_url}/catalog/v1/{SPECS[Kind.PIPELINEJOB].collection}/{uuid}",
        type=f"{JOB_EVENT}.{said['name']}",
        subject=uuid,
        at=datetime.fromisoformat(said["date"]),
        data=data,
    )


def _data_of(said: JsonObject, work: Work) -> dict[str, Any]:
    """Return what came with an event; of a job that was removed meanwhile, nothing is told."""
    page = work.history.page(TypedUuid(said["uuid"]), after=int(said["sequence"]) - 1, limit=1)
    for _, entry in page:
        if entry.uuid == said["id"]:
            return shown_data(entry.data)
    return {"data": None, "data_omitted": True}


def _pause(subscription: str, work: Work) -> None:
    found = work.subscriptions.find(subscription)
    if found is not None:
        work.subscriptions.put(replace(found, paused=True))
