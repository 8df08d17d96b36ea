"""What a platform brings to a wired application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from datacatalog.bootstrap.tasks import TaskKind
from datacatalog.ports.platforms import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Computing:
    """A platform, with what workers of this installation do for it.

    Attributes:
        tasks: queue -> the kind of task that it holds.
        launch_tries: how often a launch is tried; None: worker.max_tries of the configuration.
        forget: removes what is kept of jobs that were over before an instant.
        stop: ends what this process computes; other workers begin it anew.
        commands: tells how commands of jobs are run, if they are run by this installation; raises where they cannot be.
    """

    platform: Platform
    tasks: Mapping[str, TaskKind] = field(default_factory=dict)
    launch_tries: int | None = None
    forget: Callable[[datetime], object] = lambda before: None
    stop: Callable[[], None] = lambda: None
    commands: Callable[[], str] | None = None
