"""Storage systems of every kind, empty, on servers that are started once.

A further kind is one more line in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path

from datacatalog.adapters.storage.agave import AgaveTree
from datacatalog.adapters.storage.local import LocalSystem
from datacatalog.adapters.storage.memory import MemorySystem
from datacatalog.adapters.storage.s3 import S3System
from datacatalog.adapters.storage.s3_bucket import Bucket
from datacatalog.adapters.storage.served import ServedSystem
from datacatalog.adapters.storage.sftp import SftpTree
from datacatalog.adapters.storage.sftp_connections import Connections
from datacatalog.adapters.storage.systems import Systems
from datacatalog.adapters.storage.tapis import TapisTree
from datacatalog.ports.storage import System
from tests.contracts.files_service import FilesService, files_service
from tests.contracts.s3_server import S3Server, s3_server
from tests.contracts.sftp_server import SftpServer, sftp_server


class Servers:
    """The servers behind systems, started when the first of them is asked for.

    Attributes:
        folder: for whatever they keep in files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._running = folder, ExitStack()
        self._numbers = count()

    def close(self) -> None:
        self._running.close()

    def fresh(self) -> str:
        """Return a name that no test had before."""
        return f"test-{next(self._numbers)}"

    @cached_property
    def sftp(self) -> SftpServer:
        return self._running.enter_context(sftp_server(self.folder / "sftp"))

    @cached_property
    def sftp_connections(self) -> Connections:
        return Connections(self.sftp.server())

    @cached_property
    def s3(self) -> S3Server:
        return self._running.enter_context(s3_server())

    @cached_property
    def bucket(self) -> Bucket:
        return self.s3.bucket("catalog")

    @cached_property
    def files(self) -> FilesService:
        return self._running.enter_context(files_service())


def memory(name: str, servers: Servers) -> System:
    return MemorySystem(name)


def local(name: str, servers: Servers) -> System:
    root = servers.folder / servers.fresh()
    root.mkdir()
    return LocalSystem(name, root)


def sftp(name: str, servers: Servers) -> System:
    root = f"/{servers.fresh()}"
    (servers.sftp.root / root[1:]).mkdir()
    return ServedSystem(name, SftpTree(servers.sftp_connections, root))


def s3(name: str, servers: Servers) -> System:
    return S3System(name, servers.bucket, servers.fresh())


def agave(name: str, servers: Servers) -> System:
    system = servers.fresh()
    servers.files.systems[system] = MemorySystem(system)
    return ServedSystem(name, AgaveTree(servers.files.conversation("Authorization", "Bearer"), system))


def tapis(name: str, servers: Servers) -> System:
    system = servers.fresh()
    servers.files.systems[system] = MemorySystem(system)
    return ServedSystem(name, TapisTree(servers.files.conversation("X-Tapis-Token"), system))


KINDS: dict[str, Callable[[str, Servers], System]] = {
    "memory": memory,
    "local": local,
    "sftp": sftp,
    "s3": s3,
    "agave": agave,
    "tapis": tapis,
}


@contextmanager
def running_servers(folder: Path) -> Iterator[Servers]:
    servers = Servers(folder)
    try:
        yield servers
    finally:
        servers.close()


def storage_of(
    kind: str,
    servers: Servers,
    clearable: Sequence[str],
    names: Sequence[str] = ("data", "scratch"),
) -> Systems:
    """Make systems of these names, all empty."""
    return Systems({name: KINDS[kind](name, servers) for name in names}, clearable=clearable)
