"""Ledgers as wholes: opened by any URL, backed up into one file, restored from it, brought to this version.

What is done here needs no wired application: a restore must find nobody at the ledger, this process included.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from datacatalog.adapters.clock import SystemClock
from datacatalog.adapters.schemas import JsonSchemas, record_checker
from datacatalog.adapters.stores.rules import CheckRecord
from datacatalog.adapters.stores.sqlite import SqliteStore, files
from datacatalog.adapters.stores.sqlite.schema import VERSION
from datacatalog.bootstrap.engines import open_ledger, sqlite_path
from datacatalog.domain.errors import AlreadyExists, Conflict, InvalidBackup, NoSuchPath
from datacatalog.domain.tokens import digest_of
from datacatalog.ports.stores import Store, Work
from datacatalog.services.copying import Ledger, Sum, copy_ledger
from datacatalog.settings import Settings

CONFIGURED = "store"
"""Stands for the configured store, where a URL is asked for."""

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore came to.

    Attributes:
        schema: the version of the backup.
        aside: where the ledger is that was here before; None: there was none.
        nonces, admin_tokens: how many were revoked.
        lost_callbacks: actors whose callback nonces in secrets.json the ledger does not know.
    """

    schema: int
    aside: Path | None
    nonces: int
    admin_tokens: int
    lost_callbacks: tuple[str, ...]


def at_url(settings: Settings, url: str) -> Settings:
    """Return settings whose store is at a URL, with the queue in it; `CONFIGURED` is where the store is now."""
    where = settings.store_url if url == CONFIGURED else url
    config = {**settings.config, "transport": {**settings.config["transport"], "url": None}}
    return replace(
        settings, config=config, secrets=replace(settings.secrets, store_url=where, transport_url="")
    )


def is_file(settings: Settings) -> bool:
    """Tell whether the store is a file."""
    return settings.store_url.startswith("sqlite:")


def shown_url(settings: Settings) -> str:
    """Return where the store is, without a user and a password."""
    if is_file(settings):
        return f"sqlite:///{sqlite_path(settings)}"
    parts = urlsplit(settings.store_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


@contextmanager
def opened(settings: Settings, *, there: bool = True) -> Iterator[Ledger]:
    """Open a store.

    Args:
        there: a file must be there; else it is made.
    Raises:
        NoSuchPath, Misconfigured, StoreDown.
    """
    if there and is_file(settings) and not sqlite_path(settings).exists():
        raise NoSuchPath(str(sqlite_path(settings)))
    store, transport = open_ledger(settings, _check(settings), SystemClock())
    try:
        yield cast(Ledger, store)
    finally:
        transport.close()
        store.close()


def copy(origin: Settings, target: Settings, *, resume: bool, told: Told) -> Mapping[str, Sum]:
    """Copy one ledger into another.  Raises as `services.copying.copy_ledger`, and NoSuchPath, Misconfigured."""
    if shown_url(origin) == shown_url(target):
        raise Conflict("FROM and TO are the same ledger")
    with opened(origin) as source, opened(target, there=False) as into:
        return copy_ledger(source, into, origin=shown_url(origin), resume=resume, told=told)


def back_up(settings: Settings, file: Path, *, told: Told) -> str:
    """Write one state of the ledger, with all that was acknowledged before, into a file that is whole by itself.

    Returns:
        The SHA-256 of that file.
    Raises:
        AlreadyExists: there is such a file.
        NoSuchPath, Misconfigured, StoreDown, UnequalCopy.
    """
    if file.exists():
        raise AlreadyExists(f"{file} is there already; it is not written over")
    with opened(settings) as store, _draft(file) as draft:
        if isinstance(store, SqliteStore):
            files.write_copy(store.database, draft, told)
        else:
            with closing(SqliteStore(draft, check=_check(settings))) as copied:
                copy_ledger(store, copied, origin=shown_url(settings), told=told)
            _settle(draft)
        sha256 = files.sha256_of(draft)
        try:
            os.link(draft, file)
        except FileExistsError as error:
            raise AlreadyExists(f"{file} is there already; it is not written over") from error
    files.sync(file.absolute().parent)
    return sha256


def restore(
    settings: Settings,
    file: Path,
    *,
    replace_old: bool,
    keep_credentials: bool,
    at: datetime,
    told: Told,
    sha256: str = "",
) -> Restored:
    """Put a backup into the configured store.

    Args:
        sha256: what that of the file has to be; "": it is not looked at.
        replace_old: a ledger file that is not empty is kept aside, under another name.
        keep_credentials: leave nonces and admin tokens as they were.
    Raises:
        InvalidBackup: the file is no ledger, is damaged, is another one, or is of a newer version of this program.
        AlreadyExists: the store is not empty.
        Conflict: the store is in use.
        NoSuchPath, Misconfigured, StoreDown, UnequalCopy.
    """
    if not file.is_file():
        raise NoSuchPath(str(file))
    if sha256 and files.sha256_of(file) != sha256.lower():
        raise InvalidBackup(f"{file}: its SHA-256 is another one; it changed since it was written")
    version = files.schema_of(file)
    if is_file(settings):
        path = sqlite_path(settings).resolve()
        _check_free(path, settings, replace_old)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _draft(path) as draft:
            revoked = _made_ready(file, draft, settings, keep_credentials)
            aside = _put_in_place(draft, path, at)
    else:
        aside = None
        # Beside the settings nothing may be written where they are mounted (a ConfigMap, say).
        with tempfile.TemporaryDirectory() as folder, opened(settings) as target:
            if not target.is_empty():
                raise AlreadyExists(
                    f"{shown_url(settings)} is not empty; name an empty database in store.url"
                )
            with _draft(Path(folder) / "ledger.db") as draft:
                revoked = _made_ready(file, draft, settings, keep_credentials)
                with closing(SqliteStore(draft, check=_check(settings))) as source:
                    copy_ledger(source, target, origin=f"sqlite:///{file.absolute()}", told=told)
    nonces, admin_tokens, lost = revoked
    return Restored(
        schema=version, aside=aside, nonces=nonces, admin_tokens=admin_tokens, lost_callbacks=lost
    )


def damage(settings: Settings) -> str:
    """Tell what is broken in the ledger file; "" where nothing is, or the store is a server."""
    return files.damage_of(sqlite_path(settings)) if is_file(settings) else ""


def pending(settings: Settings) -> list[str]:
    """Tell what has to be done to bring a store to this version; nothing is changed.

    Raises:
        InvalidBackup: the file is no ledger, or of a newer version of this program.
        NoSuchPath, Misconfigured, StoreDown.
    """
    if not is_file(settings):
        return _pending_there(settings)
    path = sqlite_path(settings)
    if not path.exists():
        raise NoSuchPath(str(path))
    version = files.schema_of(path)
    steps = [f"schema {number} -> {number + 1}" for number in range(version, VERSION)]
    if not steps and not files.is_current(path):
        steps.append("tables and indexes are fitted to the kinds of records that this version declares")
    return steps


def migrate(settings: Settings) -> Mapping[str, object]:
    """Bring a store to this version; return what it then tells of itself.

    A catalog of the published system in a MongoDB database becomes a ledger where it lies; nobody may use it meanwhile.

    Raises:
        InvalidRecord: a published catalog has documents that are not understood; nothing was written.
        As `pending`.
    """
    converted = {} if is_file(settings) else _migrated_there(settings)
    with opened(settings) as store:
        return {**store.check(), **({"converted": converted} if converted else {})}


def _pending_there(settings: Settings) -> list[str]:
    """Do as `pending` for a database on a server."""
    from datacatalog.adapters.stores.mongo import published, schema
    from datacatalog.adapters.stores.mongo.client import Server

    with closing(Server(settings.store_url)) as server:
        version = schema.version_of(server)
        steps = [f"schema {number} -> {number + 1}" for number in range(version, schema.VERSION)]
        if version == 0 and published.is_published(server):
            steps.insert(0, f"the published catalog in {server.name} is converted where it lies")
    return steps


def _migrated_there(settings: Settings) -> Mapping[str, int]:
    """Return how many documents of a published catalog were converted, by collection."""
    from datacatalog.adapters.stores.mongo import schema
    from datacatalog.adapters.stores.mongo.client import Server

    with closing(Server(settings.store_url)) as server:
        return schema.migrate(server)


# ------------------------------------------------------------------------------------------- restoring


def _check_free(path: Path, settings: Settings, replace_old: bool) -> None:
    """Make sure that a ledger file may be replaced.  Raises AlreadyExists, Conflict."""
    if not path.exists():
        return
    with files.held_alone(path):
        pass
    if replace_old:
        return
    with opened(settings) as store:
        if not store.is_empty():
            raise AlreadyExists(f"{path} is not empty; --replace keeps it aside under another name")


def _made_ready(
    backup: Path, draft: Path, settings: Settings, keep: bool
) -> tuple[int, int, tuple[str, ...]]:
    """Make a ledger of this version of a backup; return how many credentials of which kind were revoked, and what callbacks lack."""
    files.take_copy(backup, draft)
    with closing(SqliteStore(draft, check=_check(settings))) as store:
        nonces, admin_tokens = (0, 0) if keep else _revoke(store, settings)
        lost = _lost_callbacks(store, settings)
    _settle(draft)
    return nonces, admin_tokens, lost


def _revoke(store: Store, settings: Settings) -> tuple[int, int]:
    """Remove all credentials but the nonces of callback URLs that secrets.json has now.

    The ledger is as old as its backup: uses that were counted since, and what was revoked since, it does not know.
    """
    current = {digest_of(nonce) for nonce in settings.secrets.nonces.values()}

    def remove(work: Work) -> tuple[int, int]:
        counts = {"nonce": 0, "admin": 0}
        for kind in counts:
            for credential in work.credentials.page(kind):
                if credential.digest not in current:
                    counts[kind] += work.credentials.remove(credential.digest)
        return counts["nonce"], counts["admin"]

    return store.transact(remove)


def _lost_callbacks(store: Store, settings: Settings) -> tuple[str, ...]:
    nonces = settings.secrets.nonces
    known = {each.digest for each in store.read(lambda work: work.credentials.page("nonce"))}
    return tuple(sorted(actor for actor, nonce in nonces.items() if digest_of(nonce) not in known))


def _put_in_place(draft: Path, path: Path, at: datetime) -> Path | None:
    """Give a file the name of the ledger; the one that has it is kept under another name, and at no moment there is none."""
    if not path.exists():
        os.rename(draft, path)
        files.sync(path.parent)
        return None
    aside = path.with_name(f"{path.name}.before-{at:%Y%m%dT%H%M%SZ}")
    with files.held_alone(path):
        os.link(path, aside)
        os.replace(draft, path)
        files.sync(path.parent)
    return aside


# --------------------------------------------------------------------------------------------- parts


def _check(settings: Settings) -> CheckRecord:
    return record_checker(JsonSchemas(base_url=settings.config["schemas"]["base_url"]))


def _settle(path: Path) -> None:
    """Have a ledger in one file, whole and on disk.  Raises StoreDown."""
    with files.held_alone(path):
        pass
    files.sync(path)


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Give an empty file beside `path`, for its owner alone; it is gone afterwards, unless it was renamed."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    try:
        yield draft
    finally:
        for end in ("", "-wal", "-shm", "-journal", ".lock"):
            draft.with_name(draft.name + end).unlink(missing_ok=True)
