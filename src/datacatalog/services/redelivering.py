"""What became of deliveries to a subscriber, and trying it out: pings, and dead letters that are delivered once more."""

from __future__ import annotations

import secrets

from datacatalog.domain.cloudevents import PING, cloud_event
from datacatalog.domain.errors import UnknownRecord
from datacatalog.ports.outgoing import Reply
from datacatalog.ports.stores import DeadLetter
from datacatalog.services.env import Env
from datacatalog.services.subscriptions import subscription_for, subscriptions
from datacatalog.services.webhooks import WEBHOOK_QUEUE, forget_trouble, hasten, post

PAGE = 1000
_ALL = 1_000_000


def ping(id: str, env: Env) -> Reply:
    """Send a subscriber a ping now, and return what it answers; where it takes it, what waits for it goes out at once.

    Raises:
        UnknownRecord, ForbiddenTarget, Unreachable.
    """
    found = env.store.read(lambda work: subscription_for(id, work))
    message = f"ping_{secrets.token_hex(12)}"
    event = cloud_event(
        id=message,
        source=f"{env.rules.api_url}/catalog/v1/subscriptions/{id}",
        type=PING,
        subject=found.subject,
        at=env.clock.now(),
        data={"subscription": id},
    )
    reply = post(found, message, event, env)
    if reply.ok:
        env.store.transact(lambda work: forget_trouble(id, work))
        hasten(id, env)
    return reply


def dead_deliveries(id: str | None, env: Env, *, limit: int = PAGE) -> list[DeadLetter]:
    """Return deliveries that were given up, newest first; those to one subscriber, or to all.

    Raises UnknownRecord.
    """
    if id is None:
        ours = {each.id for each in subscriptions(env)}
    else:
        ours = {env.store.read(lambda work: subscription_for(id, work)).id}
    letters = env.transport.dead(WEBHOOK_QUEUE, limit=_ALL)
    return [letter for letter in letters if letter.body.get("subscription") in ours][:limit]


def retry_dead(id: str, env: Env, *, delivery: str | None = None) -> int:
    """Give dead deliveries to a subscriber to the workers once more, under the same ids; return how many.

    Args:
        delivery: only this one.
    Raises:
        UnknownRecord: the subscription, or the delivery.
    """
    letters = dead_deliveries(id, env, limit=_ALL)
    wanted = [letter.id for letter in letters if delivery in (None, letter.id)]
    if delivery is not None and not wanted:
        raise UnknownRecord(delivery, "dead delivery")
    env.store.transact(lambda work: forget_trouble(id, work))
    hasten(id, env)
    # The oldest first, since that is the order in which they are delivered.
    return sum(env.transport.revive(WEBHOOK_QUEUE, letter) for letter in reversed(wanted))
