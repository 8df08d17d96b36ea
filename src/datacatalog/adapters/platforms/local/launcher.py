"""Becomes the command of a job: `python launcher.py PARENT`, and one line of JSON on its standard input.

The line, `{"arguments": [PROGRAM, ...], "environment": {...}}`, comes once it is written down who runs the command; nothing else
reaches it. Should the parent die before, or later while the command runs, the kernel ends it. Knows nothing of the package: it
starts fast.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
COMMAND_NOT_FOUND = 127


def main(parent: int) -> int:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    line = sys.stdin.readline()
    if os.getppid() != parent or not line.endswith("\n"):
        return 1
    become(**json.loads(line))
    return COMMAND_NOT_FOUND


def become(arguments: list[str], environment: dict[str, str]) -> None:
    """Turn into the command; return only if it cannot be run, having said why."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    # Python ignores these two; most programs rely on them.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvpe(arguments[0], arguments, environment)  # noqa: S606 (that there is no shell is the point)
    except OSError as e:
        os.write(2, f"{arguments[0]}: {e.strerror}\n".encode(errors="replace"))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
