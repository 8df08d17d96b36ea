"""Child processes that belong together: started together, restarted when one dies, ended together."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

log = logging.getLogger("datacatalog.up")

PAUSE_S = 1.0
PAUSE_MAX_S = 5.0
"""What kept a child from running, such as a store that was away, may be over at any time."""
STEADY_S = 30.0
"""A child that ran for so long has earned a quick restart."""
GRACE_S = 15.0
INSISTENT_S = 1.0
HOPELESS = frozenset({2, 78})
"""Exit statuses that another try does not change: wrong usage, wrong configuration."""

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


class Signals:
    """Signals, taken in one after the other by the loop that waits for them; used as a context."""

    def __enter__(self) -> Signals:
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        taken = {*STOP_SIGNALS, signal.SIGCHLD}
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            # Under nohup: the terminal may go.
            taken.remove(signal.SIGHUP)
        self._before = {number: signal.signal(number, lambda *_: None) for number in taken}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    def wait(self, timeout_s: float | None) -> set[int]:
        """Return the signals that came, after the first one or at most `timeout_s`."""
        ready, _, _ = select.select([self._read], [], [], timeout_s)
        return set(os.read(self._read, 512)) if ready else set()


@dataclass(slots=True)
class Child:
    """One of the processes.

    Attributes:
        words: arguments of `datacatalog`.
        inherited: descriptors that stay open in it.
        due: when it is to be started next [monotonic seconds].
        pause_s: how long to wait before it is started again.
    """

    name: str
    words: Sequence[str]
    inherited: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    pause_s: float = PAUSE_S


@dataclass(slots=True)
class Supervisor:
    """Runs children until it is told to stop, or one of them cannot work at all.

    Attributes:
        environ: the variables that they get.
        grace_s: how long they may take to end, once they are told to.
        listening: sockets that they serve; closed here when they are told to end, so that nobody is let in whom none will serve.
    """

    children: Sequence[Child]
    environ: Mapping[str, str]
    grace_s: float = GRACE_S
    listening: Sequence[socket.socket] = ()
    _pipe: tuple[int, int] = field(default_factory=os.pipe)

    def run(self) -> int:
        """Return the exit status: 0 where it was told to stop, else that of the child that cannot work."""
        with Signals() as signals:
            try:
                while True:
                    for child in self.children:
                        if child.process is None and child.due <= time.monotonic():
                            self._start(child)
                    if signals.wait(self._idle_s()) & STOP_SIGNALS:
                        return 0
                    for child in self.children:
                        status = self._look_after(child)
                        if status in HOPELESS:
                            return status
            finally:
                self._stop(signals)

    def _idle_s(self) -> float | None:
        due = [child.due for child in self.children if child.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _start(self, child: Child) -> None:
        # -P: a folder that is called like a package, where this was started, is none of ours.
        command = [sys.executable, "-P", "-m", "datacatalog", *child.words, "--watch-fd", str(self._pipe[0])]
        child.started = time.monotonic()
        child.process = subprocess.Popen(  # noqa: S603  the words are our own
            command,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            pass_fds=(self._pipe[0], *child.inherited),
            # Ctrl-C is for this process, which stops its children in order.
            process_group=0,
        )
        log.info("%s runs as process %d", child.name, child.process.pid)

    def _look_after(self, child: Child) -> int | None:
        """Return the status of a child that has ended, and settle when it starts again; None while it runs."""
        if child.process is None or (status := child.process.poll()) is None:
            return None
        now = time.monotonic()
        child.process = None
        if now - child.started >= STEADY_S:
            child.pause_s = PAUSE_S
        child.due = now + child.pause_s
        if status in HOPELESS:
            log.error("%s ended with status %d; another start would not help", child.name, status)
        else:
            log.error("%s ended with status %d; it starts again in %.0f s", child.name, status, child.pause_s)
        child.pause_s = min(child.pause_s * 2, PAUSE_MAX_S)
        return status

    def _stop(self, signals: Signals) -> None:
        """End all children: by SIGTERM, and by SIGKILL who is not gone in time, or once a second signal is insistent."""
        running = [child.process for child in self.children if child.process is not None]
        for sock in self.listening:
            sock.close()
        for process in running:
            process.terminate()
        began = time.monotonic()
        while any(process.poll() is None for process in running):
            waited_s = time.monotonic() - began
            if waited_s >= self.grace_s:
                break
            insisted = signals.wait(self.grace_s - waited_s) & STOP_SIGNALS
            # Some senders signal a process and its group, which is one wish and not two.
            if insisted and time.monotonic() - began > INSISTENT_S:
                break
        for process in running:
            if process.poll() is None:
                log.error("process %d did not stop; it is killed", process.pid)
                process.kill()
            process.wait()
        for end in self._pipe:
            os.close(end)
