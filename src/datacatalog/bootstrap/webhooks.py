"""What workers do for subscribers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from datacatalog.bootstrap.tasks import TaskKind
from datacatalog.services.env import Env
from datacatalog.services.webhooks import WEBHOOK_QUEUE, Deliverer, Patience
from datacatalog.settings import Settings


def webhook_tasks(settings: Settings, env: Env) -> Mapping[str, TaskKind]:
    """Deliveries have threads of their own, since subscribers may be slow."""
    patience = Patience(
        tries=settings.config["webhooks"]["max_tries"],
        base=timedelta(seconds=settings.config["worker"]["retry_base_s"]),
    )
    return {WEBHOOK_QUEUE: TaskKind(run=Deliverer(env, patience), long=True, tries=patience.tries)}
