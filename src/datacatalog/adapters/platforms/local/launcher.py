"""Runs the command of a job and outlives all that it starts: `python launcher.py PARENT`, and one line of JSON on standard input.

The line, `{"arguments": [PROGRAM, ...], "environment": {...}, "limits": {...}, "wrapped": false}`, comes once it is written down
who runs the command; nothing else reaches it. Every process of the command, one that left its session included, is a descendant
of this one, and dead before it ends as the command did. It ends the command when it is told to (SIGTERM), and when its parent
dies. Knows nothing of the package: it starts fast.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 2.0
_ROUNDS = 200
_PAUSE_S = 0.02
COMMAND_NOT_FOUND = 127


def main(parent: int) -> int:
    # Kept for later: a signal that comes early is as good as one that comes while the command runs.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    line = sys.stdin.readline()
    if os.getppid() != parent or not line.endswith("\n"):
        return 1
    order = json.loads(line)
    child = _started(order)
    status = _await_end(child, parent, wrapped=order["wrapped"])
    return _end_like(status)


def _started(order: dict) -> int:  # type: ignore[type-arg]  # any JSON
    me, child = os.getpid(), os.fork()
    if child == 0:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == me:
            os.setsid()
            _become(order["arguments"], order["environment"], order["limits"])
        os._exit(COMMAND_NOT_FOUND)
    # Nothing of the command's files is held open here.
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    return child


def _become(arguments: list[str], environment: dict[str, str], limits: dict[str, int]) -> None:
    """Turn into the command; return only if it cannot be run, having said why."""
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.umask(0o077)
        for name, value in {"RLIMIT_CORE": 0, **limits}.items():
            _limit(getattr(resource, name), value)
        # Python ignores these two; most programs rely on them.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        os.execvpe(arguments[0], arguments, environment)  # noqa: S606 (that there is no shell is the point)
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else e
        os.write(2, f"{arguments[0]}: {reason}\n".encode(errors="replace"))


def _limit(kind: int, value: int) -> None:
    """Limit this process and its children; what is limited more already stays so."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    # A little later than the signal that says why, the kernel kills what goes on using the processor.
    top = value + 2 if kind == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else value
    resource.setrlimit(kind, (value, top))


def _await_end(child: int, parent: int, *, wrapped: bool) -> int:
    """Wait for the command, then end what it left; return its wait status."""
    while True:
        got = signal.sigwait({signal.SIGTERM, signal.SIGCHLD})
        if got == signal.SIGTERM:
            break
        if (status := _reaped(child)) is not None:
            _kill_all()
            return status
    status = _asked_to_end(child, wrapped=wrapped) if os.getppid() == parent else None
    if status is None:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    _kill_all()
    return status


def _asked_to_end(child: int, *, wrapped: bool) -> int | None:
    """Ask all processes of the command to end; return its wait status if it did within the grace."""
    for pid in _descendants():
        # What wraps a command dies of the signal, and takes the command along before it could tidy up.
        if not (wrapped and pid == child):
            _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    while (left := deadline - time.monotonic()) > 0:
        signal.sigtimedwait({signal.SIGCHLD}, left)
        if (status := _reaped(child)) is not None:
            return status
    return None


def _reaped(child: int) -> int | None:
    """Take leave of all that ended; return the wait status of the command if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            found = status


def _kill_all() -> None:
    """Kill all descendants; what forks while it is being killed is found in the next round."""
    for _ in range(_ROUNDS):
        found = _descendants()
        if not found:
            return
        for pid in found:
            _signal(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)
        _reaped(0)


def _descendants() -> list[int]:
    """Return the descendants of this process that live, the eldest first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal() and (parent := _parent(name)):
            children.setdefault(parent, []).append(int(name))
    found = list(children.get(os.getpid(), ()))
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _parent(pid: str) -> int:
    """Return the parent of a process; 0 where it is gone, or only waits to be taken leave of."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the program, in brackets, may itself hold blanks and brackets.
            state, parent, *_ = file.read().rpartition(b")")[2].split()
    except (OSError, ValueError):
        return 0
    return 0 if state in b"ZX" else int(parent)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def _end_like(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        os.kill(os.getpid(), -code)
    return code


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
