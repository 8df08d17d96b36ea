"""A DocumentDB of one's own (PostgreSQL with the extension, and a gateway that speaks MongoDB's protocol), which may be killed.

The programs are those below $DATACATALOG_TEST_DOCUMENTDB, the root of a Debian with `postgresql-18-documentdb`; the gateway is
a program of the shared material.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pymongo

from tests.faults.engines import NotHere
from tests.faults.fleet import steady_port
from tests.shared import REPOSITORY

READY_S = 60
BIN = "/usr/lib/postgresql/18/bin"
SETTINGS = """
port={port}
listen_addresses='{listen}'
unix_socket_directories=''
shared_preload_libraries='pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name='postgres'
cron.host='127.0.0.1'
max_connections=200
"""

# The program listens at 127.0.0.1; here it does at an address that is given.
_AT_HOST = """
import runpy, socketserver, sys

host, real = sys.argv[1], socketserver.TCPServer.__init__
socketserver.TCPServer.__init__ = lambda self, address, *rest: real(self, (host, address[1]), *rest)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class DocumentDb:
    """The server, with data of its own.

    Attributes:
        gateway: what speaks to clients; a server, too.
    """

    def __init__(self, folder: Path, host: str, prefix: Sequence[str], listen: str) -> None:
        self.host, self._port, self._listen = host, steady_port(), listen
        self._root, self._prefix = _root(), prefix
        self._data = f"/tmp/faults-{secrets.token_hex(6)}"
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self.gateway = Gateway(folder, host, self.dsn, prefix, listen)
        self._make()

    @property
    def dsn(self) -> str:
        return f"host={self.host} port={self._port} user=postgres dbname=postgres connect_timeout=2"

    @property
    def url(self) -> str:
        return self.gateway.url

    def start(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                self._process = self._run(f"{BIN}/postgres", "-D", self._data)
            with suppress(psycopg.Error), psycopg.connect(self.dsn) as connection:
                connection.execute("SELECT 1")
                break
            time.sleep(0.05)
        else:
            raise TimeoutError(f"the store does not answer; see {self._folder / 'postgres'}")
        if self.gateway.runs:
            self.gateway.start()

    def kill(self) -> None:
        """SIGKILL the server; its children end when they notice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        self.gateway.kill()
        self.kill()
        shutil.rmtree(self._root / self._data.lstrip("/"), ignore_errors=True)

    def _make(self) -> None:
        making = self._run(f"{BIN}/initdb", "-D", self._data, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        if making.wait(READY_S):
            raise RuntimeError((self._folder / "postgres").read_text())
        data = self._root / self._data.lstrip("/")
        with (data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(port=self._port, listen=self._listen))
        with (data / "pg_hba.conf").open("a") as file:
            file.write("host all all samenet trust\nhost all all 10.0.0.0/8 trust\n")
        self.start()
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS documentdb CASCADE")

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        inside = ["chroot", "--userspec=postgres:postgres", str(self._root), *command]
        with (self._folder / "postgres").open("ab") as output:
            return subprocess.Popen(
                [*self._prefix, *inside],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


class Gateway:
    """Speaks MongoDB's protocol in front of a DocumentDB."""

    def __init__(self, folder: Path, host: str, dsn: str, prefix: Sequence[str], listen: str) -> None:
        self._port, self._host, self._dsn, self._listen = steady_port(), host, dsn, listen
        self._folder, self._prefix = folder, prefix
        self._program = _gateway_program()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mongodb://{self._host}:{self._port}"

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it where it does not run, and return once it answers from the store."""
        options = ["--port", str(self._port), "--dsn", self._dsn]
        command = [sys.executable, "-c", _AT_HOST, self._listen, str(self._program), *options]
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                with (self._folder / "gateway").open("ab") as output:
                    self._process = subprocess.Popen([*self._prefix, *command], stdout=output, stderr=output)
            client: pymongo.MongoClient[dict[str, Any]]
            with (
                suppress(pymongo.errors.PyMongoError),
                pymongo.MongoClient(self.url, serverSelectionTimeoutMS=500) as client,
            ):
                client.admin.command("ping")
                client.answers.here.find_one({})
                return
            time.sleep(0.05)
        raise TimeoutError(f"the gateway of the store does not answer; see {self._folder / 'gateway'}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _root() -> Path:
    root = os.environ.get("DATACATALOG_TEST_DOCUMENTDB")
    if not root or not (Path(root) / BIN.lstrip("/")).is_dir():
        raise NotHere("DATACATALOG_TEST_DOCUMENTDB names no root with a DocumentDB")
    if os.geteuid() != 0:
        raise NotHere("a DocumentDB in a root of its own needs the right to chroot")
    return Path(root)


def _gateway_program() -> Path:
    shared = Path(os.environ.get("DATACATALOG_SHARED") or REPOSITORY.parent / "shared")
    program = shared / "tools" / "documentdb" / "docdb_gateway.py"
    if not program.exists():
        raise NotHere("the gateway of DocumentDB is not here (set DATACATALOG_SHARED)")
    return program


@contextmanager
def documentdb(
    folder: Path, host: str = "127.0.0.1", prefix: Sequence[str] = (), listen: str | None = None
) -> Iterator[DocumentDb]:
    """Run a DocumentDB of one's own.  Raises NotHere."""
    server = DocumentDb(folder, host, prefix, listen or host)
    try:
        server.gateway.start()
        yield server
    finally:
        server.close()
