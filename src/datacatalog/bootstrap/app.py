"""From settings to a wired application: the only place that chooses adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from datacatalog.adapters.bearer import BearerTokens
from datacatalog.adapters.clock import SystemClock
from datacatalog.adapters.schemas import JsonSchemas, record_checker
from datacatalog.adapters.sealing import AesSealer
from datacatalog.adapters.telemetry.carrying import CarryingTransport, carrying
from datacatalog.bootstrap.bearer import build_bearer, principal
from datacatalog.bootstrap.engines import open_ledger
from datacatalog.bootstrap.outgoing import for_webhooks
from datacatalog.bootstrap.platform import build_computing
from datacatalog.bootstrap.storage import build_storage
from datacatalog.bootstrap.tasks import TaskKind
from datacatalog.bootstrap.telemetry import Published, Service, build_telemetry, publish
from datacatalog.bootstrap.webhooks import webhook_tasks
from datacatalog.domain.errors import Misconfigured
from datacatalog.domain.identifiers.platforms import actor_id
from datacatalog.domain.identifiers.typed import Identity
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.env import Env, Keys, Rules
from datacatalog.services.indexing import INDEX_QUEUE, index_archive
from datacatalog.services.launching import LAUNCH_QUEUE, launch_job
from datacatalog.services.reconciling import WATCH_QUEUE, watch_job
from datacatalog.settings import Settings, load


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A wired application.

    Attributes:
        tasks: queue -> the kind of task that it holds.
        forget: removes what is older than an instant, besides what the store forgets.
        stop_commands: ends what this process computes; other workers begin it anew.
        bearer: makes bearer tokens for this installation.
        actor_names: actor id or alias -> actor name.
        commands: tells how commands of jobs are run, if they are run here; raises where they cannot be.
        metrics: what this process publishes, if it does.
    """

    settings: Settings
    env: Env
    tasks: Mapping[str, TaskKind]
    forget: Callable[[datetime], object]
    stop_commands: Callable[[], None]
    bearer: BearerTokens
    actor_names: Mapping[str, str]
    commands: Callable[[], str] | None = None
    metrics: Published | None = None

    def queued(self, actor: str) -> bool:
        return bool(self.settings.config["actors"].get(actor, {}).get("delivery") == "queued")

    def close(self) -> None:
        self.env.transport.close()
        self.env.store.close()
        self.env.telemetry.close()


def build_app(settings: Settings | None = None, *, service: Service | None = None) -> App:
    """Wire an application as configured.

    Args:
        service: what this process is, for metrics and traces (bootstrap.telemetry); None: a command, which has none.
    Raises:
        Misconfigured: the settings name something that is not there.
        StoreDown: the store cannot be opened.
    """
    settings = settings or load()
    config = settings.config
    clock = SystemClock()
    schemas = JsonSchemas(base_url=config["schemas"]["base_url"])
    telemetry = build_telemetry(settings, service)
    opened, mailbox = open_ledger(settings, record_checker(schemas), clock)
    store, transport = carrying(opened, telemetry), CarryingTransport(mailbox, telemetry)
    storage = build_storage(settings)
    identity = Identity(**config["identity"])
    computing = build_computing(settings, store, storage, clock, telemetry)
    bearer = build_bearer(settings)
    env = Env(
        store=store,
        transport=transport,
        storage=storage,
        platform=computing.platform,
        schemas=schemas,
        clock=clock,
        keys=Keys(
            token=settings.secrets.token_key.encode(),
            administrator=settings.secrets.administrator_key,
        ),
        rules=_rules(settings),
        identity=identity,
        bearer=partial(principal, bearer),
        webhooks=for_webhooks(settings, telemetry),
        sealer=AesSealer(settings.secrets.token_key.encode()),
        telemetry=telemetry,
    )
    tasks = {
        INDEX_QUEUE: TaskKind(run=partial(index_archive, env=env), long=True),
        LAUNCH_QUEUE: TaskKind(run=partial(launch_job, env=env), tries=computing.launch_tries),
        WATCH_QUEUE: TaskKind(run=partial(watch_job, env=env), long=True),
        **webhook_tasks(settings, env),
        **computing.tasks,
    }
    return App(
        settings=settings,
        env=env,
        tasks=tasks,
        forget=computing.forget,
        stop_commands=computing.stop,
        commands=computing.commands,
        bearer=bearer,
        actor_names=_actor_names(settings),
        metrics=publish(telemetry, store, transport, clock, service),
    )


def _rules(settings: Settings) -> Rules:
    config = settings.config
    return Rules(
        default_system=config["storage"]["default_system"],
        clearable=tuple(config["storage"]["clearable"]),
        api_url=settings.api_url,
        actor_ids={name: _actor_id(settings, name) for name in ACTORS},
        callback_nonces=settings.secrets.nonces,
        admin=config["admin"],
        poll_interval=timedelta(seconds=config["platform"]["poll_interval_s"]),
    )


def _actor_id(settings: Settings, name: str) -> str:
    return str(settings.config["actors"].get(name, {}).get("id") or actor_id(name))


def _actor_names(settings: Settings) -> dict[str, str]:
    names: dict[str, str] = {}
    for name in ACTORS:
        aliases = settings.config["actors"].get(name, {}).get("aliases", [f"{name}.prod"])
        for called in (name, _actor_id(settings, name), *aliases):
            if names.setdefault(called, name) != name:
                raise Misconfigured(f"actors.{name}: '{called}' is what {names[called]} is called")
    return names
