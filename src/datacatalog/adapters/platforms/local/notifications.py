"""Telling others of a job's steps: messages that leave with each step, and the HTTP requests they become.

A message names the step and whom to tell, not the URL: URLs carry secrets and stay in the job's folder.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any

import requests

from datacatalog.adapters.platforms.local.documents import Site, callback_url, due, job_document
from datacatalog.adapters.platforms.local.jobs import Accepted, Jobs, State
from datacatalog.adapters.platforms.local.origins import origin
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import PlatformDown, Refused
from datacatalog.ports.stores import Work
from datacatalog.ports.tasks import Task

QUEUE = "platform-notifications"
CONNECT_S, READ_S = 5, 10
DELIVERY_HEADER = "X-Agave-Delivery"

_TOO_MANY = 429
_LOG = logging.getLogger(__name__)


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

    def __init__(self, jobs: Jobs, site: Site) -> None:
        self._jobs, self._site = jobs, site
        # At its lowest level it writes out whole URLs, and ours carry tokens.
        logging.getLogger("urllib3.connectionpool").addFilter(_without_query)

    def notify(self, task: Task) -> None:
        """Post one callback. One that is refused for good is given up and logged.

        Raises:
            PlatformDown: it could not be delivered; worth another try.
            UnknownRecord: the job is gone.
            LeaseLost.
        """
        message = task.delivery.body
        job = self._jobs.get(message["job"])
        steps = job.state().steps[: message["step"]]
        wanted = job.accepted.order.notifications[message["notification"]]
        url = callback_url(job.accepted, steps, wanted)
        status = _post(url, job_document(job.accepted, steps, self._site), message["delivery"])
        if not requests.codes.ok <= status < requests.codes.multiple_choices:
            raise Refused(f"callback {message['delivery']} to {origin(url)} was answered {status}")
        task.finish(lambda work: None)


def _post(url: str, document: JsonObject, delivery: str) -> int:
    """Post a document; return the status of the answer.  Raises PlatformDown."""
    headers = {"Content-Type": "application/json", DELIVERY_HEADER: delivery}
    # `from None`: the library's errors quote the whole URL.
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                url,
                data=json.dumps(document),
                headers=headers,
                timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
                stream=True,
            )
    except requests.RequestException as e:
        raise PlatformDown(f"callback {delivery} to {origin(url)}: {type(e).__name__}") from None
    if answer.status_code == _TOO_MANY or answer.status_code >= requests.codes.server_error:
        raise PlatformDown(f"callback {delivery} to {origin(url)}: answered {answer.status_code}")
    return answer.status_code


def _without_query(record: logging.LogRecord) -> bool:
    """Cut what follows the first `?` off all texts that a log record carries."""
    if isinstance(record.args, tuple):
        record.args = tuple(_cut(value) for value in record.args)
    return True


def _cut(value: Any) -> Any:
    return value.partition("?")[0] if isinstance(value, str) else value
