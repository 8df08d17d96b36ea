"""What platforms call how far a job is, and which event each status stands for: one table per platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from datacatalog.domain.jobs.lifecycle import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusTable:
    """The statuses of one platform.

    Attributes:
        events: status, upper case -> the event that it stands for. One that is not here is an update.
        flags: status -> what the history is told besides.
    """

    events: Mapping[str, Event]
    flags: Mapping[str, str] = field(default_factory=dict)

    def event(self, status: str) -> Event:
        return self.events.get(status, Event.UPDATE)

    def final(self, status: str) -> bool:
        """Tell whether a platform has nothing more to say of a job that came to `status`."""
        return self.event(status) in (Event.FINISH, Event.FAIL)


AGAVE = StatusTable(
    events={
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
    },
    flags={"ARCHIVING_FAILED": "archiving-failed"},
)
"""Agave and Aloe, and the local platform, which speaks Agave."""

TAPIS = StatusTable(
    events={
        "RUNNING": Event.RUN,
        "FINISHED": Event.FINISH,
        "FAILED": Event.FAIL,
        "CANCELLED": Event.FAIL,
        "PENDING": Event.RESOURCE,
        "PROCESSING_INPUTS": Event.RESOURCE,
        "STAGING_INPUTS": Event.RESOURCE,
        "STAGING_JOB": Event.RESOURCE,
        "SUBMITTING_JOB": Event.RESOURCE,
        "QUEUED": Event.RESOURCE,
        "ARCHIVING": Event.RESOURCE,
        "BLOCKED": Event.RESOURCE,
        "PAUSED": Event.RESOURCE,
    }
)
"""Tapis v3. Source: the job_status_enum of its jobs service."""

SLURM = StatusTable(
    events={
        "RUNNING": Event.RUN,
        "COMPLETED": Event.FINISH,
        "FAILED": Event.FAIL,
        "CANCELLED": Event.FAIL,
        "TIMEOUT": Event.FAIL,
        "OUT_OF_MEMORY": Event.FAIL,
        "NODE_FAIL": Event.FAIL,
        "BOOT_FAIL": Event.FAIL,
        "LAUNCH_FAILED": Event.FAIL,
        "DEADLINE": Event.FAIL,
        "PREEMPTED": Event.FAIL,
        "REVOKED": Event.FAIL,
        "PENDING": Event.RESOURCE,
        "CONFIGURING": Event.RESOURCE,
        "POWER_UP_NODE": Event.RESOURCE,
        "RECONFIG_FAIL": Event.RESOURCE,
        "REQUEUED": Event.RESOURCE,
        "REQUEUE_FED": Event.RESOURCE,
        "REQUEUE_HOLD": Event.RESOURCE,
        "RESV_DEL_HOLD": Event.RESOURCE,
        "SPECIAL_EXIT": Event.RESOURCE,
        "SUSPENDED": Event.RESOURCE,
        "STOPPED": Event.RESOURCE,  # held by SIGSTOP; it keeps its allocation and may go on
        "RESIZING": Event.RESOURCE,
        "SIGNALING": Event.RESOURCE,
        "STAGE_OUT": Event.RESOURCE,
        "COMPLETING": Event.RESOURCE,
        "UPDATE_DB": Event.RESOURCE,
    }
)
"""Slurm, whose jobs are not requeued: what runs commands of the local platform, which tells of them in Agave's words.

Source: its page on job state codes, states and flags.
"""

TABLES: Mapping[str, StatusTable] = {"local": AGAVE, "agave": AGAVE, "tapis": TAPIS}
"""Name of a platform (`Platform.name`, or the kind of a callback's body) -> its table."""


def table_for(platform: str) -> StatusTable:
    """Return a platform's table; that of Agave for a platform that has none of its own."""
    return TABLES.get(platform, AGAVE)
