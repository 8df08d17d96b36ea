"""How the command of a job is run: here, or by something that goes on with it while no worker looks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.adapters.platforms.local.isolation import Isolation
from datacatalog.adapters.platforms.local.processes import ProcessId, end_job
from datacatalog.adapters.platforms.local.runner import Ending, run
from datacatalog.adapters.platforms.local.slots import Slots
from datacatalog.domain.documents import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code, or minus the signal that ended it.
        reason: why it did not end well, where that is known better than by the code; "": the code tells.
    """

    ending: Ending
    code: int
    reason: str = ""


class Lost(Exception):
    """The command was lost with what it ran on, by no fault of its own; it is to be begun anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What an executor tells and asks the worker that holds the job.

    Attributes:
        began: told what runs the command, before it begins; what it raises ends the command.
        reached: told a status of the job, with a note.
        stopping: whether the command is to be stopped.
    """

    began: Callable[[JsonObject], None]
    reached: Callable[[str, str], None]
    stopping: Callable[[], bool]


class Executor(Protocol):
    """Runs commands."""

    @property
    def resumes(self) -> bool:
        """Whether a command goes on while no worker looks: then the next one calls `run` again, with what was told to `began`."""
        ...

    def told(self) -> str:
        """Tell how commands are run.  Raises NotSupported, PlatformDown: they cannot be run now as they should."""
        ...

    def room(self, job: str) -> AbstractContextManager[bool]:
        """Hold a place for a job's command while the context lasts; False: there is none now."""
        ...

    def run(self, command: Command, process: JsonObject | None, watch: Watch) -> Ended:
        """Run a command to its end, or see to it.

        Args:
            process: what `began` was told last in this attempt; None: the command has not begun.
        Raises:
            NotYet: it has not ended; call again.
            Lost; OSError: it could not be started; NotSupported: not as it is wanted.
        """
        ...

    def end(self, job: Path, process: JsonObject | None) -> None:
        """End whatever still runs for a job.  Raises NotYet: that cannot be done now.

        Args:
            job: its folder.
        """
        ...


class LocalExecutor:
    """Runs commands as processes of this machine, which end with their worker.

    Args:
        slots: None: as many at a time as workers take on.
    """

    resumes = False

    def __init__(self, slots: Slots | None = None, isolation: Isolation | None = None) -> None:
        self._slots, self._isolation = slots, isolation or Isolation()

    def told(self) -> str:
        places = f"{self._slots.count} at a time" if self._slots else "as many at a time as workers take on"
        return f"here, {places}, {self._isolation.told()}"

    def room(self, job: str) -> AbstractContextManager[bool]:
        return self._slots.taken(job) if self._slots else nullcontext(True)

    def run(self, command: Command, process: JsonObject | None, watch: Watch) -> Ended:
        watch.reached("RUNNING", "")
        ending, code = run(
            command,
            began=lambda found: watch.began(found.to_document()),
            stop=watch.stopping,
            isolation=self._isolation,
        )
        return Ended(ending=ending, code=code)

    def end(self, job: Path, process: JsonObject | None) -> None:
        end_job(job, ProcessId.read(process) if process else None)
