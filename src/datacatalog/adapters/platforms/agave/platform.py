"""An Agave v2 tenant: its apps and jobs, over HTTP.

Agave knows no idempotent submission. A job's name therefore ends with a mark (names.py), and before a job is submitted, the
recent ones are looked through for it. What remains is told in docs/adr/0011-a-mark-instead-of-an-idempotency-key.md.

Source: the Agave documents, "Applications", "Jobs"; resources of agavepy 0.9.5 (api_apps, api_jobs).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import BinaryIO
from urllib.parse import quote

from datacatalog.adapters.platforms.agave.names import bears, marked, tenant_of
from datacatalog.adapters.remote.answers import an_object, instant, text, text_or
from datacatalog.adapters.remote.conversation import Conversation, is_plain
from datacatalog.adapters.remote.jobs import job_path, job_there, unknown_job
from datacatalog.adapters.remote.listings import entries, read_listed
from datacatalog.adapters.remote.marks import Mark, tenant_label
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import (
    Conflict,
    InvalidField,
    NoSuchPath,
    NotSupported,
    PlatformDown,
    UnknownRecord,
)
from datacatalog.domain.identifiers.platforms import job_url
from datacatalog.domain.jobs.statuses import AGAVE
from datacatalog.domain.paths import normalised
from datacatalog.ports.platforms import PlatformJob, PlatformStep
from datacatalog.ports.storage import Entry

_JOBS = "/jobs/v2"
_LOOKED_THROUGH = 1000
"""How many recent jobs are looked through for one that was submitted before."""
_SECRET = ("notifications",)


class AgavePlatform:
    """Implements ports.platforms.Platform; statuses are Agave's."""

    name = "agave"

    def __init__(self, tenant: Conversation, *, owned_by: str = "", registration: bool = False) -> None:
        """
        Args:
            owned_by: tenant of jobs of which nobody says whose they are.
            registration: whether apps may be registered.
        """
        self._tenant, self._owned_by, self._registration = tenant, owned_by, registration

    # ----------------------------------------------------------------------------------- apps

    def app(self, app_id: str) -> JsonObject:
        missing = UnknownRecord(str(app_id)[:80], "app")
        if not isinstance(app_id, str) or not is_plain(app_id):
            raise missing
        return an_object(self._tenant.get(f"/apps/v2/{app_id}", missing), f"app {app_id}")

    def apps(self) -> Sequence[str]:
        found = self._tenant.pages("/apps/v2", PlatformDown("there is no /apps/v2 at the platform"))
        return sorted(text(one, "id", "an app in the list") for one in found)

    def register(self, definition: JsonObject, *, owner: str) -> JsonObject:
        if not self._registration:
            raise NotSupported("registering apps is not allowed here (platform.registration)")
        missing = NotSupported("this platform registers no apps")
        result = self._tenant.send("POST", "/apps/v2", dict(definition), missing, place="definition")
        return an_object(result, "the app that was registered")

    # ----------------------------------------------------------------------------------- jobs

    def submit(self, definition: JsonObject, *, key: str, owner: str = "", tenant: str = "") -> PlatformJob:
        mark = Mark.of(key, tenant or self._owned_by)
        name = marked(definition.get("name"), mark)
        known = self._find(name, mark)
        if known is not None:
            return self.job(known)
        app_id = definition.get("appId")
        body = {**definition, "name": name}
        missing = UnknownRecord(str(app_id)[:80], "app")
        # A gateway like ours takes the same request for the same job; Agave does not care.
        once = {"X-Request-Id": f"{mark.tenant}-{mark.key}"}
        result = self._tenant.send("POST", _JOBS, body, missing, place="job_definition", headers=once)
        return self._shown(an_object(result, "the job that was submitted"))

    def job(self, id: str) -> PlatformJob:
        return self._shown(an_object(self._tenant.get(job_path(_JOBS, id), unknown_job(id)), f"job {id}"))

    def jobs(self, *, tenant: str | None = None, limit: int = 100, offset: int = 0) -> Sequence[PlatformJob]:
        if tenant is None:
            return [self._shown(one) for one in islice(self._listed(start=offset), limit)]
        label = tenant_label(tenant)
        own = (one for one in self._listed() if tenant_of(text_or(one, "name")) == label)
        return [self._shown(one) for one in islice(own, offset, offset + limit)]

    def history(self, id: str) -> Sequence[PlatformStep]:
        what = f"the history of job {id}"
        found = self._tenant.pages(f"{job_path(_JOBS, id)}/history", unknown_job(id))
        steps = [
            PlatformStep(
                status=text(one, "status", what).upper(),
                at=instant(one, "created", what),
                note=text_or(one, "description"),
            )
            for one in found
        ]
        return sorted(steps, key=lambda step: step.at)

    def cancel(self, id: str) -> None:
        body = {"action": "stop"}
        try:
            self._tenant.send("POST", job_path(_JOBS, id), body, unknown_job(id), place="action")
        except (InvalidField, Conflict):
            # A job that is over, or has nothing left to run, cannot be stopped, which is as well.
            status = self.job(id).status
            if not AGAVE.final(status) and status != "ARCHIVING_FAILED":
                raise

    # -------------------------------------------------------------------------------- outputs

    def outputs(self, id: str, path: str = "/") -> Sequence[Entry]:
        where = normalised(path)
        what = f"the outputs of job {id}"
        with job_there(lambda: self.job(id)):
            found = self._tenant.pages(
                f"{job_path(_JOBS, id)}/outputs/listings{quote(where)}", NoSuchPath(f"job {id}: {where}")
            )
            return entries((read_listed(one, what, size="length") for one in found), where)

    def output(self, id: str, path: str) -> BinaryIO:
        where = normalised(path)
        missing = NoSuchPath(f"job {id}: {where}")
        with job_there(lambda: self.job(id)):
            return self._tenant.open(f"{job_path(_JOBS, id)}/outputs/media{quote(where)}", missing)

    # ------------------------------------------------------------------------------- the parts

    def _find(self, name: str, mark: Mark) -> str | None:
        """Return the id of the job that was submitted for a mark before; the oldest, should there be several."""
        recent = islice(self._listed({"name": name}), _LOOKED_THROUGH)
        found = [text(one, "id", "a job in the list") for one in recent if bears(text_or(one, "name"), mark)]
        return found[-1] if found else None

    def _listed(self, query: Mapping[str, object] | None = None, *, start: int = 0) -> Iterator[JsonObject]:
        missing = PlatformDown("there is no /jobs/v2 at the platform")
        return self._tenant.pages(_JOBS, missing, query, start=start)

    def _shown(self, document: JsonObject) -> PlatformJob:
        job_id = text(document, "id", "a job")
        return PlatformJob(
            id=job_id,
            status=text(document, "status", f"job {job_id}").upper(),
            link=job_url(self._tenant.url, job_id),
            # Its callback URLs carry secrets.
            detail={name: value for name, value in document.items() if name not in _SECRET},
            owner=text_or(document, "owner"),
            tenant=tenant_of(text_or(document, "name")),
        )
