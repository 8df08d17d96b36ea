"""The way to the server: one client per process, made when it is first needed, and what its errors mean."""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pymongo
import pymongo.errors
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.uri_parser import split_options
from pymongo.write_concern import WriteConcern

from datacatalog.domain.errors import Misconfigured, StoreDown

Documents = Collection[dict[str, Any]]

DURABLE = WriteConcern(w="majority", j=True)

_UNHEARD = WriteConcern(w=0)

_DEFAULTS: Mapping[str, Any] = {
    "appname": "datacatalog",
    "connectTimeoutMS": 4_000,
    # A server that falls silent is noticed by its heartbeat: after so long and the time to connect, what waits for it is given up.
    "heartbeatFrequencyMS": 1_000,
    "serverSelectionTimeoutMS": 5_000,
    "socketTimeoutMS": 20_000,
    "retryReads": True,
    "retryWrites": True,
}
"""What holds where the URL says nothing else."""

HELPERS = 6
"""How many threads write to further collections while one writes to the first."""

_SECRET = re.compile(r"//[^/@\s]*@")

_BESIDE = re.compile(r" \(configured timeouts:|, Timeout: |, full error: ")
"""Where the driver's texts go on with what it holds in memory."""


class Server:
    """A database on a server.

    Reads are the primary's, of what a majority has, and writes are acknowledged by a majority with their journals, whatever the URL says.
    """

    def __init__(self, url: str) -> None:
        """Args: url: mongodb://[user:password@]host[,host...]/database[?options]; nothing is asked of the server yet.

        Raises:
            Misconfigured: it is no such URL.
        """
        self._url = url
        self.name = _database_of(url)
        _check_options(url)
        self._given = {name.lower() for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
        self._closed = False
        self._start()
        _instances.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._database: Database[dict[str, Any]] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._collections: dict[str, Documents] = {}
        self._unheard: dict[str, Documents] = {}

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def database(self) -> Database[dict[str, Any]]:
        """The database, over a client of this process.  Raises StoreDown: it was closed."""
        database = self._database
        return self._connect() if database is None else database

    def collection(self, name: str) -> Documents:
        """Return a collection; writes to it are durable once they return."""
        found = self._collections.get(name)
        if found is None:
            found = self._collections[name] = self.database[name]
        return found

    def unheard(self, name: str) -> Documents:
        """Return a collection for writes that nobody waits for, and that may be lost."""
        found = self._unheard.get(name)
        if found is None:
            found = self._unheard[name] = self.database[name].with_options(write_concern=_UNHEARD)
        return found

    def side_by_side(self, steps: Sequence[Callable[[], None]]) -> None:
        """Do several things at the same time.  Raises what one of them raised, once all are over."""
        if not steps:
            return
        *others, mine = steps
        started = [self._helpers().submit(step) for step in others]
        try:
            mine()
        finally:
            wait(started)
        for each in started:
            each.result()

    def _helpers(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(HELPERS, thread_name_prefix="datacatalog-mongo")
            return self._pool

    def close(self) -> None:
        """Give all connections up; later calls raise StoreDown."""
        with self._lock:
            self._closed = True
            if self._database is not None:
                self._database.client.close()
                self._database = None
            if self._pool is not None:
                self._pool.shutdown(wait=False)
                self._pool = None
            self._collections, self._unheard = {}, {}

    def after_fork(self) -> None:
        """Forget, in a child, the client of the parent: its sockets and threads are not ours."""
        self._start()

    def _client(self, defaults: Mapping[str, Any]) -> pymongo.MongoClient[dict[str, Any]]:
        try:
            return pymongo.MongoClient(self._url, tz_aware=True, **defaults)
        except ValueError:  # its text may have a part of a password
            raise Misconfigured(
                "store.url: it cannot be read; special characters are written as %xx"
            ) from None

    def _connect(self) -> Database[dict[str, Any]]:
        with self._lock:
            if self._closed:
                raise StoreDown("the store is closed")
            if self._database is None:
                defaults = {
                    name: value for name, value in _DEFAULTS.items() if name.lower() not in self._given
                }
                with told():
                    client = self._client(defaults)
                    self._database = client.get_database(
                        self.name,
                        read_preference=ReadPreference.PRIMARY,
                        write_concern=DURABLE,
                        read_concern=_read_concern(client),
                    )
            return self._database


def _read_concern(client: pymongo.MongoClient[dict[str, Any]]) -> ReadConcern:
    """Return `majority` where there may be a majority to speak of: a stand-alone server only knows what it has."""
    hello = client.admin.command("hello")
    replicated = "setName" in hello or hello.get("msg") == "isdbgrid"
    return ReadConcern("majority" if replicated else "local")


def _database_of(url: str) -> str:
    """Return the name of the database that a URL says.  Raises Misconfigured; no text of it has what the URL says."""
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2]
    except ValueError as error:
        raise Misconfigured("store.url: it is no URL") from error
    if parts.scheme not in ("mongodb", "mongodb+srv") or not hosts:
        raise Misconfigured("store.url: mongodb://host/database is wanted")
    name = unquote(parts.path.removeprefix("/"))
    if not name or re.search(r'[/\\. "$*<>:|?\0]', name):
        raise Misconfigured("store.url: it names no database; mongodb://host/database is wanted")
    return name


def _check_options(url: str) -> None:
    """Raises Misconfigured: an option that the driver would only warn of, and leave out: `tls=yes` is no TLS."""
    query = urlsplit(url).query
    for option in query.replace(";", "&").split("&"):
        try:
            split_options(option, validate=True, warn=False) if option else None
        except (pymongo.errors.ConfigurationError, pymongo.errors.InvalidURI, ValueError):
            # Where there is an @, it may be the rest of a password that was not written as it should be.
            name = "of these" if "@" in query else f"'{option.partition('=')[0]}'"
            raise Misconfigured(
                f"store.url: there is no option {name}, or its value cannot be used"
            ) from None


@contextmanager
def told() -> Iterator[None]:
    """Make the driver's errors ours.

    Raises:
        StoreDown: the server cannot be reached, does not answer in time, or refuses.
        Misconfigured: the URL, or a package that it needs, is not as it should be.
    """
    try:
        yield
    except (pymongo.errors.ConfigurationError, pymongo.errors.InvalidURI) as error:
        raise Misconfigured(f"store.url: {_without_secrets(error)}") from None
    except pymongo.errors.PyMongoError as error:
        raise down(error) from error
    except (OSError, RuntimeError) as error:
        # The pool of a client that is closed meanwhile.
        if isinstance(error, OSError) or "MongoClient" in str(error):
            raise StoreDown(f"MongoDB: {_without_secrets(error)}") from error
        raise


def down(error: Exception) -> StoreDown:
    """Return what is told of an error of the driver."""
    return StoreDown(f"MongoDB: {_without_secrets(error)}")


def _without_secrets(error: Exception) -> str:
    text = _SECRET.sub("//***@", str(error))
    return _BESIDE.split(text, maxsplit=1)[0][:500]


_instances: weakref.WeakSet[Server] = weakref.WeakSet()


def _forget_inherited() -> None:
    for each in list(_instances):
        each.after_fork()


os.register_at_fork(after_in_child=_forget_inherited)
