"""Which platform computes, and what workers do for it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from datacatalog.adapters.platforms.local import LocalPlatform
from datacatalog.adapters.platforms.local.executors import Executor, LocalExecutor
from datacatalog.adapters.platforms.local.isolation import Isolation
from datacatalog.adapters.platforms.local.limits import Limits
from datacatalog.adapters.platforms.local.notifications import QUEUE as NOTIFICATIONS_QUEUE
from datacatalog.adapters.platforms.local.platform import JOBS_QUEUE, STOPS_QUEUE
from datacatalog.adapters.platforms.local.processes import is_running
from datacatalog.adapters.platforms.local.slots import Slots
from datacatalog.adapters.platforms.slurm import Slurm, SlurmExecutor
from datacatalog.bootstrap.computing import Computing
from datacatalog.bootstrap.outgoing import for_callbacks
from datacatalog.bootstrap.platforms_remote import build_remote
from datacatalog.bootstrap.tasks import TaskKind
from datacatalog.domain.documents import JsonObject
from datacatalog.ports.clock import Clock
from datacatalog.ports.storage import Storage
from datacatalog.ports.stores import Store
from datacatalog.ports.telemetry import Telemetry
from datacatalog.settings import Settings

NOTIFICATION_TRIES = 20
"""With waits that double up to five minutes: more than an hour. A callback that is given up leaves its job RUNNING."""


def build_computing(
    settings: Settings, store: Store, storage: Storage, clock: Clock, telemetry: Telemetry
) -> Computing:
    """Raises Misconfigured."""
    if settings.config["platform"]["kind"] in ("local", "slurm"):
        return _here(settings, store, storage, clock, telemetry)
    return build_remote(settings)


def _here(
    settings: Settings, store: Store, storage: Storage, clock: Clock, telemetry: Telemetry
) -> Computing:
    config = settings.config
    executor = _executor(settings)
    platform = LocalPlatform(
        store,
        storage,
        clock,
        apps=settings.path(config["platform"]["apps"]),
        work_root=settings.path(config["platform"]["work"]),
        api_url=settings.api_url,
        default_system=config["storage"]["default_system"],
        owner=config["admin"].get("owner", ""),
        tenant=config["admin"].get("tenant", ""),
        registration=config["platform"]["registration"],
        callbacks=for_callbacks(settings, telemetry),
        execution_system=config["platform"]["kind"],
        executor=executor,
        limits=Limits.read(config["platform"]["limits"]),
    )
    return Computing(
        platform=platform,
        tasks={
            JOBS_QUEUE: TaskKind(run=platform.run, long=True),
            STOPS_QUEUE: TaskKind(run=platform.stop),
            NOTIFICATIONS_QUEUE: TaskKind(run=platform.notify, tries=NOTIFICATION_TRIES),
        },
        forget=lambda before: platform.forget(before=before),
        stop=platform.close,
        commands=executor.told,
    )


def _executor(settings: Settings) -> Executor:
    config = settings.config["platform"]
    work = settings.path(config["work"])
    hidden = (settings.home, work)
    if config["kind"] == "slurm":
        return SlurmExecutor(
            _slurm(settings, config["slurm"]),
            poll=timedelta(seconds=config["poll_interval_s"]),
            isolation=config["isolation"],
            hidden=hidden,
        )
    return LocalExecutor(
        _slots(work.absolute(), config["concurrency"]), Isolation(config["isolation"], hidden)
    )


def _slots(work: Path, count: int | None) -> Slots | None:
    if count is None:
        return None
    return Slots(work / ".slots", count, runs=lambda job: is_running(work / job))


def _slurm(settings: Settings, config: JsonObject) -> Slurm:
    return Slurm(
        commands=settings.path(config["commands"]) if config["commands"] else None,
        partition=config["partition"],
        account=config["account"],
        options=config["options"],
    )
