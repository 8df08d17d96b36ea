"""Telling others of a job's steps: messages that leave with each step, and the HTTP requests they become.

A message names the step and whom to tell, not the URL: URLs carry secrets and stay in the job's folder.
"""

from __future__ import annotations

import json
from datetime import datetime

from datacatalog.adapters.outgoing.origins import origin
from datacatalog.adapters.platforms.local.documents import Site, callback_url, due, job_document
from datacatalog.adapters.platforms.local.jobs import Accepted, Jobs, State
from datacatalog.domain.errors import PlatformDown, Refused, Unreachable
from datacatalog.ports.outgoing import Outgoing
from datacatalog.ports.stores import Work
from datacatalog.ports.tasks import Task

QUEUE = "platform-notifications"
DELIVERY_HEADER = "X-Agave-Delivery"

_TOO_MANY, _SERVER_ERROR = 429, 500


def announce(accepted: Accepted, state: State, work: Work, *, at: datetime) -> None:
    """Send what is due of a job's last step; what was sent before is not sent again.

    Each step is announced before the next one is written, so no other can be missing.
    """
    number = len(state.steps)
    for position in due(accepted, state.steps):
        delivery = f"{accepted.id}:{number}:{state.status}:{position}"
        body = {"job": accepted.id, "step": number, "notification": position, "delivery": delivery}
        work.outbox.send(QUEUE, body, id=delivery, at=at)


class Notifier:
    """Posts what was announced."""

    def __init__(self, jobs: Jobs, site: Site, outgoing: Outgoing) -> None:
        self._jobs, self._site, self._outgoing = jobs, site, outgoing

    def notify(self, task: Task) -> None:
        """Post one callback. One that is refused for good is given up and logged.

        Raises:
            PlatformDown: it could not be delivered; worth another try.
            Refused: nor will it be.
            UnknownRecord: the job is gone.
            LeaseLost.
        """
        message = task.delivery.body
        job = self._jobs.get(message["job"])
        steps = job.state().steps[: message["step"]]
        wanted = job.accepted.order.notifications[message["notification"]]
        url = callback_url(job.accepted, steps, wanted)
        self._post(url, json.dumps(job_document(job.accepted, steps, self._site)), message["delivery"])
        task.finish(lambda work: None)

    def _post(self, url: str, document: str, delivery: str) -> None:
        """Post a document.

        Raises:
            PlatformDown: it could not be delivered; worth another try.
            Refused: nor will it be.
        """
        headers = {"Content-Type": "application/json", DELIVERY_HEADER: delivery}
        try:
            reply = self._outgoing.send("POST", url, headers=headers, body=document.encode())
        except Unreachable as e:
            raise PlatformDown(f"callback {delivery}: {e}") from e
        told = f"callback {delivery} to {origin(url)} was answered {reply.status}"
        if reply.status == _TOO_MANY or reply.status >= _SERVER_ERROR:
            raise PlatformDown(told)
        if not reply.ok:
            raise Refused(told)
