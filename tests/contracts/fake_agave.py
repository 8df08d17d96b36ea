"""An Agave tenant, as far as apps, jobs, their outputs and notifications go; it runs nothing until it is told to."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from tests.contracts.agave_contract import OPERATIONS, TOKEN_HEADER
from tests.contracts.fake_site import Answer, FakeSite, NotThere, Wrong
from tests.contracts.rest_contract import Operation

USER, EXEC_SYSTEM = "tacobot", "hpc-tacc-stampede2"
OVER = ("FINISHED", "FAILED", "STOPPED", "KILLED")
GOOD_WAY = (
    "PROCESSING_INPUTS", "STAGING_INPUTS", "STAGED", "SUBMITTING", "QUEUED", "RUNNING", "CLEANING_UP", "ARCHIVING",
    "ARCHIVING_FINISHED", "FINISHED",
)  # fmt: skip
_SUMMARY = (
    "id",
    "name",
    "owner",
    "executionSystem",
    "appId",
    "created",
    "status",
    "startTime",
    "endTime",
    "_links",
)


def app(id: str, **fields: Any) -> dict[str, Any]:
    name, _, version = id.rpartition("-")
    return {
        "id": id,
        "name": name,
        "version": version,
        "revision": 1,
        "uuid": "1162335980461461990-242ac117-0001-005",
        "isPublic": False,
        "executionSystem": EXEC_SYSTEM,
        "inputs": [],
        "parameters": [],
        **fields,
    }


@dataclass
class Job:
    request: dict[str, Any]
    document: dict[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)
    told: set[int] = field(default_factory=set)


@dataclass
class FakeAgave(FakeSite):
    """
    Attributes:
        jobs: by id, oldest first.
        files: (job, path without a slash before it) -> content.
        searching: whether jobs can be asked for by name; where not, the parameter is ignored.
    """

    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    searching: bool = True
    now: datetime = datetime(2018, 12, 7, 18, tzinfo=timezone(timedelta(hours=-6)))

    def handle(
        self, operation: Operation, names: Mapping[str, str], query: Mapping[str, str], body: Any
    ) -> Answer:
        name = operation.name.replace(".", "_")
        return getattr(self, f"_{name}")(names, query, body)  # type: ignore[no-any-return]

    # ------------------------------------------------------------------------------ what tests do

    def move(self, id: str, *statuses: str) -> None:
        """Take a job to statuses, one after the other, and tell of each whom it told to."""
        for status in statuses:
            with self.lock:
                self._reach(self.jobs[id], status)
            self._notify(self.jobs[id], status)

    def make(self, id: str, path: str, content: bytes) -> None:
        """Let a job make a file."""
        self.files[(id, path)] = content

    # ------------------------------------------------------------------------------------- jobs

    def _jobs_submit(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        if body.get("appId") not in self.apps:
            raise Wrong(f"Invalid appId {body.get('appId')}")
        made = f"{random.randrange(10**18, 10**19)}-242ac11b-0001-007"
        job = Job(request=body, document=self._document(made, body))
        self.jobs[made] = job
        self._reach(job, "PENDING")
        return Answer(dict(job.document), status=201)

    def _jobs_get(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        return Answer(dict(self._job(names).document))

    def _jobs_list(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        found = [job.document for job in reversed(self.jobs.values())]
        if self.searching and "name" in query:
            found = [job for job in found if job["name"] == query["name"]]
        return Answer(_page([{name: job[name] for name in _SUMMARY} for job in found], query))

    def _jobs_manage(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        job = self._job(names)
        if job.document["status"] in OVER:
            raise Wrong("Job is not running")
        return Answer(dict(job.document), after=lambda: self.move(job.document["id"], "STOPPED"))

    def _jobs_getHistory(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        return Answer(_page(self._job(names).history, query))

    def _jobs_listOutputs(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        job = self._job(names).document["id"]
        return Answer(_page(self._listing(job, names["path"].rstrip("/")), query))

    def _jobs_downloadOutput(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        job = self._job(names).document["id"]
        try:
            return Answer(self.files[(job, names["path"])])
        except KeyError:
            raise NotThere from None

    # ------------------------------------------------------------------------------------- apps

    def _apps_list(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        return Answer(_page(list(self.apps.values()), query))

    def _apps_get(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        try:
            return Answer(self.apps[names["app"]])
        except KeyError:
            raise NotThere from None

    def _apps_add(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> Answer:
        made = f"{body['name']}-{body['version']}"
        self.apps[made] = app(
            made, **{name: value for name, value in body.items() if name not in ("name", "version")}
        )
        return Answer(self.apps[made], status=201)

    # --------------------------------------------------------------------------------- the parts

    def _job(self, names: Mapping[str, str]) -> Job:
        try:
            return self.jobs[names["job"]]
        except KeyError:
            raise NotThere from None

    def _document(self, id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": id,
            "name": body["name"],
            "owner": USER,
            "appId": body["appId"],
            "executionSystem": EXEC_SYSTEM,
            "batchQueue": "normal",
            "nodeCount": 1,
            "processorsPerNode": 1,
            "memoryPerNode": 1,
            "maxRunTime": body.get("maxRunTime", "01:00:00"),
            "archive": body.get("archive", False),
            "archivePath": body.get("archivePath", ""),
            "archiveSystem": body.get("archiveSystem", ""),
            "outputPath": None,
            "retries": 0,
            "localId": "1",
            "created": self._at(),
            "lastUpdated": self._at(),
            "submitTime": None,
            "startTime": None,
            "endTime": None,
            "inputs": {name: [value] for name, value in body.get("inputs", {}).items()},
            "parameters": {name: [value] for name, value in body.get("parameters", {}).items()},
            "_links": {
                "self": {"href": f"{self.url}/jobs/v2/{id}"},
                "owner": {"href": f"{self.url}/profiles/v2/{USER}"},
            },
            "status": "PENDING",
        }

    def _reach(self, job: Job, status: str) -> None:
        job.document |= {"status": status, "lastUpdated": self._at()}
        job.history.append({"created": self._at(), "status": status, "description": f"Job is {status}"})

    def _at(self) -> str:
        self.now += timedelta(seconds=1)
        return self.now.isoformat(timespec="milliseconds")

    def _listing(self, job: str, path: str) -> list[dict[str, Any]]:
        if (job, path) in self.files:
            return [self._file(job, path, len(self.files[(job, path)]), "file")]
        before = f"{path}/" if path else ""
        below = {
            name: found for (at, name), found in self.files.items() if at == job and name.startswith(before)
        }
        if not below and path:
            raise NotThere
        seen = {".": self._file(job, path, 0, "dir", name=".")}
        for name, content in below.items():
            first, _, deeper = name.removeprefix(before).partition("/")
            size, kind = (0, "dir") if deeper else (len(content), "file")
            seen[first] = self._file(job, before + first, size, kind)
        return list(seen.values())

    def _file(self, job: str, path: str, size: int, kind: str, name: str | None = None) -> dict[str, Any]:
        return {
            "name": name or path.rpartition("/")[2],
            "path": f"/{path}",
            "lastModified": "2018-12-07T18:53:20.000-06:00",
            "length": size,
            "type": kind,
            "format": "folder" if kind == "dir" else "raw",
            "mimeType": "text/directory" if kind == "dir" else "application/octet-stream",
            "permissions": "ALL",
            "system": EXEC_SYSTEM,
            "_links": {"self": {"href": f"{self.url}/jobs/v2/{job}/outputs/media/{quote(path)}"}},
        }

    def _notify(self, job: Job, status: str) -> None:
        for n, wanted in enumerate(job.request.get("notifications", [])):
            if wanted["event"] in ("*", status) and (wanted.get("persistent") or n not in job.told):
                job.told.add(n)
                self.post(self._filled(wanted["url"], job, status), job.document)

    def _filled(self, url: str, job: Job, status: str) -> str:
        for macro, value in {"JOB_STATUS": status, "JOB_ID": job.document["id"], "JOB_ERROR": ""}.items():
            url = url.replace(f"${{{macro}}}", quote(value, safe=""))
        return url


def _page(items: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    offset = int(query.get("offset", 0))
    return items[offset : offset + int(query.get("limit", 100))]


def fake_agave(token: str, *apps: dict[str, Any]) -> FakeAgave:
    return FakeAgave(
        table=OPERATIONS,
        token_header=TOKEN_HEADER,
        token=f"Bearer {token}",
        apps={each["id"]: each for each in apps},
    )
