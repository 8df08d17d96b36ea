"""An SFTP server on this machine, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from datacatalog.adapters.storage.sftp_connections import Server

USER, PASSWORD = "reader", "a-made-up-password"

Handler = Callable[[Any], asyncssh.SFTPServer]


@dataclass(slots=True)
class SftpServer:
    """A running server.

    Attributes:
        root: what its users see as `/`.
        connections: those that are open, as asyncssh knows them.
    """

    host: str
    port: int
    root: Path
    known_hosts: Path
    connections: list[asyncssh.SSHServerConnection]
    loop: asyncio.AbstractEventLoop

    def server(self, **changes: Any) -> Server:
        values = {
            "host": self.host,
            "port": self.port,
            "user": USER,
            "known_hosts": self.known_hosts,
            "password": PASSWORD,
            "timeout_s": 10.0,
        }
        return Server(**values | changes)

    def hang_up(self) -> None:
        """Close all connections, as a server that is started anew does."""
        for connection in self.connections:
            self.loop.call_soon_threadsafe(connection.abort)
        self.connections.clear()


class _Guard(asyncssh.SSHServer):
    def __init__(
        self, connections: list[asyncssh.SSHServerConnection], trusted: asyncssh.SSHKey | None
    ) -> None:
        self._connections, self._trusted = connections, trusted

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connections.append(conn)

    def public_key_auth_supported(self) -> bool:
        return self._trusted is not None

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._trusted is not None and key == self._trusted.convert_to_public()

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@contextmanager
def sftp_server(
    folder: Path, handler: Handler | None = None, trusted: asyncssh.SSHKey | None = None
) -> Iterator[SftpServer]:
    """Serve `folder/root` on a free port; `folder/known_hosts` knows the server.

    Args:
        trusted: whoever has this key is let in without the password.
    """
    root = folder / "root"
    root.mkdir(parents=True, exist_ok=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    connections: list[asyncssh.SSHServerConnection] = []
    loop, started, port = asyncio.new_event_loop(), threading.Event(), 0

    async def serve() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[key],
            server_factory=lambda: _Guard(connections, trusted),
            sftp_factory=handler or (lambda channel: asyncssh.SFTPServer(channel, chroot=bytes(root))),
            compression_algs=["none"],
        )

    async def over() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def run() -> None:
        nonlocal port
        acceptor = loop.run_until_complete(serve())
        port = acceptor.get_port()
        started.set()
        loop.run_forever()
        acceptor.close()
        for connection in connections:
            connection.abort()
        loop.run_until_complete(over())
        loop.close()

    thread = threading.Thread(target=run, name="sftp server", daemon=True)
    thread.start()
    assert started.wait(20)
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
    try:
        yield SftpServer("127.0.0.1", port, root, known_hosts, connections, loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
