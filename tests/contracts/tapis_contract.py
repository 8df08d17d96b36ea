"""What Tapis v3 takes and gives, as its documents say: the part of it that is used here.

[jobs]    "Tapis Jobs API", version 0.1, OpenAPI document in tapipy 25.4.0 (tapipy/resources/openapi_v3-jobs.yml)
[submit]  "Top-level schema for job submission request", SubmitJobRequest.json of the jobs service
[subscr]  "Job subscription request", JobSubscribeRequest.json of the jobs service; it says ttlMinutes, and so does [apps],
          where [jobs] says ttlminutes: the schema is what requests are checked against
[apps]    "Tapis Applications API", version 25Q4.0 (tapipy/resources/openapi_v3-apps.yml)
[files]   "Tapis Files API", version 1.8.2 (tapipy/resources/openapi_v3-files.yml)
[notif]   "Tapis Notifications API", version 25Q4.0 (tapipy/resources/openapi_v3-notifications.yml), and "Notifications" of the
          Tapis documents (technical/notifications)
[docs]    "Jobs" of the Tapis documents (technical/jobs)
[auth]    "Authenticator", version 1 (tapipy/resources/openapi_v3-authenticator.yml)
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

TOKEN_HEADER = "x-tapis-token"
"""[jobs] components.securitySchemes.TapisJWT: apiKey, in: header, name: X-Tapis-Token."""

STATUSES = (
    "PENDING", "PROCESSING_INPUTS", "STAGING_INPUTS", "STAGING_JOB", "SUBMITTING_JOB", "QUEUED", "RUNNING", "ARCHIVING",
    "BLOCKED", "PAUSED", "FINISHED", "CANCELLED", "FAILED",
)  # fmt: skip
"""[jobs] components.schemas.Job.properties.status.enum."""

_NAME = text(
    least=1, most=80, pattern="^[A-Za-z_][A-Za-z0-9_]*$"
)  # [docs] FileInputs, JobArgSpec: "The name must start..."

# [submit] $defs.JobArgSpec; [jobs] components.schemas.JobArgSpec
_JOB_ARG = record(
    {"arg": text(least=1)}, name=_NAME, description=text(least=1, most=8096), include=FLAG, notes=OBJECT
)
# [docs] KeyValuePair; [jobs] components.schemas.KeyValuePair
_KEY_VALUE = record(
    {"key": text(least=1), "value": TEXT}, description=text(least=1, most=2048), include=FLAG, notes=OBJECT
)
# [submit] $defs.Parameters; [jobs] components.schemas.JobParameterSet
_PARAMETER_SET = record(
    appArgs=list_of(_JOB_ARG),
    containerArgs=list_of(_JOB_ARG),
    schedulerOptions=list_of(_JOB_ARG),
    envVariables=list_of(_KEY_VALUE),
    archiveFilter=record(
        includes=list_of(text(least=1)), excludes=list_of(text(least=1)), includeLaunchFiles=FLAG
    ),
    logConfig=record({"stdoutFilename": text(least=1), "stderrFilename": text(least=1)}),
)
# [submit] $defs.JobFileInput; [jobs] components.schemas.JobFileInput
_FILE_INPUT = record(
    name=_NAME,
    description=text(least=1, most=8096),
    envKey=text(least=1),
    autoMountLocal=FLAG,
    sourceUrl=text(
        least=1, pattern="^(tapis|tapislocal|https?)://"
    ),  # [docs] FileInputs: "Any URL protocol..."
    targetPath=TEXT,
    notes=OBJECT,
)
# [submit] $defs.JobFileInputArray; [jobs] components.schemas.JobFileInputArray
_FILE_INPUT_ARRAY = record(
    name=_NAME,
    description=text(least=1, most=8096),
    envKey=text(least=1),
    sourceUrls=list_of(text(least=1, pattern="^(tapis|https?)://")),  # [docs] FileInputArrays: no tapislocal
    targetDir=text(least=1),
    notes=OBJECT,
)
# [subscr] $defs.DeliveryTarget; [jobs] components.schemas.NotifDeliveryTarget
_TARGET = record({"deliveryMethod": one_of("WEBHOOK", "EMAIL"), "deliveryAddress": text(least=1, most=2048)})
# [subscr] properties; ttlMinutes: ReqSubscribe of the jobs service, at most four weeks
SUBSCRIPTION = record(
    {
        "eventCategoryFilter": one_of(
            "JOB_NEW_STATUS", "JOB_INPUT_TRANSACTION_ID", "JOB_ARCHIVE_TRANSACTION_ID", "JOB_SUBSCRIPTION",
            "JOB_SHARE_EVENT", "JOB_ERROR_MESSAGE", "JOB_USER_EVENT", "ALL",
        ),
        "deliveryTargets": list_of(_TARGET, least=1),
    },
    description=text(least=1, most=2048),
    enabled=FLAG,
    ttlMinutes={"type": "integer", "minimum": 0, "maximum": 40320},
)  # fmt: skip

# [submit] properties, required; [jobs] components.schemas.ReqSubmitJob
SUBMIT = record(
    {"name": text(least=1, most=64), "appId": text(least=1, most=80), "appVersion": text(least=1, most=64)},
    owner=text(most=64),
    tenant=text(most=24),
    description=text(least=1, most=2048),
    jobType=one_of("FORK", "BATCH"),
    archiveOnAppError=FLAG,
    dynamicExecSystem=FLAG,
    execSystemId=text(most=80),
    execSystemExecDir=text(most=4096),
    execSystemInputDir=text(most=4096),
    execSystemOutputDir=text(most=4096),
    execSystemLogicalQueue=text(most=80),
    archiveSystemId=text(most=80),
    archiveSystemDir=text(most=4096),
    dtnSystemInputDir=text(most=4096),
    dtnSystemOutputDir=text(most=4096),
    nodeCount=WHOLE,
    coresPerNode=WHOLE,
    memoryMB=COUNT,
    maxMinutes=COUNT,
    fileInputs=list_of(_FILE_INPUT),
    fileInputArrays=list_of(_FILE_INPUT_ARRAY),
    parameterSet=_PARAMETER_SET,
    execSystemConstraints=list_of(TEXT),
    subscriptions=list_of(SUBSCRIPTION),
    tags=list_of(text(least=1, most=126)),
    isMpi=FLAG,
    mpiCmd=maybe(text(least=1, most=126)),
    cmdPrefix=maybe(text(least=1, most=1024)),
    notes=OBJECT,
)

# [jobs] components.schemas.JobListDTO
JOB_SUMMARY = record(
    uuid=TEXT, name=TEXT, owner=TEXT, appId=TEXT, created=TEXT, status=one_of(*STATUSES), condition=maybe(TEXT),
    remoteStarted=maybe(TEXT), ended=maybe(TEXT), tenant=TEXT, execSystemId=TEXT, archiveSystemId=maybe(TEXT),
    appVersion=TEXT, lastUpdated=TEXT,
)  # fmt: skip
# [jobs] components.schemas.Job, as far as it is filled here
JOB = record(
    id=WHOLE, uuid=TEXT, name=TEXT, owner=TEXT, tenant=TEXT, description=TEXT, status=one_of(*STATUSES),
    condition=maybe(TEXT), lastMessage=TEXT, created=TEXT, ended=maybe(TEXT), lastUpdated=TEXT, appId=TEXT, appVersion=TEXT,
    execSystemId=TEXT, execSystemOutputDir=TEXT, execSystemLogicalQueue=maybe(TEXT), archiveSystemId=maybe(TEXT),
    archiveSystemDir=maybe(TEXT), nodeCount=WHOLE, coresPerNode=WHOLE, memoryMB=WHOLE, maxMinutes=WHOLE, fileInputs=TEXT,
    parameterSet=TEXT, subscriptions=TEXT, remoteOutcome=maybe(one_of("FINISHED", "FAILED", "FAILED_SKIP_ARCHIVE")),
    remoteSubmitted=maybe(TEXT), remoteStarted=maybe(TEXT), remoteEnded=maybe(TEXT), visible=FLAG, tags=list_of(TEXT),
    notes=TEXT,
)  # fmt: skip
# [jobs] components.schemas.JobHistoryDisplayDTO
_HISTORY = record(event=TEXT, created=TEXT, eventDetail=TEXT, description=TEXT, transferTaskUuid=maybe(TEXT))
# [jobs] and [files] components.schemas.FileInfo
_FILE_INFO = record(
    mimeType=maybe(TEXT), type=one_of("file", "dir", "symbolic_link", "other", "unknown"), owner=TEXT, group=TEXT,
    nativePermissions=TEXT, url=TEXT, lastModified=TEXT, name=TEXT, path=TEXT, size=WHOLE,
)  # fmt: skip

# [apps] components.schemas.AppFileInput, AppFileInputArray, AppArgSpec, KeyValuePair
_INPUT_MODE = one_of("REQUIRED", "OPTIONAL", "FIXED")
_ARG_MODE = one_of("REQUIRED", "FIXED", "INCLUDE_ON_DEMAND", "INCLUDE_BY_DEFAULT")
_APP_INPUT = record(
    {"name": _NAME, "targetPath": TEXT}, description=TEXT, inputMode=_INPUT_MODE, envKey=TEXT, autoMountLocal=FLAG,
    notes=OBJECT, sourceUrl=TEXT,
)  # fmt: skip
_APP_INPUT_ARRAY = record(
    {"name": _NAME, "targetDir": TEXT}, description=TEXT, inputMode=_INPUT_MODE, envKey=TEXT, notes=OBJECT,
    sourceUrls=list_of(TEXT),
)  # fmt: skip
_APP_ARG = record({"name": _NAME}, description=TEXT, inputMode=_ARG_MODE, arg=TEXT, notes=OBJECT)
_APP_VARIABLE = record({"key": TEXT}, value=TEXT, description=TEXT, inputMode=_ARG_MODE, notes=OBJECT)
# [apps] components.schemas.ParameterSet, JobAttributes
_ATTRIBUTES = record(
    description=TEXT, execSystemId=TEXT, execSystemLogicalQueue=TEXT, archiveSystemId=TEXT, archiveSystemDir=TEXT,
    archiveOnAppError=FLAG, isMpi=FLAG, mpiCmd=TEXT, cmdPrefix=TEXT, nodeCount=WHOLE, coresPerNode=WHOLE, memoryMB=WHOLE,
    maxMinutes=WHOLE, fileInputs=list_of(_APP_INPUT), fileInputArrays=list_of(_APP_INPUT_ARRAY),
    parameterSet=record(
        appArgs=list_of(_APP_ARG), containerArgs=list_of(_APP_ARG), schedulerOptions=list_of(_APP_ARG),
        envVariables=list_of(_APP_VARIABLE), archiveFilter=OBJECT, logConfig=OBJECT,
    ),
    tags=list_of(TEXT),
)  # fmt: skip
_VERSION_FIELDS = {
    "description": TEXT, "runtime": one_of("SINGULARITY", "DOCKER", "ZIP"), "runtimeVersion": TEXT, "jobType": one_of("BATCH", "FORK"),
    "maxJobs": WHOLE, "maxJobsPerUser": WHOLE, "strictFileInputs": FLAG, "jobAttributes": _ATTRIBUTES,
    "tags": list_of(TEXT), "notes": OBJECT,
}  # fmt: skip
_APP_FIELDS = {**_VERSION_FIELDS, "owner": TEXT, "enabled": FLAG, "versionEnabled": FLAG, "locked": FLAG}
# [apps] components.schemas.ReqPostApp, ReqPutApp
_POST_APP = record({"id": TEXT, "version": TEXT, "containerImage": TEXT}, **_APP_FIELDS)
_PUT_APP = record(containerImage=TEXT, **_VERSION_FIELDS)
# [apps] components.schemas.TapisApp
_APP = record(
    id=TEXT,
    version=TEXT,
    containerImage=TEXT,
    tenant=TEXT,
    created=TEXT,
    updated=TEXT,
    uuid=TEXT,
    **_APP_FIELDS,
)
_RESOURCE_URL = record(url=TEXT)  # [apps] components.schemas.ResultResourceUrl

_PAGE = {"limit": r"\d+", "skip": r"\d+"}
_LIST = {
    **_PAGE,
    "orderBy": r"\w+\((asc|desc)\)(,\w+\((asc|desc)\))*",  # [docs] Get Jobs list
    "computeTotal": "true|false",
    "listType": "MY_JOBS|SHARED_JOBS|ALL_JOBS",  # [jobs] paths./jobs/list.get.description
}

OPERATIONS = (
    Operation(
        "submitJob", "POST", "/v3/jobs/submit", "[jobs] paths./jobs/submit.post", body=SUBMIT, answer=JOB
    ),
    Operation(
        "getJobList",
        "GET",
        "/v3/jobs/list",
        "[jobs] paths./jobs/list.get",
        query=_LIST,
        answer=list_of(JOB_SUMMARY),
    ),
    Operation(
        "getJobSearchListByPostSqlStr",
        "POST",
        "/v3/jobs/search",
        "[jobs] paths./jobs/search.post; [docs] Search using POST on Dedicated Endpoint",
        query={**_LIST, "select": r"[\w,]+"},
        body=record({"search": list_of(TEXT, least=1)}),
        answer=list_of(JOB),
    ),
    Operation("getJob", "GET", "/v3/jobs/{uuid}", "[jobs] paths./jobs/{jobUuid}.get", answer=JOB),
    Operation(
        "getJobStatus",
        "GET",
        "/v3/jobs/{uuid}/status",
        "[jobs] paths./jobs/{jobUuid}/status.get; JobStatusDisplay",
        answer=record(status=TEXT, condition=TEXT),
    ),
    Operation(
        "getJobHistory",
        "GET",
        "/v3/jobs/{uuid}/history",
        "[jobs] paths./jobs/{jobUuid}/history.get",
        query=_PAGE,
        answer=list_of(_HISTORY),
    ),
    Operation(
        "cancelJob",
        "POST",
        "/v3/jobs/{uuid}/cancel",
        "[jobs] paths./jobs/{jobUuid}/cancel.post",
        answer=record(message=TEXT),
    ),
    Operation(
        "getJobOutputList",
        "GET",
        "/v3/jobs/{uuid}/output/list/{path}",
        "[jobs] paths./jobs/{jobUuid}/output/list/{outputPath}.get",
        query={**_PAGE, "allowIfRunning": "true|false"},
        answer=list_of(_FILE_INFO),
    ),
    Operation(
        "getContents",
        "GET",
        "/v3/files/content/{system}/{path}",
        "[files] paths./v3/files/content/{systemId}/{path}.get",
        query={"zip": "true|false"},
    ),
    Operation(
        "getApps",
        "GET",
        "/v3/apps",
        "[apps] paths./v3/apps.get",
        query={
            **_PAGE,
            "listType": "OWNED|SHARED_PUBLIC|SHARED_DIRECT|READ_PERM|MINE|ALL",
            "select": r"[\w,]+",
            "orderBy": r"\w+\((asc|desc)\)",
        },
        answer=list_of(_APP),
    ),
    Operation(
        "createAppVersion",
        "POST",
        "/v3/apps",
        "[apps] paths./v3/apps.post",
        body=_POST_APP,
        answer=_RESOURCE_URL,
    ),
    Operation(
        "putApp",
        "PUT",
        "/v3/apps/{app}/{version}",
        "[apps] paths./v3/apps/{appId}/{appVersion}.put",
        body=_PUT_APP,
        answer=_RESOURCE_URL,
    ),
    Operation(
        "getApp",
        "GET",
        "/v3/apps/{app}/{version}",
        "[apps] paths./v3/apps/{appId}/{appVersion}.get",
        answer=_APP,
    ),
    Operation(
        "getAppLatestVersion", "GET", "/v3/apps/{app}", "[apps] paths./v3/apps/{appId}.get", answer=_APP
    ),
    Operation(
        "create_token",
        "POST",
        "/v3/oauth2/tokens",
        "[auth] paths./v3/oauth2/tokens.post; NewToken, TokenResponse",
        body=record(
            {"grant_type": TEXT},
            username=TEXT,
            password=TEXT,
            client_id=TEXT,
            client_key=TEXT,
            refresh_token=TEXT,
        ),
        answer=record({"access_token": OBJECT}, refresh_token=ANYTHING),
    ),
)

# [notif] components.schemas.Notification, Event; [docs of notifications] Notification Model
NOTIFICATION = record(
    uuid=TEXT, tenant=TEXT, subscriptionName=TEXT, eventUuid=TEXT, created=TEXT, deliveryTarget=_TARGET,
    event=record(
        {"source": TEXT, "type": TEXT, "timestamp": TEXT}, subject=TEXT, data=maybe(TEXT), seriesId=TEXT, endSeries=FLAG,
        deleteSubscriptionsMatchingSubject=FLAG, tenant=TEXT, user=TEXT, uuid=TEXT, received=TEXT, seriesSeqCount=WHOLE,
    ),
)  # fmt: skip
