"""What a platform's statuses mean for a job. One table per platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datacatalog.domain.jobs.lifecycle import Event, State, successor
from datacatalog.domain.messages import PlatformCallback

AGAVE: Mapping[str, Event] = {
    "RUNNING": Event.RUN,
    "FINISHED": Event.FINISH,
    "FAILED": Event.FAIL,
    "STOPPED": Event.FAIL,
    "KILLED": Event.FAIL,
    "DELETED": Event.FAIL,
    "ARCHIVING_FAILED": Event.UPDATE,  # Agave says FINISHED or FAILED after it, and that decides
    "UPDATED": Event.UPDATE,
    "HEARTBEAT": Event.UPDATE,
    "CREATED": Event.RESOURCE,
    "PENDING": Event.RESOURCE,
    "STAGING_INPUTS": Event.RESOURCE,
    "PROCESSING_INPUTS": Event.RESOURCE,
    "STAGED": Event.RESOURCE,
    "STAGING_JOB": Event.RESOURCE,
    "SUBMITTING": Event.RESOURCE,
    "QUEUED": Event.RESOURCE,
    "PAUSED": Event.RESOURCE,
    "CLEANING_UP": Event.RESOURCE,
    "ARCHIVING": Event.RESOURCE,
    "ARCHIVING_FINISHED": Event.RESOURCE,
    "PERMISSION_GRANT": Event.RESOURCE,
    "PERMISSION_REVOKE": Event.RESOURCE,
}
"""Agave and Aloe status -> event; a status that is not here is an update."""

_COMPUTING = frozenset({State.CREATED, State.RUNNING})
_FINAL = frozenset({"FINISHED", "FAILED", "STOPPED", "KILLED", "DELETED"})
_FLAGS = {"ARCHIVING_FAILED": "archiving-failed"}
_NOISE = frozenset({"_links", "retries", "localId"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a callback comes down to.

    Attributes:
        status: the status that acts, upper case; "" where none was given.
        data: what history keeps: the minified body, and whatever the URL said besides.
    """

    status: str
    event: Event
    data: Mapping[str, Any]


def acts(event: Event, state: State) -> bool:
    """Tell whether what a platform says still moves a job.

    It speaks of the computing: once that has finished, a failure (its job was deleted, say) fails no indexing and no
    validation.
    """
    over = event is Event.FAIL and state not in _COMPUTING
    return successor(state, event) is not None and not over


def fact_of(callback: PlatformCallback) -> Fact:
    """Read a callback.

    A status in the URL counts where the body has none. Where both stand and differ, both are kept and the more
    final one acts; between two final ones, the body's, which the platform filled in as it sent.
    """
    said = callback.body.get("status")
    in_body = _known(said) if isinstance(said, str) else ""
    in_url = _known(callback.url_status or "")
    status = in_body or in_url
    if in_body and in_url and in_url in _FINAL and in_body not in _FINAL:
        status = in_url
    data: dict[str, Any] = {k: v for k, v in callback.body.items() if k not in _NOISE}
    data.setdefault("status", status)
    if in_url and in_body and in_url != in_body:
        data |= {"url_status": in_url, "flag": "statuses-differ"}
    elif status in _FLAGS:
        data["flag"] = _FLAGS[status]
    if callback.note:
        data.setdefault("note", callback.note)
    return Fact(status=status, event=AGAVE.get(status, Event.UPDATE), data=data)


def _known(status: str) -> str:
    """Return a status in upper case; a macro that the platform left unfilled says nothing."""
    status = status.strip().upper()
    return "" if status.startswith("${") else status
