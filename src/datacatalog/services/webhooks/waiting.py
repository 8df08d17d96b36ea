"""The messages that wait to be delivered to one subscriber: they are put off, or taken up, all at once."""

from __future__ import annotations

from datetime import timedelta

from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.services.env import Env

WEBHOOK_QUEUE = "webhooks"
_AT_ONCE = 5000
"""In one commit; it takes less than a tenth of a second."""


def message_id(subscription: str, entry: HistoryEntry) -> str:
    """Return the id of a delivery, which is the same over all tries."""
    return f"{_prefix(subscription)}{entry.uuid}"


def postpone(subscription: str, delay: timedelta, env: Env) -> None:
    """Leave a subscriber in peace: what would be due before is due after `delay`."""
    env.transport.postpone(WEBHOOK_QUEUE, _prefix(subscription), delay=delay, limit=_AT_ONCE)


def hasten(subscription: str, env: Env) -> None:
    """Let everything go out to a subscriber that answers again."""
    while env.transport.hasten(WEBHOOK_QUEUE, _prefix(subscription), limit=_AT_ONCE) == _AT_ONCE:
        pass


def _prefix(subscription: str) -> str:
    return f"{subscription}:"
