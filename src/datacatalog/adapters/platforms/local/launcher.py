"""Becomes the command of a job: `python launcher.py PARENT PROGRAM [ARGUMENT ...]`.

It waits for a line on its standard input, so that the command begins only once it is written down who runs it. Should
the parent die first, or later while the command runs, the kernel ends it. Knows nothing of the package: it starts fast.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
COMMAND_NOT_FOUND = 127


def main(parent: int, command: list[str]) -> int:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent or not sys.stdin.readline():
        return 1
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    # Python ignores these two; most programs rely on them.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 (that there is no shell is the point)
    except OSError as e:
        os.write(2, f"{command[0]}: {e.strerror}\n".encode(errors="replace"))
        return COMMAND_NOT_FOUND


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
