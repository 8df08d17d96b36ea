"""What Agave v2 takes and gives, as its documents say: the part of it that is used here.

[jobs]   "jobs" of the Swagger 1.2 resources in agavepy 0.9.5 (agavepy/resources/api_jobs.json.j2)
[apps]   "apps" of the same (agavepy/resources/api_apps.json.j2)
[guide]  "Job management" of the Agave documents (guides/jobs): search by attribute, paging, notifications
[job]    a job document that an Agave tenant answered with in 2018 (agave-proxy's worked example)
"""

from __future__ import annotations

from tests.contracts.rest_contract import (
    ANYTHING,
    COUNT,
    FLAG,
    OBJECT,
    TEXT,
    WHOLE,
    Operation,
    list_of,
    maybe,
    one_of,
    record,
    text,
)

TOKEN_HEADER = "authorization"
"""[guide] every request carries `Authorization: Bearer <token>`."""

# [jobs] models.Notification; [guide] Notifications: event is a status or *
_NOTIFICATION = record({"url": text(least=1), "event": text(least=1)}, persistent=FLAG)
# [jobs] models.JobRequest; name: at most 64 characters
JOB_REQUEST = record(
    {"name": text(least=1, most=64), "appId": text(least=1)},
    inputs=OBJECT,
    parameters=OBJECT,
    batchQueue=TEXT,
    archive=FLAG,
    archiveSystem=TEXT,
    archivePath=TEXT,
    nodeCount=COUNT,
    processorsPerNode=COUNT,
    memoryPerNode=ANYTHING,  # a number of gigabytes, or a text with its unit
    maxRunTime=text(pattern=r"^\d+:\d\d:\d\d$"),
    notifications=list_of(_NOTIFICATION),
)
# [jobs] models.JobSummary; _links: [guide]
JOB_SUMMARY = record(
    {"id": TEXT, "name": TEXT, "status": TEXT}, owner=TEXT, executionSystem=TEXT, appId=TEXT, created=TEXT,
    startTime=maybe(TEXT), endTime=maybe(TEXT), _links=OBJECT,
)  # fmt: skip
# [jobs] models.Job; created, lastUpdated, _links: [job]
JOB = record(
    {"id": TEXT, "name": TEXT, "status": TEXT}, owner=TEXT, appId=TEXT, executionSystem=TEXT, batchQueue=TEXT,
    nodeCount=WHOLE, processorsPerNode=WHOLE, memoryPerNode=ANYTHING, maxRunTime=TEXT, archive=FLAG, archivePath=TEXT,
    archiveSystem=TEXT, outputPath=maybe(TEXT), retries=WHOLE, localId=TEXT, created=TEXT, lastUpdated=TEXT,
    submitTime=maybe(TEXT), startTime=maybe(TEXT), endTime=maybe(TEXT), inputs=OBJECT, parameters=OBJECT, _links=OBJECT,
)  # fmt: skip
# [jobs] models.JobHistory
_HISTORY = record({"status": TEXT, "created": TEXT}, description=TEXT)
# [jobs] models.RemoteFile
_FILE = record(
    name=TEXT, path=TEXT, lastModified=TEXT, length=WHOLE, type=one_of("file", "dir"), format=TEXT, mimeType=TEXT,
    permissions=TEXT, system=TEXT, _links=OBJECT,
)  # fmt: skip
# [apps] models.Application, ApplicationRequest, ApplicationSummary
_APP_FIELDS = {
    "label": TEXT, "shortDescription": TEXT, "longDescription": TEXT, "executionSystem": TEXT,
    "executionType": one_of("ATMOSPHERE", "HPC", "CONDOR", "CLI"), "parallelism": one_of("SERIAL", "PARALLEL", "PTHREAD"),
    "deploymentPath": TEXT, "templatePath": TEXT, "testPath": TEXT, "defaultQueue": TEXT, "defaultNodeCount": ANYTHING,
    "defaultMaxRunTime": ANYTHING, "helpURI": TEXT, "tags": list_of(TEXT), "ontology": list_of(TEXT),
    "modules": list_of(TEXT), "inputs": list_of(OBJECT), "parameters": list_of(OBJECT), "outputs": list_of(OBJECT),
    "checkpointable": FLAG, "available": FLAG,
}  # fmt: skip
_APP_REQUEST = record({"name": TEXT, "version": TEXT}, **_APP_FIELDS)
_APP = record(
    {"id": TEXT, "name": TEXT, "version": TEXT}, revision=WHOLE, uuid=TEXT, isPublic=FLAG, **_APP_FIELDS
)

_PAGE = {"limit": r"\d+", "offset": r"\d+"}

OPERATIONS = (
    Operation("apps.list", "GET", "/apps/v2", "[apps] GET /apps/v2/", query=_PAGE, answer=list_of(_APP)),
    Operation("apps.add", "POST", "/apps/v2", "[apps] POST /apps/v2/", body=_APP_REQUEST, answer=_APP),
    Operation("apps.get", "GET", "/apps/v2/{app}", "[apps] GET /apps/v2/{appId}", answer=_APP),
    Operation(
        "jobs.list",
        "GET",
        "/jobs/v2",
        "[jobs] GET /jobs/v2/; name: [guide] search by attribute",
        query={**_PAGE, "name": ".+"},
        answer=list_of(JOB_SUMMARY),
    ),
    Operation("jobs.submit", "POST", "/jobs/v2", "[jobs] POST /jobs/v2/", body=JOB_REQUEST, answer=JOB),
    Operation("jobs.get", "GET", "/jobs/v2/{job}", "[jobs] GET /jobs/v2/{jobId}", answer=JOB),
    Operation(
        "jobs.manage",
        "POST",
        "/jobs/v2/{job}",
        "[jobs] POST /jobs/v2/{jobId}; JobOperationRequest",
        body=record({"action": one_of("resubmit", "stop")}),
        answer=JOB,
    ),
    Operation(
        "jobs.getHistory",
        "GET",
        "/jobs/v2/{job}/history",
        "[jobs] GET /jobs/v2/{jobId}/history",
        query=_PAGE,
        answer=list_of(_HISTORY),
    ),
    Operation(
        "jobs.listOutputs",
        "GET",
        "/jobs/v2/{job}/outputs/listings/{path}",
        "[jobs] GET /jobs/v2/{jobId}/outputs/listings/{filePath}",
        query=_PAGE,
        answer=list_of(_FILE),
    ),
    Operation(
        "jobs.downloadOutput",
        "GET",
        "/jobs/v2/{job}/outputs/media/{path}",
        "[jobs] GET /jobs/v2/{jobId}/outputs/media/{filePath}",
    ),
)
