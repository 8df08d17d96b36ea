"""Processes of this machine: which one it is, and an end to all that belong to a job.

A process id is given out again after its process; only together with the start time (and the boot it counts from) does it
name one process. What a job starts is found by the job's folder, which every process of it inherits in its environment.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from datacatalog.domain.documents import JsonObject

MARK = "DATACATALOG_JOB_FOLDER"
"""Environment variable that every process of a job has: the job's folder."""

_PROC = Path("/proc")
_ROUNDS = 50
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessId:
    """One process, and no other that has its number later.

    Attributes:
        started: clock ticks since the boot.
        boot: id of that boot.
    """

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Return the process that has this number now, or None."""
        try:
            return cls(pid=pid, started=_started(pid), boot=_boot())
        except (OSError, IndexError, ValueError):
            return None

    @classmethod
    def read(cls, document: JsonObject) -> ProcessId:
        return cls(pid=document["pid"], started=document["started"], boot=document["boot"])

    def to_document(self) -> JsonObject:
        return asdict(self)

    def lives(self) -> bool:
        return ProcessId.of(self.pid) == self


def is_running(folder: Path) -> bool:
    """Tell whether anything runs for the job of a folder."""
    return any(_is_of(pid, folder) for pid in _pids())


def end_job(folder: Path, leader: ProcessId | None) -> None:
    """Kill whatever still runs for a job, descendants that left its process group included.

    Args:
        leader: the process that was started for it; it leads a process group.
    """
    if leader is not None and leader.lives():
        signal_group(leader.pid, signal.SIGKILL)
    # What forks while it is being killed is found in the next round.
    for _ in range(_ROUNDS):
        found = [pid for pid in _pids() if _is_of(pid, folder)]
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal a process group; one that is gone is fine."""
    with suppress(ProcessLookupError):
        os.killpg(leader, number)


def _pids() -> Iterator[int]:
    yield from (int(name) for name in os.listdir(_PROC) if name.isdecimal() and int(name) != os.getpid())


def _is_of(pid: int, folder: Path) -> bool:
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={folder}".encode() in environment.split(b"\0")


def _started(pid: int) -> int:
    # The name of the program, in brackets, may itself hold blanks and brackets.
    text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    return int(text.rpartition(")")[2].split()[19])


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
