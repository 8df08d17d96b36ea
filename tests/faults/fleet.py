"""The processes of an installation, killed at random and started again at once."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

from tests.harness import Catalog

LOG_SHOWN_BYTES = 4000
RESTART_AFTER_S = 1.0


class Server(Protocol):
    """A server beside the installation, such as a broker, which can be killed as well."""

    def kill(self) -> None:
        """SIGKILL it, and return once it is gone."""

    def start(self) -> None:
        """Start it on what it left behind, and return once it answers."""


class Fleet:
    """Runs one process per role, e.g. "gateway" -> ("serve",); used as a context.

    Args:
        servers: name -> one that is running already, and is left running.
        prefix: what stands before the command of each process, e.g. to run it in a namespace of its own.
        environ: goes over the environment of each process.
        mortal: whether processes may end by themselves; they are started again a moment later.

    Attributes:
        kills: role, or name of a server -> how often it was killed.
        deaths: role -> how often it ended by itself, where it may.
        faults: what processes did that they should not, such as ending by themselves.
    """

    def __init__(
        self,
        catalog: Catalog,
        roles: Mapping[str, Sequence[str]],
        *,
        servers: Mapping[str, Server] | None = None,
        prefix: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        mortal: bool = False,
    ) -> None:
        self.kills: Counter[str] = Counter()
        self.deaths: Counter[str] = Counter()
        self.faults: list[str] = []
        self._catalog, self._roles, self._servers = catalog, roles, servers or {}
        self._prefix, self._environ = prefix, environ or {}
        self._log = (catalog.home / "processes.log").open("ab")
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._victims: list[str] = []
        self._mortal, self._over = mortal, threading.Event()
        self._lock = threading.RLock()

    def __enter__(self) -> Fleet:
        for role in self._roles:
            self._running[role] = self._start(role)
        if self._mortal:
            threading.Thread(target=self._keep_alive, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        with self._lock:
            self._end()

    def _end(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._log.close()

    @property
    def pids(self) -> Mapping[str, int]:
        """Role -> the id of its process."""
        return {role: process.pid for role, process in self._running.items()}

    def kill_one(self, rng: random.Random) -> str:
        """SIGKILL one process or server and start it again; return which. Each comes by once before any comes by again.

        Those that ended by themselves are a fault, and started again.
        """
        self.mend()
        if not self._victims:
            self._victims = sorted([*self._roles, *self._servers])
            rng.shuffle(self._victims)
        role = self._victims.pop()
        self.kill(role)
        self.start(role)
        return role

    def kill(self, role: str) -> None:
        if role in self._servers:
            self._servers[role].kill()
        else:
            with self._lock:
                process = self._running.pop(role)
            process.kill()
            process.wait()
        self.kills[role] += 1

    def start(self, role: str) -> None:
        """Start what was killed; a server answers by then, a process may take its time."""
        if role in self._servers:
            self._servers[role].start()
        else:
            with self._lock:
                self._running[role] = self._start(role)

    def mend(self) -> None:
        """Start what ended by itself, and note that it did."""
        with self._lock:
            for role, process in list(self._running.items()):
                if process.poll() is None:
                    continue
                self.deaths[role] += 1
                if not self._mortal:
                    self.faults.append(f"{role} ended by itself with {process.returncode}; {self.log_end()}")
                self._running[role] = self._start(role)

    def _keep_alive(self) -> None:
        while not self._over.wait(RESTART_AFTER_S):
            with self._lock:
                if not self._over.is_set():
                    self.mend()

    def log_end(self) -> str:
        """Return the last lines that the processes wrote."""
        with (self._catalog.home / "processes.log").open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LOG_SHOWN_BYTES))
            return file.read().decode(errors="replace")

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        config = str(self._catalog.home / "config.yml")
        return subprocess.Popen(
            [*self._prefix, sys.executable, "-m", "datacatalog", *self._roles[role]],
            env={**os.environ, **self._environ, "DATACATALOG_CONFIG": config},
            cwd=self._catalog.home,
            stdout=self._log,
            stderr=self._log,
        )


def hook(folder: Path, code: str) -> Mapping[str, str]:
    """Return what has to be in the environment of processes that are to run some code before anything else.

    So they can be tampered with from outside, and no product code knows of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}


def steady_port() -> int:
    """Return a free port that no outgoing connection is given.

    Clients that knock at a gateway which is down would else, now and then, be given its very port, and keep it from coming back.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")
