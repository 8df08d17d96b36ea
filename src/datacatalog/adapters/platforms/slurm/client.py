"""Slurm, by its commands: sbatch, squeue, scontrol, scancel."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datacatalog.domain.errors import PlatformDown

_TIMEOUT_S = 60
_FIELD = re.compile(r"(?:^|\s)(JobName|JobState|Reason|NodeList)=(\S*)")
_ID = re.compile(r"[0-9]{1,18}")
_UNKNOWN = re.compile(r"Invalid job id", re.IGNORECASE)
_OVER = re.compile(r"Invalid job id|already completing or completed|Job/step already", re.IGNORECASE)
_DOWN = re.compile(
    r"unable to contact|connection (?:refused|failure|timed out|reset)|connect failure|socket timed out|timed out|"
    r"temporarily|zero bytes were transmitted|transport endpoint|munge|authentication|try again|backup controller|"
    r"not responding|controller is|slurm_persist|establish a configuration source",
    re.IGNORECASE,
)
"""What the commands say where the cluster, and not what it was asked for, is the trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmJob:
    """A job as Slurm tells of it.

    Attributes:
        state: e.g. "RUNNING"; reason: why it is in it, "" where none is given.
    """

    name: str
    state: str
    reason: str
    nodes: str


class SlurmRefuses(Exception):
    """Slurm answered, and does not take the job as it is."""


class Slurm:
    """The commands of Slurm.

    Args:
        commands: the folder that they lie in; None: they are found on PATH.
        partition, account: None: Slurm's default.
        options: further options of sbatch.
    """

    def __init__(
        self,
        *,
        commands: Path | None = None,
        partition: str | None = None,
        account: str | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self._commands = commands
        self._own = [
            *([f"--partition={partition}"] if partition else []),
            *([f"--account={account}"] if account else []),
            *options,
        ]

    def ping(self) -> str:
        """Return which controllers answer, in Slurm's words.  Raises PlatformDown: none does."""
        done = self._run("scontrol", "ping")
        told = "; ".join(line.strip() for line in done.stdout.splitlines() if line.strip())
        if done.returncode != 0 or "is UP" not in told:
            raise PlatformDown(f"Slurm: {told or _said(done)}")
        return told

    def submit(self, script: Path, options: Sequence[str], *, hold: int) -> str:
        """Submit a batch script; return the job's id.

        Args:
            hold: an open file that sbatch keeps open until it has ended, though this process be killed.
        Raises:
            PlatformDown: the job may have been submitted all the same.
            SlurmRefuses.
        """
        done = self._run("sbatch", "--parsable", *options, *self._own, str(script), keep=(hold,))
        if done.returncode != 0:
            raise _trouble(done) or SlurmRefuses(_said(done))
        job = done.stdout.strip().partition(";")[0]
        if not _ID.fullmatch(job):
            raise PlatformDown(f"sbatch answered {done.stdout[:80]!r}, which is no job id")
        return job

    def named(self, name: str) -> str | None:
        """Return the id of the job that has a name, one that has just ended included; the first, if there are several.

        Raises:
            PlatformDown.
        """
        done = self._run("squeue", "--noheader", "--states=all", f"--name={name}", "--format=%i")
        if done.returncode != 0:
            raise _trouble(done) or PlatformDown(f"squeue: {_said(done)}")
        found = sorted(int(word) for word in done.stdout.split() if _ID.fullmatch(word))
        return str(found[0]) if found else None

    def find(self, id: str, name: str) -> SlurmJob | None:
        """Return a job; None: Slurm does not know it, or has given its number to another one.

        Raises:
            PlatformDown.
        """
        done = self._run("scontrol", "--oneliner", "show", "job", id)
        if done.returncode != 0:
            if _UNKNOWN.search(done.stderr):
                return None
            raise _trouble(done) or PlatformDown(f"scontrol: {_said(done)}")
        job = read_job(done.stdout)
        return job if job.name == name else None

    def cancel(self, id: str) -> None:
        """Cancel a job; one that is over is fine.  Raises PlatformDown."""
        done = self._run("scancel", id)
        if done.returncode != 0 and not _OVER.search(done.stderr):
            raise _trouble(done) or PlatformDown(f"scancel: {_said(done)}")

    def _run(
        self, command: str, *arguments: str, keep: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[str]:
        program = str(self._commands / command) if self._commands else command
        try:
            return subprocess.run(  # noqa: S603 (no shell; arguments are made here or stand in the configuration)
                [program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                env=_environment(),
                pass_fds=keep,
                check=False,
            )
        except subprocess.TimeoutExpired as e:
            raise PlatformDown(f"{command} did not end within {_TIMEOUT_S} s") from e
        except OSError as e:
            raise PlatformDown(f"{command} cannot be run: {e.strerror}") from e


def read_job(line: str) -> SlurmJob:
    """Read what `scontrol --oneliner show job` prints.  Raises PlatformDown: it tells no state."""
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(line):
        fields.setdefault(name, "" if value in ("None", "(null)") else value)
    if not fields.get("JobState"):
        raise PlatformDown(f"scontrol answered without a state: {line[:80]!r}")
    return SlurmJob(
        name=fields.get("JobName", ""),
        state=fields["JobState"].upper(),
        reason=fields.get("Reason", ""),
        nodes=fields.get("NodeList", ""),
    )


def _trouble(done: subprocess.CompletedProcess[str]) -> PlatformDown | None:
    return PlatformDown(f"Slurm: {_said(done)}") if _DOWN.search(done.stderr) else None


def _said(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit code {done.returncode}"


def _environment() -> dict[str, str]:
    """Return what the commands may see: neither secrets of this process nor settings of sbatch that are not ours."""
    kept = ("PATH", "HOME", "USER", "LOGNAME", "SLURM_CONF", "KRB5CCNAME")
    return {"LC_ALL": "C", **{name: os.environ[name] for name in kept if name in os.environ}}
