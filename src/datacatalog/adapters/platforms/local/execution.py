"""One worker's turn at a job: what an earlier one left is taken up where it can be, and begun anew where not."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.adapters.platforms.local.documents import Site, file_name
from datacatalog.adapters.platforms.local.executors import Ended, Executor, Lost, Watch
from datacatalog.adapters.platforms.local.jobs import Job, State, Step
from datacatalog.adapters.platforms.local.limits import Limits
from datacatalog.adapters.platforms.local.notifications import announce
from datacatalog.adapters.platforms.local.runner import Ending
from datacatalog.adapters.platforms.local.staging import outputs, settle, stage, staged
from datacatalog.adapters.platforms.values import duration_text
from datacatalog.domain.archive import AgaveUri
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import DatacatalogError, GivenUp, LeaseLost, NotYet, Unavailable
from datacatalog.ports.clock import Clock
from datacatalog.ports.storage import Storage
from datacatalog.ports.stores import Work
from datacatalog.ports.tasks import Task

_LAST_WORDS_BYTES = 400
_LOST_MAX = 5
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_WAIT_MIN, _WAIT_MAX = timedelta(seconds=1), timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a job is carried out with.

    Attributes:
        closing: tells whether this process is about to end.
        limits: of each process of a command.
    """

    storage: Storage
    clock: Clock
    site: Site
    closing: Callable[[], bool]
    executor: Executor
    limits: Limits


class _CommandFailed(Exception):
    """The command ended, but not well."""


class _Stopped(Exception):
    """Somebody wants the job stopped."""


class Execution:
    """A job in the hands of one worker.

    Each step is written to the job's folder first and announced after; what a crash left unannounced, the next worker
    announces. A command that ended well is not run again: its outputs are archived from where they are.
    """

    def __init__(self, job: Job, task: Task, around: Surroundings) -> None:
        self._job, self._task, self._around = job, task, around
        self._executor = around.executor
        self._order = job.accepted.order
        self._state = job.state()

    def carry_out(self) -> None:
        """Bring the job to its end, and take its message off the queue.

        Raises:
            NotYet: it has to wait for a place, or for what runs its command; no thread need wait for it.
            PlatformDown, StorageDown, OSError: worth another try; on the last one, the job has failed instead.
            StoreDown, LeaseLost.
        """
        with self._executor.room(self._job.id) if self._wants_room() else nullcontext(True) as room:
            if not room:
                self._line_up()
            self._take_over()
            if not self._state.final:
                self._announce()
                self._bring_to_its_end()
            self._tidy()
            self._task.finish(self._announce_in)

    def _wants_room(self) -> bool:
        state = self._state
        return not (state.final or state.ran or self._task.exhausted or self._job.is_cancelled())

    def _line_up(self) -> NoReturn:
        """Wait for a place: the longer a job has waited, the more seldom it is looked at."""
        if self._state.status != "QUEUED":
            self._take_over()
            self._reach("QUEUED", "as many commands run as may run at a time")
        waited = self._now() - self._state.steps[-1].at
        raise NotYet("every place for a command is taken", after=min(max(waited / 10, _WAIT_MIN), _WAIT_MAX))

    def _take_over(self) -> None:
        """Shut earlier workers out, and end what they left running, if it ends with them."""
        self._state = self._with_room(
            lambda: self._job.take_over(lambda: self._task.transact(lambda work: None))
        )
        if not self._executor.resumes:
            self._executor.end(self._job.folder, self._state.process)

    def _with_room(self, write: Callable[[], State]) -> State:
        """Write the job's state; where the disk is full, after the room that an attempt takes which is lost anyway is freed."""
        try:
            return write()
        except OSError as e:
            found = self._job.state()
            if e.errno not in _FULL or found.ran or self._executor.resumes:
                raise
        # A job that filled the disk could not even fail otherwise, and would keep it full.
        self._executor.end(self._job.folder, found.process)
        self._job.clear_attempts()
        return write()

    def _bring_to_its_end(self) -> None:
        try:
            self._work()
        except (LeaseLost, NotYet):
            raise
        except _Stopped:
            self._leave("STOPPED", "stopped on request")
        except _CommandFailed as e:
            self._write_end("FAILED", str(e))
        except (DatacatalogError, OSError) as e:
            self._raise_if_worth_a_try(e)
            self._leave("FAILED", str(e))
        else:
            self._write("FINISHED")

    def _leave(self, status: str, note: str) -> None:
        """Come to an end before the command did, as far as anyone knows."""
        if self._executor.resumes and not self._state.ran:
            self._executor.end(self._job.folder, self._state.process)
        self._write_end(status, note)

    def _work(self) -> None:
        if self._task.exhausted:
            raise GivenUp(self._task.delivery.tries - 1)
        if not self._state.ran:
            self._heed_cancel()
            if not (self._executor.resumes and self._state.process):
                self._begin_attempt()
                self._stage_inputs()
            self._run_command()
        if self._order.archive and self._state.status != "ARCHIVING_FINISHED":
            self._archive(self._order.archive)

    # -------------------------------------------------------------------------------------- the parts

    def _begin_attempt(self) -> None:
        self._change(lambda s: replace(s, attempt=s.attempt + 1, process=None, ran=False))
        self._job.clear_attempts()
        for name in ("inputs", "work", "home", "tmp"):
            (self._folder / name).mkdir(mode=0o700, parents=True)

    def _stage_inputs(self) -> None:
        self._reach("STAGING_INPUTS")
        for uri, into in (pair for pairs in self._inputs().values() for pair in pairs):
            stage(self._around.storage, uri, into, self._heed_cancel)

    def _inputs(self) -> dict[str, list[tuple[AgaveUri, Path]]]:
        """Return for each input what is copied, and where to."""
        return {
            name: [(uri, self._folder / "inputs" / f"{name}-{i}") for i, uri in enumerate(uris)]
            for name, uris in self._order.inputs.items()
        }

    def _run_command(self) -> None:
        command = self._command()
        ended = self._ended(command)
        if ended.ending is Ending.STOPPED and self._around.closing():
            # The command was ended because its worker ends; the next worker begins it anew.
            raise LeaseLost(self._task.delivery.id)
        self._reach("CLEANING_UP")
        self._heed_cancel()
        if ended.ending is Ending.TIMED_OUT:
            raise _CommandFailed(f"the command ran longer than {duration_text(command.limit)}")
        if ended.code != 0 or ended.reason:
            raise _CommandFailed(_how_it_ended(ended, command))
        settle(command.folder)
        self._change(lambda s: replace(s, ran=True))

    def _ended(self, command: Command) -> Ended:
        watch = Watch(began=self._remember, reached=self._reach, stopping=self._is_to_stop)
        try:
            return self._executor.run(command, self._state.process, watch)
        except Lost as e:
            if self._state.attempt >= _LOST_MAX:
                raise _CommandFailed(f"{e}; it was lost {_LOST_MAX} times") from e
            self._change(lambda s: replace(s, process=None))
            raise NotYet(f"{e}; it is begun anew") from e

    def _archive(self, archive: AgaveUri) -> None:
        self._reach("ARCHIVING")
        try:
            for path, file in outputs(self._folder / "work"):
                self._check_turn()
                self._around.storage.put(archive.system, f"{archive.path}/{path}", file)
        except LeaseLost:
            raise
        except (DatacatalogError, OSError) as e:
            self._raise_if_worth_a_try(e)
            self._reach("ARCHIVING_FAILED", str(e))
            raise
        self._reach("ARCHIVING_FINISHED")

    def _is_to_stop(self) -> bool:
        return self._job.is_cancelled() or self._around.closing()

    def _command(self) -> Command:
        work, name = self._folder / "work", file_name(self._order.name)
        app, values = self._order.app, self._values()
        return Command(
            arguments=[argument for template in app.command for argument in template.fill(values)],
            environment=self._environment(values),
            folder=work,
            output=work / f"{name}.out",
            errors=work / f"{name}.err",
            limit=self._order.max_run_time,
            job=self._job.folder,
            attempt=self._folder,
            app=Path(app.folder) if app.folder else None,
            network=app.network,
            limits=self._around.limits,
            resources=self._order.resources,
        )

    def _values(self) -> dict[str, tuple[str, ...]]:
        """Return what the names in templates stand for."""
        inputs = {
            f"inputs.{name}": tuple(str(staged(uri, into)) for uri, into in pairs)
            for name, pairs in self._inputs().items()
        }
        return {**self._order.app.constants(), **self._order.values(), **inputs}

    def _environment(self, values: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        archive = self._order.archive
        own = {
            name: text
            for name, template in self._order.app.environment.items()
            for text in template.fill(values)
        }
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self._folder / "home"),
            "TMPDIR": str(self._folder / "tmp"),
            "AGAVE_JOB_ID": self._job.id,
            "AGAVE_JOB_NAME": self._order.name,
            "AGAVE_JOB_APP_ID": self._order.app.id,
            "AGAVE_JOB_OWNER": self._around.site.owner,
            "AGAVE_JOB_ARCHIVE_SYSTEM": archive.system if archive else "",
            "AGAVE_JOB_ARCHIVE_PATH": archive.path if archive else "",
            **own,
        }

    def _tidy(self) -> None:
        """Remove what is not needed once the job is over: all but the outputs that were not archived."""
        if self._state.status == "STOPPED" or (self._state.status == "FINISHED" and self._order.archive):
            self._job.clear_attempts()
        for name in ("inputs", "home", "tmp"):
            shutil.rmtree(self._folder / name, ignore_errors=True)

    # -------------------------------------------------------------------------------------- its pieces

    @property
    def _folder(self) -> Path:
        return self._job.attempt_folder(self._state.attempt)

    def _heed_cancel(self) -> None:
        if self._job.is_cancelled():
            raise _Stopped

    def _raise_if_worth_a_try(self, error: Exception) -> None:
        if isinstance(error, Unavailable | OSError) and not self._task.last:
            raise error

    def _remember(self, process: JsonObject) -> None:
        self._change(lambda s: replace(s, process=process))

    def _reach(self, status: str, note: str = "") -> None:
        self._write(status, note)
        self._announce()

    def _write(self, status: str, note: str = "") -> None:
        step = Step(status=status, at=self._now(), note=note)
        self._change(lambda s: s.reaching(step))

    def _announce(self) -> None:
        self._task.transact(self._announce_in)

    def _announce_in(self, work: Work) -> None:
        announce(self._job.accepted, self._state, work, at=self._now())

    def _write_end(self, status: str, note: str) -> None:
        step = Step(status=status, at=self._now(), note=note)
        self._state = self._with_room(
            lambda: self._job.change(lambda s: s.reaching(step), turn=self._state.turn)
        )

    def _check_turn(self) -> None:
        self._change(lambda s: s)

    def _change(self, change: Callable[[State], State]) -> None:
        self._state = self._job.change(change, turn=self._state.turn)

    def _now(self) -> datetime:
        return self._around.clock.now()


def _how_it_ended(ended: Ended, command: Command) -> str:
    words = _last_words(command.errors)
    met = command.limits.met(ended.code, words)
    parts = [ended.reason or _by_code(ended.code), *([met] if met else []), *([words] if words else [])]
    return ": ".join(parts)


def _by_code(code: int) -> str:
    return (
        f"the command was ended by signal {-code}" if code < 0 else f"the command ended with exit code {code}"
    )


def _last_words(errors: Path) -> str:
    """Return the last line that a command wrote to its errors, as far as it can be shown."""
    try:
        with os.fdopen(
            os.open(errors, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb"
        ) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_WORDS_BYTES))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return "".join(character for character in lines[-1] if character.isprintable()) if lines else ""
