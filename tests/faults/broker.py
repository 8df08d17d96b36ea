"""A RabbitMQ node of one's own, beside any that runs on this machine: other ports, other name, other folder."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.engines import NotHere
from tests.faults.fleet import steady_port

READY_S = 90
PLACES = ("/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/usr/local/sbin", "/usr/sbin")


class Broker:
    """One node, with the port mapper of its own that Erlang wants.

    Args:
        host: the address it is reached at.
        listen: the address it listens at, where that is another one.
        prefix: what stands before its commands, e.g. to run it in a namespace of its own.
    """

    def __init__(self, folder: Path, host: str, prefix: Sequence[str], listen: str | None) -> None:
        self.host, self.port = host, steady_port()
        self._folder, self._prefix = folder, prefix
        self._program = _program()
        mapper = steady_port()
        # A guest from elsewhere than the machine itself is let in, since the namespaces are no other machine.
        (folder / "home").mkdir(parents=True)
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {listen or host}:{self.port}\nloopback_users = none\nlog.console.level = warning\n"
        )
        (folder / "enabled_plugins").write_text("[].\n")
        self._environ = {
            **os.environ,
            "HOME": str(folder / "home"),
            "RABBITMQ_NODENAME": f"faults{secrets.token_hex(4)}@localhost",
            "RABBITMQ_DIST_PORT": str(steady_port()),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self._node: subprocess.Popen[bytes] | None = None
        self._mapper = self._run("epmd", "-port", str(mapper))

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{self.host}:{self.port}/"

    def start(self) -> None:
        """Start the node, and return once it takes connections."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self._node is None or self._node.poll() is not None:
                self._node = self._run(self._program)
            with suppress(OSError), socket.create_connection((self.host, self.port), timeout=1) as sock:
                sock.sendall(b"AMQP\x00\x00\x09\x01")
                if sock.recv(1):
                    return
            time.sleep(0.1)
        raise TimeoutError(f"the broker does not answer; see {self._folder / 'output'}")

    def kill(self) -> None:
        if self._node is not None:
            _kill(self._node)

    def close(self) -> None:
        self.kill()
        _kill(self._mapper)

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "output").open("ab") as output:
            return subprocess.Popen(
                [*self._prefix, *command],
                env=self._environ,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a program with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _program() -> str:
    """Return the path of rabbitmq-server.  Raises NotHere."""
    if shutil.which("epmd") is None:
        raise NotHere("a RabbitMQ of one's own needs rabbitmq-server and epmd")
    for place in PLACES:
        if (program := Path(place) / "rabbitmq-server").exists():
            return str(program)
    raise NotHere("rabbitmq-server is not installed")


@contextmanager
def broker(
    folder: Path, host: str = "127.0.0.1", prefix: Sequence[str] = (), listen: str | None = None
) -> Iterator[Broker]:
    """Run a node of one's own.  Raises NotHere."""
    node = Broker(folder, host, prefix, listen)
    try:
        node.start()
        yield node
    finally:
        node.close()
