"""Running an app as a managed job: the ledger first, then the platform.

`request_launch` writes the job and sets the launch going in one commit; `launch_job` is the long part. The definition that
reaches the platform carries the archive settings and callbacks, and none of the linkage parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from datacatalog.domain.actors import AGAVE_PROXY, JOBS_MANAGER
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import (
    AlreadyExists,
    DatacatalogError,
    GivenUp,
    InvalidField,
    UnknownRecord,
)
from datacatalog.domain.identifiers.platforms import actor_url, task_url
from datacatalog.domain.indexing import (
    ArchiveIndexRequest,
    IndexRequest,
    ProductIndexRequest,
    read_index_request,
)
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import Kind, TypedUuid
from datacatalog.domain.linkage.levels import LINKAGE_PARAMETERS
from datacatalog.domain.messages import LaunchJob
from datacatalog.domain.patterns import compile_pattern, decode_filter
from datacatalog.domain.records import Record, merged
from datacatalog.ports.platforms import PlatformJob
from datacatalog.ports.stores import Work
from datacatalog.ports.tasks import Task
from datacatalog.services.access import authorize, token_of
from datacatalog.services.archives import check_inputs
from datacatalog.services.env import Env, Outcome
from datacatalog.services.jobs import (
    JobPlan,
    archive_override,
    fail_job,
    insert_job,
    job_for,
    move,
    note,
    place_job,
)
from datacatalog.services.reconciling import watch

LAUNCH_QUEUE = "launch-job"


def prepare_launch(message: LaunchJob, env: Env) -> LaunchJob:
    """Return the message with its archive directory made.  Raises what `request_launch` raises."""
    plan = env.store.read(lambda work: _plan(message, work, env))
    return replace(message, place=place_job(plan, env))


def request_launch(message: LaunchJob, work: Work, env: Env) -> Outcome:
    """Write the job and set its launch going.

    Raises:
        UnknownRecord: no pipeline has the app's id, or a linkage parameter is not in the catalog.
        MissingToken, InvalidToken: the job is there already; launching it takes its token.
        AlreadyExists: this very run (same app, definition and linkage) was launched before; it can be reset.
        NoSuchPath: an input lies in the archive of another tenant's job.
        InvalidField, MixedLinkage, UnsafePath.
    """
    created = insert_job(_plan(message, work, env), message.place, work, env)
    job = created.job
    if job.state is not State.CREATED:
        raise AlreadyExists(f"job {job.uuid} is this very run and is {job.state}; reset it to run it again")
    body = {"uuid": job.uuid, "run": job.run, "definition": dict(message.definition)}
    if not work.outbox.send(LAUNCH_QUEUE, body, id=f"launch:{job.uuid}:{job.run}", at=env.clock.now()):
        raise AlreadyExists(f"job {job.uuid} is this very run and was launched; reset it to run it again")
    if not created.fresh:
        # Somebody else may have made it: starting it, and being told its token, takes its token.
        authorize(message, job.record, work, env, action="launch-again")
        # The same record over itself changes nothing, and is refused to whoever may see the job and no more.
        work.records.put(job.record, at=env.clock.now())
    return Outcome(
        result={"uuid": job.uuid, "state": job.state.value, "archive_uri": job.archive_uri},
        log=(f"Launching ManagedPipelineJob {job.uuid}",),
        http=202,
        issued=job.uuid,
    )


def _plan(message: LaunchJob, work: Work, env: Env) -> JobPlan:
    app_id = message.definition.get("appId")
    if not isinstance(app_id, str) or not app_id:
        raise InvalidField("job_definition/appId", "an app's id is required")
    _check_notifications(message.definition.get("notifications"))
    check_inputs(message.definition, work, env.rules.default_system)
    system, path = None, None
    if message.archive_path is not None:
        system, path = archive_override(message.archive_path)
    said = {name: message.linkage[name] for name in LINKAGE_PARAMETERS if message.linkage.get(name)}
    texts = {name: value for name, value in said.items() if isinstance(value, str)}
    return JobPlan(
        pipeline_uuid=_pipeline_of(app_id, work).uuid,
        data=merged({**message.definition, **texts}, message.data),
        parameters=said,
        instanced=message.instanced,
        archive_system=system,
        archive_path=path,
        extra={**_patterns(message), **_managed_by(message, env)},
    )


def _managed_by(message: LaunchJob, env: Env) -> dict[str, str]:
    """Return the actor that manages the job, and its execution, as their URLs.

    Source: docs, Job Life Cycle, "the actor and execution for the managing instance".
    """
    actor = actor_url(env.rules.api_url, env.rules.actor_ids.get(AGAVE_PROXY, AGAVE_PROXY))
    return {"agent": actor} | ({"task": task_url("", actor, message.execution)} if message.execution else {})


def _check_notifications(own: Any) -> None:
    if own is not None and not (isinstance(own, list) and all(isinstance(each, dict) for each in own)):
        raise InvalidField("job_definition/notifications", "must be a list of objects")


def _patterns(message: LaunchJob) -> dict[str, list[dict[str, Any]]]:
    """Return what the job's own patterns are: all text filters as one archive request, objects as what they are."""
    texts: list[str] = []
    archive: list[IndexRequest] = []
    products: list[IndexRequest] = []
    for n, pattern in enumerate(message.index_patterns):
        place = f"index_patterns/{n}"
        if isinstance(pattern, str):
            texts.append(decode_filter(pattern))
            compile_pattern(texts[-1], place)
        else:
            request = read_index_request(pattern, message.processing_level, place)
            (products if isinstance(request, ProductIndexRequest) else archive).append(request)
    if texts or not (archive or products):
        archive.append(ArchiveIndexRequest(texts, message.processing_level))
    return {
        "archive_patterns": [request.to_document() for request in archive],
        "product_patterns": [request.to_document() for request in products],
    }


def _pipeline_of(app_id: str, work: Work) -> Record:
    found = work.records.identified(Kind.PIPELINE, "id", app_id)
    if found is None:
        raise UnknownRecord(app_id, "pipeline")
    return found


# ------------------------------------------------------------------------------------------- the task


def launch_job(task: Task, env: Env) -> None:
    """Submit a job to the platform, and write down what came of it.

    Submitting twice is one job: the message's id is the platform's key. Where the platform refuses, or cannot be reached to
    the last try, the job fails with the reason.

    Raises:
        Unavailable: worth another try.
        LeaseLost.
    """
    uuid, run = TypedUuid(task.delivery.body["uuid"]), int(task.delivery.body["run"])
    try:
        if task.exhausted:
            raise GivenUp(task.delivery.tries - 1)
        submitted = _submit(uuid, run, task, env)
    except DatacatalogError as e:
        if e.retry and not task.last:
            raise
        task.finish(partial(fail_job, uuid, run, e, env=env))
    else:
        task.finish(lambda work: _take_down(uuid, run, submitted, work, env))


def _submit(uuid: TypedUuid, run: int, task: Task, env: Env) -> PlatformJob:
    job = env.store.read(lambda work: job_for(uuid, work))
    if job.run != run:
        raise AlreadyExists(f"job {uuid} was reset before run {run} began")
    if job.state is State.FAILED:
        raise AlreadyExists(f"job {uuid} has failed already; it is not submitted")
    definition = managed_definition(task.delivery.body["definition"], job, token_of(job.record, env), env)
    env.platform.app(definition["appId"])
    whose = job.record.admin
    return env.platform.submit(
        definition,
        key=task.delivery.id,
        owner=str(whose.get("owner", "")),
        tenant=str(whose.get("tenant", "")),
    )


def _take_down(uuid: TypedUuid, run: int, submitted: PlatformJob, work: Work, env: Env) -> None:
    # A callback may have been quicker than this; then the history has it already, and the link is still worth keeping.
    try:
        job = job_for(uuid, work)
    except UnknownRecord:  # It was deleted meanwhile.
        return
    data = {"job_link": submitted.link, "job_id": submitted.id, "status": submitted.status}
    if job.run == run and job.allows(Event.RESOURCE):
        watch(move(job, Event.RESOURCE, data, work, env), submitted.id, work, env)
    else:
        note(job, Event.RESOURCE, data, work, env)


def managed_definition(definition: JsonObject, job: Job, token: str, env: Env) -> Mapping[str, Any]:
    """Return the job definition as the platform gets it: archived where the ledger says, calling back with each status.

    The sender's own notifications are kept.
    """
    own = definition.get("notifications") or []
    callback = callback_url(job, token, env)
    notifications = [
        {
            "event": "*",
            "persistent": True,
            "url": callback + "&status=${JOB_STATUS}&note=${JOB_ERROR}",
        }
    ]
    return {
        **definition,
        "archive": True,
        "archiveSystem": job.archive_system,
        "archivePath": job.archive_path,
        "notifications": [*own, *notifications],
    }


def callback_url(job: Job, token: str, env: Env, *, actor: str = JOBS_MANAGER) -> str:
    """Return the URL to which a platform posts what becomes of a job.

    Source: docs, build_webhook: messages of the jobs-manager, with x-nonce, token, uuid and session in the URL.
    """
    query = {"uuid": job.uuid, "token": token, "run": str(job.run)}
    if session := job.record.body.get("session"):
        query["session"] = session
    if nonce := env.rules.callback_nonces.get(actor):
        query["x-nonce"] = nonce
    actor_id = env.rules.actor_ids.get(actor, actor)
    return f"{env.rules.api_url}/actors/v2/{actor_id}/messages?{urlencode(query)}"
