"""A Tapis tenant, as far as apps, jobs, their outputs and notifications go; it runs nothing until it is told to."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from jsonschema import Draft7Validator

from tests.contracts.fake_site import Answer, FakeSite, NotThere, Wrong
from tests.contracts.rest_contract import Operation
from tests.contracts.tapis_contract import NOTIFICATION, OPERATIONS, TOKEN_HEADER

USER, TENANT, EXEC_SYSTEM = "tacobot", "dev", "frontera"
OVER = ("FINISHED", "FAILED", "CANCELLED")
GOOD_WAY = (
    "PROCESSING_INPUTS", "STAGING_INPUTS", "STAGING_JOB", "SUBMITTING_JOB", "QUEUED", "RUNNING", "ARCHIVING", "FINISHED",
)  # fmt: skip
_SUMMARY = (
    "uuid", "name", "owner", "appId", "created", "status", "condition", "remoteStarted", "ended", "tenant", "execSystemId",
    "archiveSystemId", "appVersion", "lastUpdated",
)  # fmt: skip
_TAGS = re.compile(r"\(tags IN \('([^']*)'\)\)")


def app(id: str, version: str, **attributes: Any) -> dict[str, Any]:
    return {
        "id": id,
        "version": version,
        "containerImage": "docker://example.org/tacobot:9000",
        "runtime": "SINGULARITY",
        "jobType": "BATCH",
        "strictFileInputs": True,
        "enabled": True,
        "owner": USER,
        "tenant": TENANT,
        "description": "Makes tacos",
        "jobAttributes": {"execSystemId": EXEC_SYSTEM, "maxMinutes": 60, **attributes},
    }


@dataclass
class Job:
    request: dict[str, Any]
    document: dict[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class FakeTapis(FakeSite):
    """
    Attributes:
        jobs: by uuid, oldest first.
        files: (system, path without a slash before it) -> content.
    """

    apps: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def handle(
        self, operation: Operation, names: Mapping[str, str], query: Mapping[str, str], body: Any
    ) -> Answer:
        return getattr(self, f"_{operation.name}")(names, query, body)  # type: ignore[no-any-return]

    # ------------------------------------------------------------------------------ what tests do

    def move(self, id: str, *statuses: str) -> None:
        """Take a job to statuses, one after the other, and tell its subscribers of each."""
        job = self.jobs[id]
        for status in statuses:
            with self.lock:
                before = job.document["status"]
                self._reach(job, status)
            self._notify(job, status, before)

    def make(self, id: str, path: str, content: bytes) -> None:
        """Let a job make a file, where it archives."""
        job = self.jobs[id].document
        self.files[(job["archiveSystemId"], f"{job['archiveSystemDir'].strip('/')}/{path}")] = content

    # ------------------------------------------------------------------------------------- jobs

    def _submitJob(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        key = (body.get("appId"), body.get("appVersion"))
        if key not in self.apps:
            raise Wrong(f"JOBS_APP_NOT_FOUND App {key[0]} version {key[1]} not found.")
        self._check_app(self.apps[key], body)
        made = f"{uuid.uuid4()}-007"
        job = Job(request=body, document=self._document(made, body))
        self.jobs[made] = job
        self._reach(job, "PENDING")
        return Answer(self._shown(job))

    def _getJob(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        return Answer(self._shown(self._job(names)))

    def _getJobStatus(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        return Answer({"status": self._job(names).document["status"]})

    def _getJobHistory(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        return Answer(_page(self._job(names).history, query))

    def _getJobList(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        found = [{name: job.document.get(name) for name in _SUMMARY} for job in self._newest(query)]
        return Answer(_page(found, query))

    def _getJobSearchListByPostSqlStr(
        self, names: Mapping[str, str], query: Mapping[str, str], body: Any
    ) -> Answer:
        asked = _TAGS.fullmatch(body["search"][0])
        if asked is None:
            raise Wrong("TAPIS_SEARCH_ERROR")
        found = [self._shown(job) for job in self._newest(query) if asked[1] in job.document["tags"]]
        selected = query.get("select", "allAttributes").split(",")
        if "allAttributes" not in selected:
            found = [{name: job[name] for name in (*selected, "uuid")} for job in found]
        return Answer(_page(found, query))

    def _cancelJob(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        job = self._job(names)
        if job.document["status"] in OVER:
            return Answer(status=409, message="JOBS_JOB_ALREADY_TERMINATED")
        return Answer(
            {"message": "JOBS_JOB_CANCEL_ACCEPTED"},
            after=lambda: self.move(job.document["uuid"], "CANCELLED"),
        )

    def _getJobOutputList(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        job = self._job(names).document
        return Answer(
            _page(self._listing(job["archiveSystemId"], job["archiveSystemDir"], names["path"]), query)
        )

    def _getContents(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        try:
            return Answer(self.files[(names["system"], names["path"])])
        except KeyError:
            raise NotThere from None

    # ------------------------------------------------------------------------------------- apps

    def _getApps(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        selected = query["select"].split(",")
        found = [{name: each[name] for name in selected} for each in self.apps.values()]
        return Answer(_page(found, query))

    def _getApp(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        try:
            return Answer(self.apps[(names["app"], names["version"])])
        except KeyError:
            raise NotThere from None

    def _getAppLatestVersion(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        versions = [each for (called, _), each in self.apps.items() if called == names["app"]]
        if not versions:
            raise NotThere
        return Answer(versions[-1])

    def _createAppVersion(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        if (body["id"], body["version"]) in self.apps:
            return Answer(status=409, message="APPAPI_APP_EXISTS")
        self.apps[(body["id"], body["version"])] = body
        return Answer({"url": f"{self.url}/v3/apps/{body['id']}"}, status=201)

    def _putApp(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        called, version = names["app"], names["version"]
        self.apps[(called, version)] = {"id": called, "version": version, **body}
        return Answer({"url": f"{self.url}/v3/apps/{called}"})

    # --------------------------------------------------------------------------------- the parts

    def _job(self, names: Mapping[str, str]) -> Job:
        try:
            return self.jobs[names["uuid"]]
        except KeyError:
            raise NotThere from None

    def _newest(self, query: Mapping[str, str]) -> list[Job]:
        return list(reversed(self.jobs.values()))

    def _check_app(self, found: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        """Refuse what the service refuses: inputs that a strict app does not name. Source: [docs] FileInputs."""
        attributes = found["jobAttributes"]
        known = {one["name"] for one in attributes.get("fileInputs", [])}
        for one in body.get("fileInputs", []):
            if found["strictFileInputs"] and one["name"] not in known:
                raise Wrong(f"JOBS_UNKNOWN_INPUT {one['name']}")

    def _document(self, id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": len(self.jobs) + 1,
            "uuid": id,
            "name": body["name"],
            "owner": USER,
            "tenant": TENANT,
            "status": "PENDING",
            "created": self._at(),
            "lastUpdated": self._at(),
            "ended": None,
            "appId": body["appId"],
            "appVersion": body["appVersion"],
            "execSystemId": body.get("execSystemId", EXEC_SYSTEM),
            "execSystemOutputDir": f"/scratch/jobs/{id}/output",
            "archiveSystemId": body.get("archiveSystemId", EXEC_SYSTEM),
            "archiveSystemDir": body.get("archiveSystemDir", f"/jobs/{id}/archive"),
            "nodeCount": body.get("nodeCount", 1),
            "coresPerNode": body.get("coresPerNode", 1),
            "memoryMB": body.get("memoryMB", 100),
            "maxMinutes": body.get("maxMinutes", 10),
            "fileInputs": json.dumps(body.get("fileInputs", [])),
            "parameterSet": json.dumps(body.get("parameterSet", {})),
            "subscriptions": json.dumps(body.get("subscriptions", [])),
            "remoteOutcome": None,
            "visible": True,
            "tags": sorted(body.get("tags", [])),
            "notes": json.dumps(body.get("notes", {})),
        }

    def _shown(self, job: Job) -> dict[str, Any]:
        return dict(job.document)

    def _reach(self, job: Job, status: str) -> None:
        job.document |= {"status": status, "lastUpdated": self._at()}
        if status in OVER:
            job.document |= {
                "ended": self._at(),
                "remoteOutcome": "FINISHED" if status == "FINISHED" else "FAILED",
            }
        job.history.append(
            {
                "event": "JOB_NEW_STATUS",
                "created": self._at(),
                "eventDetail": status,
                "description": f"The job has transitioned to a new status: {status}.",
                "transferTaskUuid": None,
            }
        )

    def _at(self) -> str:
        self.now += timedelta(seconds=1)
        return self.now.isoformat().replace("+00:00", ".123456789Z")

    def _listing(self, system: str, root: str, path: str) -> list[dict[str, Any]]:
        base = f"{root.strip('/')}/{path}".rstrip("/")
        if (system, base) in self.files:
            return [self._file(base, len(self.files[(system, base)]), "file")]
        below = {
            name: found
            for (at, name), found in self.files.items()
            if at == system and name.startswith(f"{base}/")
        }
        if not below and path:
            raise NotThere
        seen: dict[str, dict[str, Any]] = {}
        for name, content in below.items():
            first, _, deeper = name.removeprefix(f"{base}/").partition("/")
            seen[first] = self._file(
                f"{base}/{first}", 0 if deeper else len(content), "dir" if deeper else "file"
            )
        return list(seen.values())

    def _file(self, path: str, size: int, kind: str) -> dict[str, Any]:
        return {
            "mimeType": None,
            "type": kind,
            "owner": "1003",
            "group": "1003",
            "nativePermissions": "rw-rw-r--",
            "url": f"tapis://{path}",
            "lastModified": "2021-07-12T23:56:54Z",
            "name": path.rpartition("/")[2],
            "path": path,
            "size": size,
        }

    def _notify(self, job: Job, status: str, before: str) -> None:
        for n, subscription in enumerate(job.request.get("subscriptions", [])):
            if subscription["eventCategoryFilter"] in ("JOB_NEW_STATUS", "ALL"):
                for target in subscription["deliveryTargets"]:
                    self._deliver(job, status, before, target, n)

    def _deliver(self, job: Job, status: str, before: str, target: Mapping[str, str], n: int) -> None:
        if target["deliveryMethod"] != "WEBHOOK":
            return
        job_id = job.document["uuid"]
        said = {
            "newJobStatus": status,
            "oldJobStatus": before,
            "jobName": job.document["name"],
            "jobUuid": job_id,
            "jobOwner": USER,
            "message": f"The job has transitioned to a new status: {status}.",
        }
        event = str(uuid.uuid4())
        body = {
            "uuid": str(uuid.uuid4()),
            "tenant": TENANT,
            "subscriptionName": f"jobs~{USER}~{TENANT}~{job_id}~{n}",
            "eventUuid": event,
            "event": {
                "source": "https://tapis.io/jobs",
                "type": f"jobs.JOB_NEW_STATUS.{status}",
                "subject": job_id,
                "data": json.dumps(said),
                "seriesId": job_id,
                "timestamp": self._at(),
                "deleteSubscriptionsMatchingSubject": status in OVER,
                "tenant": TENANT,
                "user": "jobs",
                "received": self._at(),
                "uuid": event,
                "seriesSeqCount": len(job.history),
            },
            "deliveryTarget": dict(target),
            "created": self._at(),
        }
        self.broken += [
            f"notification: {error.message}" for error in Draft7Validator(NOTIFICATION).iter_errors(body)
        ]
        self.post(target["deliveryAddress"], body, **{"User-Agent": "Tapis/v3"})


def _page(items: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    skip = int(query.get("skip", 0))
    return items[skip : skip + int(query.get("limit", 100))]


def fake_tapis(token: str, *apps: dict[str, Any]) -> FakeTapis:
    return FakeTapis(
        table=OPERATIONS,
        token_header=TOKEN_HEADER,
        token=token,
        apps={(each["id"], each["version"]): each for each in apps},
    )
