"""From settings to a wired application: the only place that chooses adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from datacatalog.adapters.bearer import BearerTokens, check_public_key
from datacatalog.adapters.clock import SystemClock
from datacatalog.adapters.platforms.local import LocalPlatform
from datacatalog.adapters.platforms.local.notifications import QUEUE as NOTIFICATIONS_QUEUE
from datacatalog.adapters.platforms.local.platform import JOBS_QUEUE
from datacatalog.adapters.schemas import JsonSchemas, record_checker
from datacatalog.adapters.storage.local import LocalStorage
from datacatalog.adapters.stores.sqlite import SqliteStore
from datacatalog.adapters.transport.sqlite import SqliteTransport
from datacatalog.domain.errors import Misconfigured
from datacatalog.domain.identifiers.platforms import actor_id
from datacatalog.domain.identifiers.typed import Identity
from datacatalog.ports.tasks import Task
from datacatalog.services.dispatch import ACTORS
from datacatalog.services.env import Env, Keys, Principal, Rules
from datacatalog.services.indexing import INDEX_QUEUE, index_archive
from datacatalog.services.launching import LAUNCH_QUEUE, launch_job
from datacatalog.settings import Settings, load

NOTIFICATION_TRIES = 20
"""With waits that double up to five minutes: more than an hour. A callback that is given up leaves its job RUNNING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskKind:
    """What is done with the messages of a queue that no actor reads.

    Attributes:
        long: it takes so long that it needs threads of its own.
        tries: how often a message is tried; None: worker.max_tries of the configuration.
    """

    run: Callable[[Task], None]
    long: bool = False
    tries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A wired application.

    Attributes:
        tasks: queue -> the kind of task that it holds.
        forget: removes what is older than an instant, besides what the store forgets.
        stop_commands: ends what this process computes; other workers begin it anew.
        bearer: makes bearer tokens for this installation.
        actor_names: actor id or alias -> actor name.
    """

    settings: Settings
    env: Env
    tasks: Mapping[str, TaskKind]
    forget: Callable[[datetime], object]
    stop_commands: Callable[[], None]
    bearer: BearerTokens
    actor_names: Mapping[str, str]

    def queued(self, actor: str) -> bool:
        return bool(self.settings.config["actors"].get(actor, {}).get("delivery") == "queued")

    def close(self) -> None:
        self.env.store.close()


def build_app(settings: Settings | None = None) -> App:
    """Wire an application as configured.

    Raises:
        Misconfigured: the settings name something that is not there.
        StoreDown: the store cannot be opened.
    """
    settings = settings or load()
    config = settings.config
    clock = SystemClock()
    schemas = JsonSchemas(base_url=config["schemas"]["base_url"])
    store = SqliteStore(_sqlite_path(settings), check=record_checker(schemas), clock=clock)
    storage = LocalStorage(_roots(settings))
    identity = Identity(**config["identity"])
    platform = LocalPlatform(
        store,
        storage,
        clock,
        apps=settings.path(config["platform"]["apps"]),
        work_root=settings.path(config["platform"]["work"]),
        api_url=settings.api_url,
        default_system=config["storage"]["default_system"],
        owner=config["admin"].get("owner", ""),
        callbacks_to=tuple(config["platform"]["callbacks_to"]),
    )
    bearer = _bearer(settings)
    env = Env(
        store=store,
        transport=SqliteTransport(store),
        storage=storage,
        platform=platform,
        schemas=schemas,
        clock=clock,
        keys=Keys(
            token=settings.secrets.token_key.encode(),
            administrator=settings.secrets.administrator_key,
        ),
        rules=_rules(settings),
        identity=identity,
        bearer=partial(_principal, bearer),
    )
    tasks = {
        INDEX_QUEUE: TaskKind(run=partial(index_archive, env=env), long=True),
        LAUNCH_QUEUE: TaskKind(run=partial(launch_job, env=env)),
        JOBS_QUEUE: TaskKind(run=platform.run, long=True),
        NOTIFICATIONS_QUEUE: TaskKind(run=platform.notify, tries=NOTIFICATION_TRIES),
    }
    return App(
        settings=settings,
        env=env,
        tasks=tasks,
        forget=lambda before: platform.forget(before=before),
        stop_commands=platform.close,
        bearer=bearer,
        actor_names=_actor_names(settings),
    )


def _sqlite_path(settings: Settings) -> Path:
    url = str(settings.config["store"]["url"])
    scheme, _, path = url.partition("://")
    if scheme != "sqlite" or not path.startswith("/"):
        raise Misconfigured(f"store.url: '{url}' is not supported; sqlite:///path is")
    return settings.path(path[1:])


def _roots(settings: Settings) -> dict[str, Path]:
    storage = settings.config["storage"]
    roots = {name: settings.path(system["root"]) for name, system in storage["systems"].items()}
    if storage["default_system"] not in roots:
        raise Misconfigured(
            f"storage.default_system: '{storage['default_system']}' is none of storage.systems"
        )
    for root in roots.values():
        root.mkdir(parents=True, exist_ok=True)
    return roots


def _rules(settings: Settings) -> Rules:
    config = settings.config
    return Rules(
        default_system=config["storage"]["default_system"],
        clearable=tuple(config["storage"]["clearable"]),
        api_url=settings.api_url,
        actor_ids={name: _actor_id(settings, name) for name in ACTORS},
        callback_nonces=settings.secrets.nonces,
        admin=config["admin"],
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


def _bearer(settings: Settings) -> BearerTokens:
    config = settings.config["bearer"]
    key = settings.secrets.bearer_key
    if config["algorithm"] != "HS256":
        if not config["public_key_file"]:
            raise Misconfigured(f"bearer.public_key_file: {config['algorithm']} needs one")
        try:
            key = settings.path(config["public_key_file"]).read_text("ascii")
            check_public_key(config["algorithm"], key)
        except (OSError, ValueError) as e:
            raise Misconfigured(f"bearer.public_key_file: {e}") from e
    return BearerTokens(
        key=key,
        algorithm=config["algorithm"],
        issuer=config["issuer"],
        audience=config["audience"],
    )


def _principal(bearer: BearerTokens, token: str) -> Principal | None:
    found = bearer.subject(token)
    return None if found is None else Principal(name=found[0], via="bearer", level=found[1])
