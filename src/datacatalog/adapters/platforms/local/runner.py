"""One command as a process of its own: a clean environment, no shell, a time limit, and an end that leaves nothing behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from datacatalog.adapters.platforms.local import launcher
from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.adapters.platforms.local.isolation import Isolation
from datacatalog.adapters.platforms.local.processes import MARK, ProcessId, end_job, signal_group

GRACE = timedelta(seconds=2)
"""How long a command that is told to stop may take for it; its launcher, that long and a little more."""

_LAUNCHERS_GRACE = GRACE + timedelta(seconds=2)

_LOOK_EVERY = timedelta(milliseconds=200)


class Ending(Enum):
    EXITED = "exited"
    TIMED_OUT = "timed-out"
    STOPPED = "stopped"


def run(
    command: Command,
    *,
    began: Callable[[ProcessId], None],
    stop: Callable[[], bool],
    isolation: Isolation | None = None,
) -> tuple[Ending, int]:
    """Run a command to its end.

    Args:
        began: told of the process before the command begins; what it raises ends the process.
        stop: looked at five times a second; once true, the command is stopped.
        isolation: None: nothing isolates it.
    Returns:
        How it ended, and its exit code (minus the signal's number where a signal ended it).
    Raises:
        OSError: it could not be started.
        NotSupported: it has to be isolated, and that does not work here.
    """
    arguments = (isolation or Isolation()).wrapped(command)
    process = _launched(command)
    identity = ProcessId.of(process.pid)
    try:
        if identity is not None:
            began(identity)
        _let_go(process, command, arguments)
        ending = _await_end(process.pid, command.limit, stop)
    finally:
        # The launcher is not waited for before it is dead: until then nobody else can get its number.
        signal_group(process.pid, signal.SIGKILL)
        code = process.wait()
        end_job(command.job, identity)
    return ending, code


def _launched(command: Command) -> subprocess.Popen[bytes]:
    with _made(command.output) as output, _made(command.errors) as errors:
        return subprocess.Popen(  # noqa: S603 (arguments come from a registered app, and no shell reads them)
            [sys.executable, "-I", "-S", launcher.__file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            cwd=command.folder,
            env={MARK: str(command.job), "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )


def _made(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "wb")


def _let_go(process: subprocess.Popen[bytes], command: Command, arguments: Sequence[str]) -> None:
    order = {
        "arguments": list(arguments),
        "environment": {**command.environment, MARK: str(command.job)},
        "limits": command.limits.resources(),
        "wrapped": len(arguments) > len(command.arguments),
    }
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(order).encode() + b"\n")


def _await_end(pid: int, limit: timedelta, stop: Callable[[], bool]) -> Ending:
    descriptor = os.pidfd_open(pid)
    try:
        ending = _watch(descriptor, time.monotonic() + limit.total_seconds(), stop)
        if ending is not Ending.EXITED:
            signal_group(pid, signal.SIGTERM)
            # A command that is not isolated can stop its launcher, which alone finds all that the command started.
            signal_group(pid, signal.SIGCONT)
            _ended_within(descriptor, _LAUNCHERS_GRACE)
    finally:
        os.close(descriptor)
    return ending


def _watch(descriptor: int, deadline: float, stop: Callable[[], bool]) -> Ending:
    while not _ended_within(descriptor, _LOOK_EVERY):
        if stop():
            return Ending.STOPPED
        if time.monotonic() >= deadline:
            return Ending.TIMED_OUT
    return Ending.EXITED


def _ended_within(descriptor: int, wait: timedelta) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(wait / timedelta(milliseconds=1)))
