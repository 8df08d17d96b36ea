"""Connections to an SFTP server: made when needed, checked against the known host keys, kept for the next one who asks."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TypeVar

from datacatalog.adapters.storage.sftp_session import Ended, Nonsense, Session
from datacatalog.domain.errors import MissingExtra
from datacatalog.domain.paths import shown

KEPT = 4
"""How many connections stay open while nobody uses them."""

KEEPALIVE_S = 30

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to, who, and how whoever answers is recognised.

    Attributes:
        known_hosts: file as of OpenSSH; a server whose key is not there is not talked to.
        key: file of the user's private key, or None.
        passphrase: of the private key; "" where it has none.
        timeout_s: how long the server may keep silent.
    """

    host: str
    port: int
    user: str
    known_hosts: Path
    key: Path | None = None
    passphrase: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    timeout_s: float = 30


class Connections:
    """Raises ConnectionError and TimeoutError for whatever is wrong with the server; then the connection is not used again."""

    def __init__(self, server: Server) -> None:
        """Raises MissingExtra."""
        if find_spec("paramiko") is None:
            raise MissingExtra("paramiko", "sftp")
        self._server = server
        self._idle: list[Session] = []
        self._lock = Lock()

    def ask(self, question: Callable[[Session], T]) -> T:
        """Ask something that may be asked twice: where a kept connection turns out to be dead, a new one is made."""
        try:
            with self.session() as session:
                return question(session)
        except ConnectionError:
            with self.session(new=True) as session:
                return question(session)

    @contextmanager
    def session(self, *, new: bool = False) -> Iterator[Session]:
        """Lend a session; it comes back, unless something went wrong that leaves it in doubt."""
        session = self._connected() if new else self._kept() or self._connected()
        fit = False
        try:
            with self._told(session):
                yield session
            fit = True
        except OSError:
            fit = True
            raise
        finally:
            if fit and session.alive:
                self._keep(session)
            else:
                session.close()

    def watched(self, session: Session, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield what is read over a session; it is closed where that breaks off."""
        with self._told(session):
            yield from pieces

    @contextmanager
    def _told(self, session: Session) -> Iterator[None]:
        """Close a session that is in doubt, and raise ConnectionError or TimeoutError for what made it so."""
        try:
            yield
        except (ConnectionError, TimeoutError):
            session.close()
            raise
        except OSError as error:
            # The server's word on one file; paramiko raises plain ones, too, where the connection is closed.
            if not session.alive:
                raise ConnectionError(0, f"{self._server.host}: the connection was lost") from error
            raise
        except _broken() as error:
            session.close()
            raise ConnectionError(
                0, f"{self._server.host}: {type(error).__name__}: {_said(error)}"
            ) from error

    def _kept(self) -> Session | None:
        with self._lock:
            while self._idle:
                session = self._idle.pop()
                if session.alive:
                    return session
        return None

    def _keep(self, session: Session) -> None:
        with self._lock:
            if len(self._idle) < KEPT:
                self._idle.append(session)
                return
        session.close()

    def _connected(self) -> Session:
        import paramiko

        server, client = self._server, paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            client.load_host_keys(str(server.known_hosts))
            client.connect(
                server.host,
                server.port,
                server.user,
                password=server.password or None,
                key_filename=str(server.key) if server.key else None,
                passphrase=server.passphrase or None,
                look_for_keys=False,
                allow_agent=False,
                timeout=server.timeout_s,
                banner_timeout=server.timeout_s,
                auth_timeout=server.timeout_s,
                channel_timeout=server.timeout_s,
            )
            transport = client.get_transport()
            assert transport is not None  # noqa: S101  it is connected
            transport.set_keepalive(KEEPALIVE_S)
            channel = transport.open_session(timeout=server.timeout_s)
            channel.settimeout(server.timeout_s)
            channel.invoke_subsystem("sftp")
            return Session(paramiko.SFTPClient(channel), client)
        except TimeoutError as error:
            client.close()
            raise TimeoutError(0, f"{server.host} did not answer in {server.timeout_s:g} s") from error
        except _broken(OSError) as error:
            client.close()
            raise ConnectionError(0, f"{server.host}: {_said(error)}") from error


def _broken(*also: type[BaseException]) -> tuple[type[BaseException], ...]:
    """Return what is raised where a connection cannot be used any more."""
    from paramiko import SSHException
    from paramiko.sftp import SFTPError

    return Nonsense, Ended, EOFError, struct.error, SSHException, SFTPError, *also


def _said(error: BaseException) -> str:
    """Return what a library says, in one printable line: parts of it may come from the server."""
    return shown(str(error)).strip("'\"") or type(error).__name__
