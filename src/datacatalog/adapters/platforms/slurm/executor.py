"""Commands that Slurm runs. A Slurm job survives the worker that submitted it; the next one goes on watching the same job."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import NoReturn

from datacatalog.adapters.platforms.local import runner
from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.adapters.platforms.local.executors import Ended, Lost, Watch
from datacatalog.adapters.platforms.local.isolation import NONE
from datacatalog.adapters.platforms.slurm.client import Slurm, SlurmJob, SlurmRefuses
from datacatalog.adapters.platforms.slurm.files import Ending, Files
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import NotYet, PlatformDown
from datacatalog.domain.jobs.lifecycle import Event
from datacatalog.domain.jobs.statuses import SLURM

_LOST = frozenset({"NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "LAUNCH_FAILED", "REVOKED"})
"""The command was ended by what happened to its node, or for the sake of another job."""

_KILLED = frozenset({-9, 128 + 9})
_SOON = timedelta(seconds=1)


@dataclass(slots=True)
class _Held:
    """A Slurm job, as it is written down.

    Attributes:
        name: made of the attempt: what was submitted is found by it, though its id was never written down.
        files: name of the folder beside the attempt.
        since: when it was submitted [s since 1970].
        id: "" until it is known.
        gone: when it was first found to have ended without a word [s since 1970]; 0: it was not.
    """

    name: str
    files: str
    since: float
    id: str = ""
    gone: float = 0

    def document(self) -> JsonObject:
        return {"name": self.name, "files": self.files, "since": self.since, "id": self.id, "gone": self.gone}


class SlurmExecutor:
    """Runs commands as batch jobs.

    Args:
        poll: how often, at most, a job is looked at; one that has just begun is looked at sooner.
        isolation, hidden: as those of `Isolation`, which the node applies.
        patience: how long the end of a command may take to show on this machine's side of the file system.
    """

    resumes = True

    def __init__(
        self,
        slurm: Slurm,
        *,
        poll: timedelta,
        isolation: str = NONE,
        hidden: Iterable[Path] = (),
        patience: timedelta = timedelta(seconds=60),
    ) -> None:
        self._slurm, self._poll, self._patience = slurm, poll, patience
        self._isolation, self._hidden = isolation, [str(path) for path in hidden]

    def told(self) -> str:
        return f"by Slurm: {self._slurm.ping()}"

    def room(self, job: str) -> AbstractContextManager[bool]:
        """There always is: who waits is Slurm's to say."""
        return nullcontext(True)

    def run(self, command: Command, process: JsonObject | None, watch: Watch) -> Ended:
        files = Files.beside(command.attempt)
        held = _Held(**process) if process else None
        try:
            if held is None or not held.id:
                held = self._submitted(command, files, held, watch)
            self._follow(files, held, watch)
            return self._look(files, held, watch)
        except PlatformDown as e:
            # It may be running all the same: however long this lasts, it counts as no failure of the job.
            raise NotYet(str(e), after=self._poll) from e
        except SlurmRefuses as e:
            return Ended(ending=runner.Ending.EXITED, code=1, reason=f"Slurm does not take the job: {e}")

    def end(self, job: Path, process: JsonObject | None) -> None:
        if process is None:
            return
        held = _Held(**process)
        try:
            known = held.id or self._lost_id(Files(job / held.files), held)
            if known:
                self._slurm.cancel(known)
        except PlatformDown as e:
            raise NotYet(str(e), after=_SOON) from e

    # ------------------------------------------------------------------------------------- submitting

    def _submitted(self, command: Command, files: Files, held: _Held | None, watch: Watch) -> _Held:
        """Submit the command, unless that was done."""
        files.prepare(
            {"command": command.to_document(), "isolation": self._isolation, "hidden": self._hidden}
        )
        with files.submitting() as lock:
            known = self._found(files, held) if held else None
            held = held or _Held(name=_name(command.attempt), files=files.folder.name, since=time.time())
            # Written down first: whoever comes after a crash then looks for it before submitting anything.
            watch.began(held.document())
            held.id = known or self._sent(command, files, held, lock)
            watch.began(held.document())
        return held

    def _sent(self, command: Command, files: Files, held: _Held, lock: int) -> str:
        try:
            return self._slurm.submit(files.script, _options(command, files, held.name), hold=lock)
        except SlurmRefuses:
            # sbatch, or what a site wraps it in, may fail after it has submitted: then the job would run, and nobody know of it.
            if known := self._found(files, held):
                return known
            raise

    def _lost_id(self, files: Files, held: _Held) -> str | None:
        """Return the id that was never written down; None: nothing was submitted."""
        with files.submitting():
            return self._found(files, held)

    def _found(self, files: Files, held: _Held) -> str | None:
        return files.begun() or self._slurm.named(held.name)

    # --------------------------------------------------------------------------------------- watching

    def _follow(self, files: Files, held: _Held, watch: Watch) -> None:
        """Turn to the Slurm job that has the command, should it be another one than is written down."""
        if (begun := files.begun()) and begun != held.id:
            held.id = begun
            watch.began(held.document())

    def _look(self, files: Files, held: _Held, watch: Watch) -> Ended:
        """Tell how the command ended.

        What it wrote down itself decides, as far as that says why it ended; otherwise Slurm, which forgets jobs, too.
        """
        if (ending := files.ending()) and _says_why(ending):
            return _told(ending, held, watch)
        job = self._slurm.find(held.id, held.name)
        if job is not None and not SLURM.final(job.state):
            self._wait(job, files, held, watch)
        if (ending := files.ending()) and _says_why(ending):
            return _told(ending, held, watch)
        if job is not None and job.state in _LOST:
            raise Lost(_ended_as(job, held))
        if job is not None and job.state == "TIMEOUT":
            return Ended(ending=runner.Ending.TIMED_OUT, code=1)
        if job is not None and job.state not in ("COMPLETED", "FAILED"):
            return Ended(ending=runner.Ending.EXITED, code=1, reason=_ended_as(job, held))
        if ending is not None:
            return _told(ending, held, watch)
        self._wait_for_word(held, watch)
        return Ended(ending=runner.Ending.EXITED, code=1, reason=_without_word(job, files, held))

    def _wait(self, job: SlurmJob, files: Files, held: _Held, watch: Watch) -> NoReturn:
        runs = SLURM.event(job.state) is Event.RUN or files.begun()
        where = f" on {job.nodes}" if job.nodes else ""
        why = f" ({job.reason})" if job.reason else ""
        note = f"Slurm job {held.id} is {job.state}{where}{why}"
        watch.reached("RUNNING" if runs else "QUEUED", note)
        raise NotYet(
            note, after=min(self._poll, max(_SOON, timedelta(seconds=time.time() - held.since) / 10))
        )

    def _wait_for_word(self, held: _Held, watch: Watch) -> None:
        now = time.time()
        if not held.gone:
            held.gone = now
            watch.began(held.document())
        if now - held.gone < self._patience.total_seconds():
            raise NotYet(f"Slurm job {held.id} is over, and its exit code does not show yet", after=_SOON)


def _says_why(ending: Ending) -> bool:
    """Tell whether a command ended by itself, or at its own limit; what killed or stopped it, only Slurm knows."""
    return ending.how == "timed-out" or (ending.how == "exited" and ending.code not in _KILLED)


def _told(ending: Ending, held: _Held, watch: Watch) -> Ended:
    watch.reached("RUNNING", f"Slurm job {held.id}")
    stopped = f"Slurm job {held.id} was stopped" if ending.how == "stopped" else ""
    return Ended(
        ending=runner.Ending.TIMED_OUT if ending.how == "timed-out" else runner.Ending.EXITED,
        code=ending.code,
        reason=ending.reason or stopped,
    )


def _ended_as(job: SlurmJob, held: _Held) -> str:
    return f"Slurm job {held.id} ended {job.state}" + (f" ({job.reason})" if job.reason else "")


def _without_word(job: SlurmJob | None, files: Files, held: _Held) -> str:
    words = files.last_words()
    said = f": {words}" if words else ""
    if job is None:
        return f"Slurm does not know job {held.id} any more, and it left no exit code{said}"
    return f"{_ended_as(job, held)} and left no exit code{said}"


def _name(attempt: Path) -> str:
    """Return the name of an attempt's Slurm job, which no other one of this user has."""
    digest = hashlib.sha256(str(attempt).encode()).hexdigest()[:12]
    return f"datacatalog-{attempt.parent.name}-{attempt.name}-{digest}"


def _options(command: Command, files: Files, name: str) -> list[str]:
    wanted = command.resources
    # batch.py keeps the command's own limit; Slurm's, in whole minutes, means the same and may come first.
    minutes = ceil(command.limit / timedelta(minutes=1))
    memory = wanted.memory_bytes and ceil(wanted.memory_bytes / (1 << 20))
    return [
        f"--job-name={name}",
        f"--chdir={files.folder}",
        # In a name of a file, Slurm takes % for the begin of something else.
        f"--output={str(files.log).replace('%', '%%')}",
        "--open-mode=append",
        "--export=NONE",
        "--no-requeue",
        f"--time={minutes}",
        f"--nodes={wanted.nodes}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={wanted.processors}",
        *([f"--mem={memory}M"] if memory else []),
    ]
