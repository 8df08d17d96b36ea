"""What the platform says of a job: Agave's job document, and who is told of which step.

Both follow from what is on disk alone, so that what is said again after a crash is said in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from datacatalog.adapters.platforms.local.jobs import ARCHIVED, FINAL, Accepted, Step
from datacatalog.adapters.platforms.local.orders import EVERY_STATUS, Notification
from datacatalog.adapters.platforms.values import duration_text
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.identifiers.platforms import app_url, job_url, system_url

_MACRO = re.compile(r"\$\{([A-Z_]+)\}")
_ENDS_RUNNING = FINAL | {"CLEANING_UP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """How the platform calls itself.

    Attributes:
        api_url: base of its links, without a slash at its end.
        system: id of the execution system.
        owner: whose the jobs are of whom nobody else is said to be the owner.
    """

    api_url: str
    system: str
    owner: str


def job_document(accepted: Accepted, steps: Sequence[Step], site: Site) -> JsonObject:
    """Return a job as Agave shows one, as it was after the last of `steps`."""
    order = accepted.order
    archive = order.archive
    started, ended = _started(steps), _ended(steps)
    return {
        "id": accepted.id,
        "name": order.name,
        "owner": accepted.owner or site.owner,
        "appId": order.app.id,
        "executionSystem": site.system,
        "batchQueue": site.system,
        "nodeCount": order.resources.nodes,
        "processorsPerNode": order.resources.processors,
        "memoryPerNode": order.resources.memory_gigabytes,
        "maxRunTime": duration_text(order.max_run_time),
        "archive": archive is not None,
        "archivePath": archive.path if archive else "",
        "archiveSystem": archive.system if archive else "",
        "outputPath": f"{accepted.owner or site.owner}/job-{accepted.id}-{file_name(order.name)}",
        "retries": 0,
        "localId": accepted.id.partition("-")[0],
        "status": steps[-1].status,
        "lastStatusMessage": steps[-1].note,
        "created": _date(accepted.created),
        "lastUpdated": _date(steps[-1].at),
        "submitTime": _date(started),
        "startTime": _date(started),
        "endTime": _date(ended),
        "inputs": {
            name: [str(uri) for uri in uris]
            for name, uris in order.inputs.items()
            if uris and not order.app.inputs[name].fixed
        },
        "parameters": {name: [value] for name, value in order.parameters.items()},
        "_links": _links(accepted, site, archived=steps[-1].status in ARCHIVED),
    }


def due(accepted: Accepted, steps: Sequence[Step]) -> list[int]:
    """Return the notifications (by their position) that the last of `steps` is to be told to."""
    *before, last = steps
    return [
        position
        for position, wanted in enumerate(accepted.order.notifications)
        if _wants(wanted, last) and (wanted.persistent or not any(_wants(wanted, step) for step in before))
    ]


def callback_url(accepted: Accepted, steps: Sequence[Step], notification: Notification) -> str:
    """Return a notification's URL with its macros filled in; an unknown one stays as it is."""
    step = steps[-1]
    archive = accepted.order.archive
    values = {
        "STATUS": step.status,
        "JOB_STATUS": step.status,
        "EVENT": step.status,
        "JOB_ID": accepted.id,
        "JOB_NAME": accepted.order.name,
        "JOB_ERROR": step.note,
        "JOB_ARCHIVE_PATH": archive.path if archive else "",
    }
    return _MACRO.sub(
        lambda macro: quote(values[macro[1]], safe="") if macro[1] in values else macro[0], notification.url
    )


def file_name(name: str) -> str:
    """Return what of a job's name may be part of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:100] or "job"


def _wants(wanted: Notification, step: Step) -> bool:
    return wanted.event in (EVERY_STATUS, step.status)


def _started(steps: Sequence[Step]) -> datetime | None:
    return next((step.at for step in reversed(steps) if step.status == "RUNNING"), None)


def _ended(steps: Sequence[Step]) -> datetime | None:
    """Return when the last attempt's command ended."""
    ended = None
    for step in reversed(steps):
        if step.status == "RUNNING":
            break
        ended = step.at if step.status in _ENDS_RUNNING else ended
    return ended


def _date(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")


def _links(accepted: Accepted, site: Site, *, archived: bool) -> Mapping[str, JsonObject]:
    own = job_url(site.api_url, accepted.id)
    archive = accepted.order.archive
    links = {
        "self": own,
        "app": app_url(site.api_url, accepted.order.app.id),
        "executionSystem": system_url(site.api_url, site.system),
        "history": f"{own}/history",
        "outputs": f"{own}/outputs/listings",
    }
    if archive:
        links["archiveSystem"] = system_url(site.api_url, archive.system)
    if archive and archived:
        links["archiveData"] = (
            f"{site.api_url}/files/v2/listings/system/{archive.system}{quote(archive.path)}"
        )
    return {name: {"href": url} for name, url in links.items()}
