"""Which platform computes, and what workers do for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from datacatalog.adapters.platforms.local import LocalPlatform
from datacatalog.adapters.platforms.local.notifications import QUEUE as NOTIFICATIONS_QUEUE
from datacatalog.adapters.platforms.local.platform import JOBS_QUEUE
from datacatalog.bootstrap.tasks import TaskKind
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.clock import Clock
from datacatalog.ports.platforms import Platform
from datacatalog.ports.storage import Storage
from datacatalog.ports.stores import Store
from datacatalog.settings import Settings

NOTIFICATION_TRIES = 20
"""With waits that double up to five minutes: more than an hour. A callback that is given up leaves its job RUNNING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computing:
    """A platform, with what workers of this installation do for it.

    Attributes:
        tasks: queue -> the kind of task that it holds.
        forget: removes what is kept of jobs that were over before an instant.
        stop: ends what this process computes; other workers begin it anew.
    """

    platform: Platform
    tasks: Mapping[str, TaskKind] = field(default_factory=dict)
    forget: Callable[[datetime], object] = lambda before: None
    stop: Callable[[], None] = lambda: None


def build_computing(settings: Settings, store: Store, storage: Storage, clock: Clock) -> Computing:
    """Raises Misconfigured."""
    kind = settings.config["platform"]["kind"]
    if kind != "local":
        raise Misconfigured(f"platform.kind: '{kind}' is not supported")
    return _local(settings, store, storage, clock)


def _local(settings: Settings, store: Store, storage: Storage, clock: Clock) -> Computing:
    config = settings.config
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
    return Computing(
        platform=platform,
        tasks={
            JOBS_QUEUE: TaskKind(run=platform.run, long=True),
            NOTIFICATIONS_QUEUE: TaskKind(run=platform.notify, tries=NOTIFICATION_TRIES),
        },
        forget=lambda before: platform.forget(before=before),
        stop=platform.close,
    )
