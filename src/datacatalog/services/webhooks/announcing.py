"""What happens to a job is announced to whoever subscribed to it, or to its pipeline: one message each, in the same commit."""

from __future__ import annotations

from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.history import HistoryEntry
from datacatalog.domain.jobs.job import Job
from datacatalog.ports.sharing import Subscription
from datacatalog.ports.stores import Work
from datacatalog.services.webhooks.waiting import WEBHOOK_QUEUE, message_id


def announce(job: Job, entry: HistoryEntry, work: Work) -> None:
    """Send what was just written into a job's history to its subscribers.

    What came with the event is read from the history when it is delivered, so that the commit is kept short; and whether the
    subscriber may see the job is asked then.

    Args:
        entry: the last one of the history; facts that were only noted are told nobody.
    """
    wanted = [
        subscription
        for subscription in work.subscriptions.of((job.uuid, job.pipeline_uuid))
        if _wants(subscription, entry)
    ]
    if not wanted:
        return
    event = _event(job, entry, work.history.length(job.uuid))
    for subscription in wanted:
        body = {"subscription": subscription.id, "event": event}
        work.outbox.send(WEBHOOK_QUEUE, body, id=message_id(subscription.id, entry), at=entry.date)


def _wants(subscription: Subscription, entry: HistoryEntry) -> bool:
    return not subscription.paused and (not subscription.events or entry.name.value in subscription.events)


def _event(job: Job, entry: HistoryEntry, sequence: int) -> JsonObject:
    return {
        "id": entry.uuid,
        "uuid": job.uuid,
        "pipeline_uuid": job.pipeline_uuid,
        "archive_uri": job.archive_uri,
        "tenant": job.record.admin.get("tenant", ""),
        "name": entry.name.value,
        "state": entry.state.value,
        "date": entry.date.isoformat(),
        "sequence": sequence,
    }
