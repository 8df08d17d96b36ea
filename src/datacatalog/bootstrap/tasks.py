"""What a wired application is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from datacatalog.ports.tasks import Task


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
