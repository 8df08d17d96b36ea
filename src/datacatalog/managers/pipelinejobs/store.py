"""A job that the code which runs it also sets up: identity, linkage, archive path, and callbacks for platforms."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

from datacatalog.domain import archive
from datacatalog.domain.documents import minified
from datacatalog.domain.errors import ConflictingFields, InvalidField
from datacatalog.domain.identifiers import platforms
from datacatalog.domain.identifiers.sessions import instance_directory, session_or_drawn
from datacatalog.domain.identifiers.typed import read_typed
from datacatalog.domain.jobs.identity import job_uuid
from datacatalog.domain.jobs.job import Job
from datacatalog.domain.kinds import Kind, Relation, TypedUuid
from datacatalog.domain.linkage.levels import LINKAGE_PARAMETERS, Linkage
from datacatalog.domain.records import Link, merged
from datacatalog.domain.references import references_in
from datacatalog.managers.common import Names, Param, listed, plain
from datacatalog.managers.opening import Opens
from datacatalog.managers.pipelinejobs.exceptions import ManagedPipelineJobError, told
from datacatalog.managers.pipelinejobs.indexrequest import archive_document, product_document
from datacatalog.managers.pipelinejobs.jobmanager import Data, JobManager
from datacatalog.ports.stores import Work
from datacatalog.services.env import Env
from datacatalog.services.finding import find_record
from datacatalog.services.jobs import Created, JobPlan, insert_job, place_job
from datacatalog.services.launching import callback_url
from datacatalog.services.linkage import resolve
from datacatalog.services.managed import acted_upon, collected_at
from datacatalog.services.pipelines import active_pipeline

AGENT_VARIABLE, TASK_VARIABLE = "_abaco_actor_id", "_abaco_execution_id"
"""Where an actor platform tells a process which actor and which execution it is."""

NOTIFIED: Mapping[str, tuple[bool, str]] = {
    "RUNNING": (True, "${JOB_STATUS}"),
    "FINISHED": (False, "FINISHED"),
    "FAILED": (False, "${JOB_STATUS}"),
    "STOPPED": (False, "${JOB_STATUS}"),
    "KILLED": (False, "${JOB_STATUS}"),
}
"""Status of a platform's job -> whether it is told of each time, and the status that the callback carries."""


class ManagedPipelineJob(JobManager):
    """One parameterised run of a pipeline, set up in the ledger and moved through its lifecycle.

    Equal pipelines, linkages and data are one and the same job: setting it up again finds it. See
    docs/reference/python-api.md for every argument.
    """

    COLL_PARAMS: ClassVar[list[tuple[str, str]]] = [
        ("measurement_id", "measurement"),
        ("sample_id", "sample"),
        ("experiment_id", "experiment"),
    ]
    INIT_LINK_PARAMS: ClassVar[list[tuple[str, bool, str, Any, str, str]]] = [
        ("pipeline_uuid", True, "uuid", None, "pipeline", "child_of")
    ]
    LINK_FIELDS: ClassVar[list[str]] = ["child_of", "acted_on", "acted_using", "generated_by"]
    METADATA_ARG_NAMES: ClassVar[tuple[str, ...]] = tuple(LINKAGE_PARAMETERS)
    PARAMS: ClassVar[list[Param]] = [
        ("agent", False, "agent", None),
        ("task", False, "task", None),
        ("session", False, "session", None),
        ("data", False, "data", {}),
        ("level_store", False, "level_store", "product"),
        ("archive_path", False, "archive_path", None),
        ("setup_archive_path", False, "setup_archive_path", True),
        ("archive_system", False, "archive_system", "data-sd2e-community"),
        ("archive_patterns", False, "archive_patterns", []),
        ("product_patterns", False, "product_patterns", []),
        ("uuid", False, "uuid", None),
    ]

    agent: str | None
    task: str | None
    session: str | None
    data: dict[str, Any]
    level_store: str
    setup_archive_path: bool
    product_patterns: list[dict[str, Any]]
    child_of: list[TypedUuid]
    acted_on: list[TypedUuid]
    acted_using: list[TypedUuid]
    generated_by: list[TypedUuid]
    callback: str | None = None

    def __init__(
        self,
        mongodb: Opens = None,
        pipelines: Mapping[str, Any] | None = None,
        instanced: bool = True,
        agave: Any = None,
        *,
        experiment_design_id: Names = None,
        experiment_id: Names = None,
        sample_id: Names = None,
        measurement_id: Names = None,
        pipeline_uuid: str | None = None,
        inputs: Names = None,
        generated_by: Names = None,
        archive_collection_level: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Describe a job; `setup` writes it.

        Raises:
            ManagedPipelineJobError: the pipeline is missing, unknown or out of service, or an argument cannot be used.
                A ValueError as well where an identifier is not in the catalog, or a list mixes kinds of records.
            Misconfigured, StoreDown.
        """
        super().__init__(mongodb, agave, **kwargs)
        self.pipelines = dict(pipelines or {})
        self.instanced = instanced
        passed = (experiment_design_id, experiment_id, sample_id, measurement_id)
        linkage = dict(zip(LINKAGE_PARAMETERS, passed, strict=True))
        try:
            with told():
                self._describe()
                self._place_by_hand(kwargs.get("archive_system"))
                self._say_which(pipeline_uuid, linkage, inputs)
                self._link(archive_collection_level, listed("generated_by", generated_by))
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        shown = {
            "uuid": self.uuid,
            "pipeline_uuid": self.pipeline_uuid,
            "data": self.data,
            **{name: getattr(self, name) for name in self.LINK_FIELDS},
            "archive_uri": self.archive_uri(),
        }
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    # ------------------------------------------------------------------------------ taking in arguments

    def _describe(self) -> None:
        """Check what was passed, and bring it into the form in which the ledger keeps it."""
        self.data = plain(self.data, "data")
        if self.level_store != "product":
            raise InvalidField(
                "level_store", "jobs archive in the product store; archive_path names any other place"
            )
        self.archive_patterns = [archive_document(p) for p in self.archive_patterns]
        self.product_patterns = [product_document(p) for p in self.product_patterns]
        # One that is too short is drawn anew, and then as often as it takes.
        self.session = self.session if session_or_drawn(self.session) == self.session else None
        agent = self.agent or os.environ.get(AGENT_VARIABLE)
        task = self.task or os.environ.get(TASK_VARIABLE)
        self.agent = platforms.agent_url(self._api, agent) if agent else None
        self.task = self.canonicalize_execution(task) if task and agent else None
        # What the ledger says replaces these attributes; what was asked for is asked for again by a later setup().
        self._said_session, self._said_uuid = self.session, self.uuid

    def _place_by_hand(self, archive_system: str | None) -> None:
        self._said_path = self.archive_path
        if self._said_path is None:
            return
        if self._said_path.startswith("agave://"):
            uri = archive.AgaveUri.parse(self._said_path, "archive_path")
            if archive_system not in (None, uri.system):
                raise ConflictingFields("archive_system")
            self.archive_system, self._said_path = uri
        self._said_path = archive.check_archive_path(self._said_path)

    def _say_which(self, pipeline_uuid: str | None, linkage: Mapping[str, Names], inputs: Names) -> None:
        uuid = pipeline_uuid or self.pipelines.get("pipeline_uuid")
        if not uuid:
            raise InvalidField("pipeline_uuid", "is required, as an argument or in pipelines")
        self._pipeline = read_typed(uuid, Kind.PIPELINE, field="pipeline_uuid")
        self.pipeline_uuid = self._pipeline
        self._parameters = {name: listed(name, value) for name, value in linkage.items()}
        self._inputs = listed("inputs", inputs)

    def _link(self, collection_level: str | None, makers: Sequence[str]) -> None:
        """Look up in the catalog what the job is linked to."""

        def look(work: Work) -> Linkage:
            active_pipeline(self._pipeline, work)
            if collection_level is not None:
                self._parameters = dict(collected_at(collection_level, self._parameters, work))
            self._makers = [find_record(m, work, self.env, (Kind.PROCESS,)).uuid for m in makers]
            return resolve(self._parameters, work)

        self._linkage = self.env.store.read(look)
        self.child_of = list(self._linkage.child_of)
        self.generated_by = [self._pipeline, *self._makers]
        self.archive_path = self._said_path or self._root()
        self._look_up_inputs()

    def _look_up_inputs(self) -> None:
        self.acted_on, self.acted_using = self.env.store.read(
            lambda work: acted_upon(self.data, self._inputs, work, self.env)
        )

    # ------------------------------------------------------------------------------------- setting up

    def setup(self, data: Data = None) -> Self:
        """Write the job into the ledger, or find it there; `uuid`, `token`, `archive_path` and `callback` are known then.

        Args:
            data: merged over what the constructor was given, before UUID and archive path are computed.
        Raises:
            ManagedPipelineJobError: nothing was written. The pipeline was retired meanwhile, the session that was asked for
                is taken, the job was deleted, or it is another than the `uuid` that was passed.
            StorageDown, StoreDown.
        """
        with told():
            if data is not None:
                self.data = dict(merged(self.data, plain(data, "data")))
                self._look_up_inputs()
            self._check_uuid()
            plan = self._plan()
            place = place_job(plan, self.env) if self.setup_archive_path else None
            created = self.env.store.transact(lambda work: self._insert(plan, place, work))
        self._take(created.job)
        self.token = created.token
        self.callback = self.build_webhook()
        return self

    def _check_uuid(self) -> None:
        uuid = job_uuid(self._pipeline, self._linkage.named, self.data, self.env.identity)
        if self._said_uuid not in (None, uuid):
            raise InvalidField(
                "uuid", f"is {self._said_uuid}, but this pipeline, linkage and data make {uuid}"
            )

    def _plan(self) -> JobPlan:
        fields = {
            "archive_patterns": self.archive_patterns,
            "product_patterns": self.product_patterns,
            "agent": self.agent,
            "task": self.task,
        }
        return JobPlan(
            pipeline_uuid=self._pipeline,
            data=self.data,
            parameters=self._parameters,
            instanced=self.instanced,
            session=self._said_session,
            archive_system=self.archive_system,
            archive_path=self._said_path,
            extra={name: value for name, value in fields.items() if value},
            acted_on=self.acted_on,
            acted_using=self.acted_using,
        )

    def _insert(self, plan: JobPlan, place: tuple[str, str] | None, work: Work) -> Created:
        created = insert_job(plan, place, work, self.env)
        if created.fresh:
            uuid = created.job.uuid
            work.links.add(Link(source=uuid, relation=Relation.GENERATED_BY, target=m) for m in self._makers)
        return created

    def _take(self, job: Job) -> None:
        super()._take(job)
        body = job.record.body
        self.data = dict(job.data)
        self.session, self.agent, self.task = body.get("session"), body.get("agent"), body.get("task")
        self.product_patterns = [dict(pattern) for pattern in job.product_patterns]
        links = self.env.store.read(lambda work: work.links.of(job.uuid))
        for name in self.LINK_FIELDS:
            setattr(self, name, [link.target for link in links if link.relation == name])

    # ------------------------------------------------------------------------------------- where it is

    def get_archive_path(self, instanced: bool = True) -> str:
        """Return the job's archive path; before `setup`, what it would be now.

        Args:
            instanced: whether the directory of its own counts, where the job has one.
        """
        if self._said_path is not None or not (instanced and self.instanced):
            return self._said_path or self._root()
        if self._held is not None:
            return self._held.archive_path
        return f"{self._root()}/{self.instanced_directory()}"

    def _root(self) -> str:
        """Return the predictable part of the archive path."""
        named, now = self._linkage.named, self.env.clock.now()
        return archive.archive_path(self._pipeline, named, self.data, None, now, self.env.identity)

    def instanced_directory(self, session: str | None = None) -> str:
        """Return a directory name for one run, e.g. `casual-bass-20181127T173243Z`.

        Args:
            session: None: the job's own; one shorter than four characters is drawn anew.
        Raises:
            ManagedPipelineJobError: it has characters that no session may have.
        """
        with told():
            return instance_directory(session_or_drawn(session or self.session), self.env.clock.now())

    def serialize_data(self) -> str:
        """Return the job's data as the text that its identity hashes: JSON with sorted keys and no spaces."""
        return minified(self.data)

    def refs_from_data_dict(self, data: Data = None, store: str = "files") -> list[str]:
        """Return the URIs that `inputs` and `parameters` of a data dictionary name.

        Args:
            data: None: the job's own.
            store: "files" or "references".
        Raises:
            ManagedPipelineJobError: `store` is neither.
        """
        found = references_in(self.data if data is None else data, self.env.rules.default_system)
        by_store = dict(zip(("files", "references"), found, strict=True))
        if store not in by_store:
            raise ManagedPipelineJobError(f"store: '{store}' is none of {', '.join(by_store)}")
        return list(by_store[store])

    # --------------------------------------------------------------------------------------- callbacks

    def build_webhook(self) -> str:
        """Return a URL; messages and platform callbacks posted there become events of this job.

        It carries the job's uuid, token and session, and the nonce that lets callers in.

        Raises:
            ManagedPipelineJobError: the job is not set up, or was taken up without its token.
        """
        if self._held is None or self.token is None:
            raise ManagedPipelineJobError("there is no job yet, or no token for it: setup() comes first")
        return callback_url(self._held, self.token, self._calling_back())

    def agave_notifications(self) -> list[dict[str, Any]]:
        """Return notifications for an Agave job definition, so that the platform reports to this job.  Raises as `build_webhook`."""
        url = self.build_webhook()
        return [
            {"event": event, "persistent": persistent, "url": f"{url}&status={status}"}
            for event, (persistent, status) in NOTIFIED.items()
        ]

    def _calling_back(self) -> Env:
        """Return the environment with what `pipelines` says about the jobs-manager in place of the installation's own."""
        rules, said = self.env.rules, self.pipelines
        ids, nonces = dict(rules.actor_ids), dict(rules.callback_nonces)
        if said.get("job_manager_id"):
            ids["jobs-manager"] = said["job_manager_id"]
        if said.get("job_manager_nonce"):
            nonces["jobs-manager"] = said["job_manager_nonce"]
        url = str(said.get("api_server") or rules.api_url).rstrip("/")
        return replace(self.env, rules=replace(rules, api_url=url, actor_ids=ids, callback_nonces=nonces))

    # ------------------------------------------------------------------------------- URLs at the platform

    @property
    def _api(self) -> str:
        said = self.pipelines.get("api_server") or getattr(self.agave, "api_server", None)
        return str(said or self.env.rules.api_url)

    def canonicalize_actor(self, actor_id: str) -> str:
        return platforms.actor_url(self._api, actor_id)

    def canonicalize_execution(self, execution_id: str) -> str:
        """Return the URL of an execution of the job's agent (of a platform job, if it is one's id).

        Raises:
            ManagedPipelineJobError: the job has no agent.
        """
        if self.agent is None:
            raise ManagedPipelineJobError("an execution belongs to an agent, and this job has none")
        return platforms.task_url(self._api, self.agent, execution_id)

    def canonicalize_app(self, app_id: str) -> str:
        return platforms.app_url(self._api, app_id)

    def canonicalize_system(self, system_id: str) -> str:
        return platforms.system_url(self._api, system_id)

    def canonicalize_job(self, job_id: str) -> str:
        return platforms.job_url(self._api, job_id)
