"""A Tapis v3 tenant: its apps and jobs, over HTTP.

Tapis knows no idempotent submission. A job is tagged with a digest of its key, and searched for by it before it is submitted.
What remains is told in docs/adr/0011-a-mark-instead-of-an-idempotency-key.md.

Source: Tapis Jobs API 0.1 and Tapis Applications API 25Q4.0 (the OpenAPI documents of tapipy 25.4.0), the Tapis documents,
"Jobs", and SubmitJobRequest.json of the jobs service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO
from urllib.parse import quote

from datacatalog.adapters.platforms.tapis.apps import App, agave_id, described, read_app, split_id
from datacatalog.adapters.platforms.tapis.documents import job_document, output_place
from datacatalog.adapters.platforms.tapis.registering import app_request
from datacatalog.adapters.platforms.tapis.requests import TENANT_TAG, key_tag, submit_request, tenant_tag
from datacatalog.adapters.remote.answers import PAGE, an_object, instant, paged, text, text_or
from datacatalog.adapters.remote.conversation import Conversation, is_plain
from datacatalog.adapters.remote.jobs import job_path, job_there, unknown_job
from datacatalog.adapters.remote.listings import entries, read_listed
from datacatalog.adapters.remote.marks import Mark, tenant_label
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import (
    Conflict,
    NoSuchPath,
    NotSupported,
    PlatformDown,
    UnknownRecord,
)
from datacatalog.domain.jobs.statuses import TAPIS
from datacatalog.domain.paths import normalised
from datacatalog.ports.platforms import PlatformJob, PlatformStep
from datacatalog.ports.storage import Entry

_JOBS = "/v3/jobs"
_APPS = "/v3/apps"
_STATUS = "JOB_NEW_STATUS"
_SKIP = "skip"
"""What Tapis calls the number of entries to pass over."""


class TapisPlatform:
    """Implements ports.platforms.Platform; statuses are Tapis' own."""

    name = "tapis"

    def __init__(
        self, tenant: Conversation, *, default_system: str, owned_by: str = "", registration: bool = False
    ) -> None:
        """
        Args:
            default_system: where plain absolute paths of inputs lie, and archives that name no system.
            owned_by: tenant of jobs of which nobody says whose they are.
            registration: whether apps may be registered.
        """
        self._tenant, self._default_system = tenant, default_system
        self._owned_by, self._registration = owned_by, registration

    # ----------------------------------------------------------------------------------- apps

    def app(self, app_id: str) -> JsonObject:
        return described(self._app(app_id))

    def apps(self) -> Sequence[str]:
        found = self._tenant.pages(
            _APPS, _nothing(_APPS), {"listType": "ALL", "select": "id,version"}, skip=_SKIP
        )
        what = "an app in the list"
        return sorted(agave_id(text(one, "id", what), text(one, "version", what)) for one in found)

    def register(self, definition: JsonObject, *, owner: str) -> JsonObject:
        if not self._registration:
            raise NotSupported("registering apps is not allowed here (platform.registration)")
        request = app_request(definition)
        app, version = request["id"], request["version"]
        missing = NotSupported("this platform registers no apps")
        try:
            self._tenant.send("POST", _APPS, request, missing, place="definition")
        except Conflict:
            changed = {name: value for name, value in request.items() if name not in ("id", "version")}
            self._tenant.send("PUT", f"{_APPS}/{app}/{version}", changed, missing, place="definition")
        return self.app(agave_id(app, version))

    # ----------------------------------------------------------------------------------- jobs

    def submit(self, definition: JsonObject, *, key: str, owner: str = "", tenant: str = "") -> PlatformJob:
        tenant = tenant or self._owned_by
        mark = Mark.of(key, tenant)
        known = self._find(mark)
        if known is not None:
            return self.job(known)
        notes = {"key": key, "owner": owner, "tenant": tenant}
        app = self._app(definition.get("appId"))
        request = submit_request(definition, app, mark, notes, self._default_system)
        missing = UnknownRecord(app.agave_id, "app")
        result = self._tenant.send("POST", f"{_JOBS}/submit", request, missing, place="job_definition")
        return self._shown(an_object(result, "the job that was submitted"))

    def job(self, id: str) -> PlatformJob:
        return self._shown(self._job(id))

    def jobs(self, *, tenant: str | None = None, limit: int = 100, offset: int = 0) -> Sequence[PlatformJob]:
        newest = {"orderBy": "created(desc)", "listType": "MY_JOBS"}
        if tenant is None:
            found = self._tenant.pages(
                f"{_JOBS}/list", _nothing(f"{_JOBS}/list"), newest, skip=_SKIP, start=offset
            )
        else:
            whole = {**newest, "select": "allAttributes"}
            found = self._tagged(tenant_tag(tenant_label(tenant)), whole, start=offset)
        return [self._shown(one) for one in islice(found, limit)]

    def history(self, id: str) -> Sequence[PlatformStep]:
        what = f"the history of job {id}"
        found = self._tenant.pages(f"{job_path(_JOBS, id)}/history", unknown_job(id), skip=_SKIP)
        steps = [
            PlatformStep(
                # Older installations call it jobStatus.
                status=(text_or(one, "eventDetail") or text(one, "jobStatus", what)).upper(),
                at=instant(one, "created", what),
                note=text_or(one, "description"),
            )
            for one in found
            if text_or(one, "event") == _STATUS
        ]
        return sorted(steps, key=lambda step: step.at)

    def cancel(self, id: str) -> None:
        try:
            self._tenant.send("POST", f"{job_path(_JOBS, id)}/cancel", None, unknown_job(id), place="action")
        except Conflict:
            # A job that is over cannot be cancelled, which is as well.
            if not TAPIS.final(self.job(id).status):
                raise

    # -------------------------------------------------------------------------------- outputs

    def outputs(self, id: str, path: str = "/") -> Sequence[Entry]:
        where = normalised(path)
        what = f"the outputs of job {id}"
        with job_there(lambda: self.job(id)):
            found = self._tenant.pages(
                f"{job_path(_JOBS, id)}/output/list{quote(where)}",
                NoSuchPath(f"job {id}: {where}"),
                {"allowIfRunning": "true"},
                skip=_SKIP,
            )
            return entries((read_listed(one, what, size="size") for one in found), where)

    def output(self, id: str, path: str) -> BinaryIO:
        # Not by output/download of the jobs service, which answers 200 and something else where there is no such file,
        # and an archive where the file is large.
        where = normalised(path)
        system, directory = output_place(self._job(id))
        missing = NoSuchPath(f"job {id}: {where}")
        if not system or not directory:
            raise missing
        below = quote(f"{directory.strip('/')}{where}")
        return self._tenant.open(f"/v3/files/content/{quote(system, safe='')}/{below}", missing)

    # ------------------------------------------------------------------------------- the parts

    def _app(self, app_id: object) -> App:
        missing = UnknownRecord(str(app_id)[:80], "app")
        if not isinstance(app_id, str) or not is_plain(app_id):
            raise missing
        app, version = split_id(app_id)
        path = f"{_APPS}/{app}/{version}" if version else f"{_APPS}/{app}"
        return read_app(an_object(self._tenant.get(path, missing), f"app {app_id}"))

    def _find(self, mark: Mark) -> str | None:
        """Return the id of the job that was submitted for a mark before; the oldest, should there be several."""
        query = {"select": "tags,created", "listType": "MY_JOBS"}
        found = self._tagged(key_tag(mark), query)
        known = [(text_or(one, "created"), text(one, "uuid", "a job in the list")) for one in found]
        return min(known)[1] if known else None

    def _tagged(self, tag: str, query: Mapping[str, str], *, start: int = 0) -> Iterator[JsonObject]:
        body = {"search": [f"(tags IN ('{tag}'))"]}
        path = f"{_JOBS}/search"

        def page(skip: int) -> Any:
            at = {**query, "limit": PAGE, "skip": skip}
            return self._tenant.send("POST", path, body, _nothing(path), place="search", query=at)

        # Whoever answers does not decide what is a repeat: only what bears the tag is one.
        found = paged(page, f"the answer to POST {path}", start=start)
        return (one for one in found if tag in _tags(one))

    def _job(self, id: str) -> JsonObject:
        return an_object(self._tenant.get(job_path(_JOBS, id), unknown_job(id)), f"job {id}")

    def _shown(self, document: JsonObject) -> PlatformJob:
        uuid = text(document, "uuid", "a job")
        link = f"{self._tenant.url}/v3/jobs/{quote(uuid, safe='')}"
        return PlatformJob(
            id=uuid,
            status=text(document, "status", f"job {uuid}").upper(),
            link=link,
            detail=job_document(document, link),
            owner=text_or(document, "owner"),
            tenant=_tenant_of(document),
        )


def _tags(job: JsonObject) -> list[Any]:
    found = job.get("tags")
    return found if isinstance(found, list) else []


def _tenant_of(job: JsonObject) -> str:
    labels = [str(tag).removeprefix(TENANT_TAG) for tag in _tags(job) if str(tag).startswith(TENANT_TAG)]
    return labels[0] if labels else ""


def _nothing(path: str) -> PlatformDown:
    return PlatformDown(f"there is no {path} at the platform")
