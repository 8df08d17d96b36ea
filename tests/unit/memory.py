"""A whole application in memory, with a clock that stands still until it is moved."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from datacatalog.adapters.bearer import BearerTokens
from datacatalog.adapters.outgoing.memory import MemoryOutgoing
from datacatalog.adapters.schemas import JsonSchemas, record_checker
from datacatalog.adapters.sealing import AesSealer
from datacatalog.adapters.storage.memory import MemoryStorage
from datacatalog.adapters.stores.memory import MemoryStore
from datacatalog.adapters.transport.memory import MemoryTransport
from datacatalog.bootstrap import App, TaskKind
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import DatacatalogError, UnknownRecord
from datacatalog.domain.identifiers.typed import Identity
from datacatalog.domain.jobs.lifecycle import Event, State
from datacatalog.domain.kinds import TypedUuid
from datacatalog.domain.messages import CreatePipeline
from datacatalog.ports.platforms import PlatformJob, PlatformStep
from datacatalog.services import dispatch
from datacatalog.services.access import token_of
from datacatalog.services.env import Env, Keys, Outcome, Principal, Rules
from datacatalog.services.indexing import INDEX_QUEUE, index_archive
from datacatalog.services.jobs import Created, JobPlan, create_job, job_for, move
from datacatalog.services.launching import LAUNCH_QUEUE, launch_job
from datacatalog.services.reading import Request
from datacatalog.services.reconciling import WATCH_QUEUE, watch_job
from datacatalog.services.webhooks import WEBHOOK_QUEUE, Deliverer, Patience
from datacatalog.settings import Secrets, Settings, shipped_config

SYSTEM = "data-sd2e-community"
SCHEMAS = JsonSchemas()
APP = "tests/taco-1"

PATIENCE = Patience(tries=4)
"""With subscribers."""

_numbers = itertools.count()


@dataclass(slots=True)
class StandingClock:
    at: datetime = datetime(2019, 2, 8, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass(slots=True)
class MemoryPlatform:
    """Takes jobs and runs none.

    Attributes:
        known: the apps that there are.
        trouble: raised by the next submissions and questions, one each.
        name: whose words the statuses are in.
        statuses, notes: key of a submission -> how far its job is (PENDING where it is not said), and why.
        asked: how often a job was asked for.
    """

    known: Sequence[str] = (APP,)
    trouble: list[DatacatalogError] = field(default_factory=list)
    submitted: dict[str, JsonObject] = field(default_factory=dict)
    name: str = "local"
    statuses: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    def app(self, app_id: str) -> JsonObject:
        if app_id not in self.known:
            raise UnknownRecord(app_id, "app")
        return {"id": app_id}

    def apps(self) -> Sequence[str]:
        return self.known

    def submit(self, definition: JsonObject, *, key: str, owner: str = "", tenant: str = "") -> PlatformJob:
        if self.trouble:
            raise self.trouble.pop(0)
        self.submitted.setdefault(key, definition)
        return self._told(key)

    def job(self, id: str) -> PlatformJob:
        self.asked += 1
        if self.trouble:
            raise self.trouble.pop(0)
        return self._told(id)

    def _told(self, id: str) -> PlatformJob:
        if id not in self.submitted:
            raise UnknownRecord(id, "job")
        return PlatformJob(id=id, status=self.statuses.get(id, "PENDING"), link=f"memory://{id}", detail={})

    def history(self, id: str) -> Sequence[PlatformStep]:
        told = self._told(id)
        return [
            PlatformStep(status=told.status, at=datetime(2019, 2, 8, tzinfo=UTC), note=self.notes.get(id, ""))
        ]

    def cancel(self, id: str) -> None:
        self._told(id)
        self.statuses[id] = "STOPPED"


@dataclass(slots=True)
class Memory:
    """An application in memory, and what tests ask of it."""

    app: App
    clock: StandingClock
    platform: MemoryPlatform
    storage: MemoryStorage
    pipeline: TypedUuid

    @property
    def env(self) -> Env:
        return self.app.env

    def handle(self, actor: str, body: Mapping[str, Any] | str = "", **url: str) -> Outcome:
        """Handle one message as an actor would, in one commit."""
        raw = body if isinstance(body, str) else json.dumps(body)
        request = Request(actor=actor, body=raw.encode(), context=url)
        message = dispatch.prepared(dispatch.actor(actor).read(request, SCHEMAS), self.env)
        return self.env.store.transact(lambda work: dispatch.handle(message, work, self.env))

    def with_ports(self, **ports: Any) -> Memory:
        """Return the same application with other ports, for whatever uses them from now on."""
        return replace(self, app=replace(self.app, env=replace(self.env, **ports)))

    def rewired(self, **ports: Any) -> Memory:
        """Return the same application whose launches and indexing use other ports too."""
        changed = self.with_ports(**ports)
        tasks = {
            **self.app.tasks,
            INDEX_QUEUE: TaskKind(run=partial(index_archive, env=changed.env), long=True),
            LAUNCH_QUEUE: TaskKind(run=partial(launch_job, env=changed.env)),
            WATCH_QUEUE: TaskKind(run=partial(watch_job, env=changed.env), long=True),
        }
        return replace(changed, app=replace(changed.app, tasks=tasks))

    def launch(self, **definition: Any) -> Created:
        """Launch a job through the proxy; its submission is then queued."""
        body = {"job_definition": {"appId": APP, "n": next(_numbers), **definition}}
        uuid = self.handle("agave-proxy", body).result["uuid"]
        return create_job_again(uuid, self.env)

    def job(self, *events: Event, **plan: Any) -> Created:
        """Create a job and take it through events."""
        plan.setdefault("data", {"n": next(_numbers)})
        created = create_job(JobPlan(pipeline_uuid=self.pipeline, **plan), self.env)

        def go(work: Any) -> None:
            for event in events:
                move(job_for(created.job.uuid, work), event, None, work, self.env)

        if events:
            self.env.store.transact(go)
        return created

    def state(self, job: Created) -> State:
        return self.env.store.read(lambda work: job_for(job.job.uuid, work)).state

    def history(self, job: Created) -> list[dict[str, Any]]:
        pages = self.env.store.read(lambda work: work.history.page(job.job.uuid, limit=1000))
        return [entry.document() for _, entry in pages]

    def names(self, job: Created) -> list[str]:
        return [entry["name"] for entry in self.history(job)]


def create_job_again(uuid: TypedUuid, env: Env) -> Created:
    job = env.store.read(lambda work: job_for(uuid, work))
    return Created(job=job, token=token_of(job.record, env), fresh=False)


def memory(
    *,
    tasks: Mapping[str, Callable[..., None]] | None = None,
    tries: int | None = None,
    systems: Sequence[str] = (SYSTEM,),
    **worker: Any,
) -> Memory:
    """Make an application in memory.

    Args:
        tasks: further queues, each with what is done with its messages.
        tries: how often these are tried.
        systems: its storage systems.
        worker: goes over the worker's configuration.
    """
    clock, platform, storage = StandingClock(), MemoryPlatform(), MemoryStorage(*systems)
    store = MemoryStore(check=record_checker(SCHEMAS), clock=clock)
    config = shipped_config()
    config["worker"] |= worker
    secrets = Secrets(token_key="t" * 32, administrator_key="a" * 32, bearer_key="b" * 32)
    bearer = BearerTokens(key="b" * 32, algorithm="HS256", issuer="i", audience="a")
    env = Env(
        store=store,
        transport=MemoryTransport(store),
        storage=storage,
        platform=platform,
        schemas=SCHEMAS,
        clock=clock,
        keys=Keys(token=b"t" * 32, administrator="a" * 32),
        rules=Rules(
            default_system=SYSTEM,
            actor_ids={name: f"id-of-{name}" for name in dispatch.ACTORS},
            callback_nonces={"jobs-manager": "TACC_callback"},
            admin={"owner": "tests"},
        ),
        identity=Identity(),
        bearer=lambda token: (
            Principal(name="bearer", via="bearer", level="UPDATE") if token == "good" else None
        ),
        webhooks=MemoryOutgoing(),
        sealer=AesSealer(b"t" * 32),
    )
    kinds = {
        INDEX_QUEUE: TaskKind(run=partial(index_archive, env=env), long=True),
        LAUNCH_QUEUE: TaskKind(run=partial(launch_job, env=env)),
        WATCH_QUEUE: TaskKind(run=partial(watch_job, env=env), long=True),
        WEBHOOK_QUEUE: TaskKind(run=Deliverer(env, PATIENCE), long=True, tries=PATIENCE.tries),
        **{queue: TaskKind(run=run, tries=tries) for queue, run in (tasks or {}).items()},
    }
    app = App(
        settings=Settings(home=Path("/nowhere"), config=config, secrets=secrets),
        env=env,
        tasks=kinds,
        forget=lambda before: None,
        stop_commands=lambda: None,
        bearer=bearer,
        actor_names={name: name for name in dispatch.ACTORS},
    )
    create = CreatePipeline(
        document={"id": APP, "name": "Taco", "components": [{"id": APP, "inputs": {}, "parameters": {}}]}
    )
    made = store.transact(lambda work: dispatch.handle(create, work, env))
    return Memory(app=app, clock=clock, platform=platform, storage=storage, pipeline=made.result["uuid"])
