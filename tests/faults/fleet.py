"""The processes of an installation, killed at random and started again at once."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType

from tests.harness import Catalog

LOG_SHOWN_BYTES = 4000


class Fleet:
    """Runs one process per role, e.g. "gateway" -> ("serve",); used as a context.

    Attributes:
        kills: role -> how often it was killed.
        faults: what processes did that they should not, such as ending by themselves.
    """

    def __init__(self, catalog: Catalog, roles: Mapping[str, Sequence[str]]) -> None:
        self.kills: Counter[str] = Counter()
        self.faults: list[str] = []
        self._catalog, self._roles = catalog, roles
        self._log = (catalog.home / "processes.log").open("ab")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Fleet:
        for role in self._roles:
            self._running[role] = self._start(role)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._log.close()

    def kill_one(self, rng: random.Random) -> None:
        """SIGKILL one process and start it again; those that ended by themselves are a fault, and started again."""
        self.mend()
        role = rng.choice(sorted(self._roles))
        process = self._running[role]
        process.kill()
        process.wait()
        self.kills[role] += 1
        self._running[role] = self._start(role)

    def mend(self) -> None:
        """Start what ended by itself, and note that it did."""
        for role, process in self._running.items():
            if process.poll() is not None:
                self.faults.append(f"{role} ended by itself with {process.returncode}; {self.log_end()}")
                self._running[role] = self._start(role)

    def log_end(self) -> str:
        """Return the last lines that the processes wrote."""
        with (self._catalog.home / "processes.log").open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LOG_SHOWN_BYTES))
            return file.read().decode(errors="replace")

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "datacatalog", *self._roles[role]],
            env={**os.environ, "DATACATALOG_CONFIG": str(self._catalog.home / "config.yml")},
            cwd=self._catalog.home,
            stdout=self._log,
            stderr=self._log,
        )


def steady_port() -> int:
    """Return a free port that no outgoing connection is given.

    Clients that knock at a gateway which is down would else, now and then, be given its very port, and keep it from coming back.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")
