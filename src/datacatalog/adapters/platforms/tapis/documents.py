"""A job of Tapis as Agave would show it, but for its status, which stays Tapis' own. Callback URLs are left out."""

from __future__ import annotations

from typing import Any

from datacatalog.adapters.platforms.tapis.apps import agave_id, run_time
from datacatalog.adapters.remote.answers import text_or, whole
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.jobs.statuses import TAPIS


def job_document(job: JsonObject, link: str) -> dict[str, Any]:
    """
    Args:
        job: a Job, or a JobListDTO, which has less.
    Source: Tapis Jobs API, Job and JobListDTO.
    """
    archive = text_or(job, "archiveSystemDir")
    return {
        "id": text_or(job, "uuid"),
        "name": text_or(job, "name"),
        "owner": text_or(job, "owner"),
        "appId": agave_id(text_or(job, "appId"), text_or(job, "appVersion")),
        "executionSystem": text_or(job, "execSystemId"),
        "batchQueue": text_or(job, "execSystemLogicalQueue"),
        "nodeCount": whole(job, "nodeCount"),
        "processorsPerNode": whole(job, "coresPerNode"),
        "memoryPerNode": whole(job, "memoryMB") / 1024,
        "maxRunTime": run_time(whole(job, "maxMinutes")),
        "archive": bool(archive),
        "archivePath": archive,
        "archiveSystem": text_or(job, "archiveSystemId"),
        "status": text_or(job, "status").upper(),
        "condition": text_or(job, "condition"),
        "lastStatusMessage": text_or(job, "lastMessage"),
        "created": job.get("created"),
        "lastUpdated": job.get("lastUpdated"),
        "submitTime": job.get("remoteSubmitted"),
        "startTime": job.get("remoteStarted"),
        "endTime": job.get("ended"),
        "_links": {"self": {"href": link}},
    }


def output_place(job: JsonObject) -> tuple[str, str]:
    """Return system and directory of what a job made; ("", "") where neither is known yet.

    Outputs are archived once the job is over, unless it failed in a way that spares that.
    """
    over = TAPIS.final(text_or(job, "status").upper())
    archived = over and text_or(job, "remoteOutcome") != "FAILED_SKIP_ARCHIVE"
    if archived and text_or(job, "archiveSystemId") and text_or(job, "archiveSystemDir"):
        return text_or(job, "archiveSystemId"), text_or(job, "archiveSystemDir")
    return text_or(job, "execSystemId"), text_or(job, "execSystemOutputDir")
