"""What `datacatalog doctor` looks at, one small check after the other."""

from __future__ import annotations

import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from datacatalog.domain.errors import DatacatalogError, Misconfigured, StoreDown
from datacatalog.domain.jobs.lifecycle import State
from datacatalog.domain.kinds import Kind
from datacatalog.domain.tokens import digest_of
from datacatalog.interfaces.cli import surroundings
from datacatalog.interfaces.cli.context import Cli
from datacatalog.interfaces.cli.installation import CALLED_BACK, ledger
from datacatalog.interfaces.cli.up import is_ready
from datacatalog.ports.examining import Examined, Remark
from datacatalog.ports.stores import Credential
from datacatalog.services.indexing import INDEX_QUEUE
from datacatalog.services.nonces import list_nonces
from datacatalog.settings import CONFIG_FILE, SECRETS_FILE, Settings, load

OLDEST_MAX = timedelta(minutes=15)
UNSENT_MAX = timedelta(minutes=1)
SHOWN = 3
SERVER_DO = "see whether the server runs, and whether store.url is right"
FILE_DO = "make room, where the disk is full; else restore a backup: datacatalog db restore FILE --replace"
ELSEWHERE = frozenset({"agave", "tapis"})
"""Kinds of platforms that are another site's."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        do: what to do about it; "" where there is nothing to do.
    """

    check: str
    well: bool
    found: str
    do: str = ""

    def document(self) -> dict[str, Any]:
        return asdict(self)


def examine(cli: Cli, *, offline: bool) -> Iterator[Finding]:
    """Yield what every check finds; where the settings or the store cannot be used, nothing after that is looked at."""
    try:
        settings = load()
    except Misconfigured as e:
        yield Finding(
            "settings", False, str(e), "mend what it names; 'datacatalog init' makes what is missing"
        )
        return
    yield Finding("settings", True, f"{settings.home}")
    yield _secrets(settings)
    store = ledger(settings)
    if store is not None and not store.exists():
        yield Finding("store", False, f"{store} is not there", "put it back, or run: datacatalog init")
        return
    try:
        cli.app  # noqa: B018  wiring it is the check
    except StoreDown as e:
        yield Finding("store", False, str(e), SERVER_DO if store is None else FILE_DO)
        yield _room(settings)
        return
    except DatacatalogError as e:
        yield Finding("start", False, str(e), "mend what it names")
        return
    computing = _platform if settings.config["platform"]["kind"] in ELSEWHERE else _apps
    commands = (_commands,) if cli.app.commands else ()
    issuer = (_issuer,) if cli.app.bearer.keys is not None else ()
    for check in (
        _store,
        _storage,
        computing,
        *commands,
        *issuer,
        _nonces,
        _clock,
        _disk,
        _queue,
        _dead_letters,
        _stuck_jobs,
    ):
        asked = check not in (_platform, _issuer) or not offline
        yield _tried(check, cli) if asked else Finding(_name(check), True, "not asked (--offline)")
        if check is _store:
            yield from _engines(cli)
    if endpoint := settings.config["tracing"]["endpoint"]:
        yield _said(surroundings.tracing(endpoint, offline=offline))
    if settings.tls is not None:
        yield _certificate(settings, settings.tls[0])
    yield Finding("gateway", True, "not asked (--offline)") if offline else _gateway(settings)


def gateway_url() -> str | None:
    """Return where the gateway is to be reached, or None where the settings cannot be used."""
    try:
        return load().api_url
    except Misconfigured:
        return None


def _tried(check: Callable[[Cli], Finding], cli: Cli) -> Finding:
    try:
        return check(cli)
    except DatacatalogError as e:
        return Finding(_name(check), False, str(e), "mend what it names")


def _name(check: Callable[[Cli], Finding]) -> str:
    return check.__name__.strip("_").replace("_", " ")


def _secrets(settings: Settings) -> Finding:
    """Nobody but their owner reads the secrets, or changes what is run here."""
    path, owner = settings.home / SECRETS_FILE, settings.home.stat().st_uid
    if path.exists() and path.stat().st_uid != owner:
        found = f"{path} is not of the owner of {settings.home}"
        return Finding("secrets", False, found, f"run: chown {owner} {path}")
    for place in (
        settings.home,
        settings.home / CONFIG_FILE,
        settings.path(settings.config["platform"]["apps"]),
    ):
        if place.exists() and place.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return Finding("secrets", False, f"others may write to {place}", f"run: chmod go-w {place}")
    where = f"{path} is for its owner alone" if path.exists() else "from the environment"
    return Finding("secrets", True, where)


def _store(cli: Cli) -> Finding:
    """Look at the store, and write to it: a credential that has expired, and is gone again."""
    facts = cli.env.store.check()
    now = cli.env.clock.now()
    spent = Credential(
        digest=digest_of(secrets.token_hex(32)), kind="nonce", created=now, expires=now, actor="doctor"
    )
    began = time.perf_counter()
    cli.env.store.transact(lambda work: work.credentials.put(spent))
    took_ms = (time.perf_counter() - began) * 1000
    cli.env.store.transact(lambda work: work.credentials.remove(spent.digest))
    said = ", ".join(f"{name} {value}" for name, value in facts.items())
    return Finding("store", True, f"{said}; a commit took {took_ms:.1f} ms")


def _storage(cli: Cli) -> Finding:
    """Write to systems that are directories here; ask the others for their root."""
    told = []
    for name, system in cli.app.settings.config["storage"]["systems"].items():
        kind = system.get("kind", "local")
        if kind == "local":
            root = cli.app.settings.path(system["root"])
            wrong, do = _unwritable(root), f"make {root} writable, or change storage.systems"
        else:
            root, wrong = kind, _unreachable(cli, name)
            do = f"mend storage.systems.{name}, its secrets, or the way there"
        if wrong:
            return Finding("storage", False, f"{name}: {root}: {wrong}", do)
        told.append(f"{name}: {root}")
    return Finding("storage", True, ", ".join(told))


def _unwritable(root: Path) -> str:
    """Tell why a directory cannot be written to; "" where it can."""
    try:
        with tempfile.NamedTemporaryFile(dir=root, prefix=".doctor-"):
            return ""
    except OSError as e:
        return e.strerror or str(e)


def _unreachable(cli: Cli, system: str) -> str:
    """Tell why the root of a storage system cannot be listed; "" where it can."""
    try:
        cli.env.storage.list(system, "/", limit=1)
    except DatacatalogError as e:
        return str(e)
    return ""


def _platform(cli: Cli) -> Finding:
    """The platform of another site answers, and knows this installation's account."""
    apps = cli.env.platform.apps()
    return Finding("platform", True, f"{len(apps)} apps at {cli.app.settings.config['platform']['url']}")


def _apps(cli: Cli) -> Finding:
    folder = cli.app.settings.path(cli.app.settings.config["platform"]["apps"])
    if not folder.is_dir():
        return Finding("apps", False, f"{folder} is not there", f"run: mkdir {folder}")
    ids = list(cli.env.platform.apps())
    for app in ids:
        cli.env.platform.app(app)
    return Finding("apps", True, f"{len(ids)} in {folder}")


def _commands(cli: Cli) -> Finding:
    """What runs the commands of apps does."""
    return Finding("commands", True, cli.app.commands() if cli.app.commands else "")


def _issuer(cli: Cli) -> Finding:
    """Who makes bearer tokens publishes keys that can be used."""
    keys, bearer = cli.app.bearer.keys, cli.app.settings.config["bearer"]
    url, algorithm = bearer["jwks_url"], bearer["algorithm"]
    try:
        found = keys.ask() if keys is not None else 0
    except ValueError as e:
        return Finding("issuer", False, f"{url}: {e}", "see whether bearer.jwks_url is its jwks_uri")
    if not found:
        return Finding(
            "issuer", False, f"{url}: no key of {algorithm} is published", "change bearer.algorithm"
        )
    return Finding("issuer", True, f"{found} keys of {algorithm} at {url}")


def _nonces(cli: Cli) -> Finding:
    """Callbacks get through: the nonces that URLs carry are those that the store knows."""
    now = cli.env.clock.now()
    known = {n.digest for n in list_nonces(cli.env) if n.expires is None or n.expires > now}
    kept = cli.app.settings.secrets.nonces
    lost = [actor for actor in CALLED_BACK if digest_of(kept.get(actor, "")) not in known]
    if lost:
        return Finding("callbacks", False, f"no nonce for {', '.join(lost)}", "run: datacatalog init")
    return Finding("callbacks", True, "their nonces are known")


def _clock(cli: Cli) -> Finding:
    files = [cli.app.settings.home / SECRETS_FILE, ledger(cli.app.settings) or Path()]
    return _said(surroundings.clock(files))


def _disk(cli: Cli) -> Finding:
    return _room(cli.app.settings)


def _room(settings: Settings) -> Finding:
    """There is room for the ledger, the storage systems that are directories here, and what is computed."""
    places = [("settings", settings.home)]
    if (file := ledger(settings)) is not None:
        places.append(("ledger", file))
    for name, system in settings.config["storage"]["systems"].items():
        if system.get("kind", "local") == "local":
            places.append((f"storage {name}", settings.path(system["root"])))
    places.append(("platform", settings.path(settings.config["platform"]["work"])))
    return _said(surroundings.disks(places))


def _queue(cli: Cli) -> Finding:
    """What is due is taken by workers, and word of it reaches whatever carries messages."""
    now, queues = cli.env.clock.now(), cli.env.transport.backlog()
    for name, each in sorted(queues.items()):
        if each.unsent is not None and now - each.unsent > UNSENT_MAX:
            found = f"{name}: word of a message has not reached the broker since {each.unsent:%F %T}"
            do = "see whether the broker is there; workers ask the ledger meanwhile, if more slowly"
            return Finding("queue", False, found, do)
        if each.oldest is not None and now - each.oldest > OLDEST_MAX:
            found = f"{name}: {each.waiting} wait, one has been due since {each.oldest:%F %T}"
            return Finding("queue", False, found, "start workers: datacatalog up, or datacatalog worker")
    waiting = sum(each.waiting for each in queues.values())
    return Finding("queue", True, f"{waiting} wait in {len(queues)} queues")


def _engines(cli: Cli) -> Iterator[Finding]:
    """Yield what store and transport tell of their engines."""
    for part, engine in (("store", cli.env.store), ("transport", cli.env.transport)):
        if not isinstance(engine, Examined):
            continue
        try:
            for remark in engine.examine():
                yield _said(remark, f"{part} {remark.about}")
        except DatacatalogError as e:
            yield Finding(part, False, str(e), "mend what it names")


def _said(remark: Remark, check: str = "") -> Finding:
    return Finding(check or remark.about, remark.well, remark.found, remark.do)


def _dead_letters(cli: Cli) -> Finding:
    dead = cli.env.transport.dead(limit=1000)
    if dead:
        do = "see why: datacatalog queue dead; then: datacatalog queue revive QUEUE ID, or queue discard QUEUE ID"
        return Finding(
            "dead letters", False, f"{len(dead)}, the last one in {dead[0].queue}: {dead[0].reason}", do
        )
    return Finding("dead letters", True, "none")


def _stuck_jobs(cli: Cli) -> Finding:
    """Jobs that are INDEXING while nothing waits to index them."""
    waiting = cli.env.transport.depth().get(INDEX_QUEUE, 0)
    where = {"state": State.INDEXING.value}
    page = cli.env.store.read(lambda work: work.records.page(Kind.PIPELINEJOB, where, limit=SHOWN))
    if page.records and not waiting:
        named = " ".join(record.uuid for record in page.records)
        return Finding(
            "stuck jobs", False, f"INDEXING, with nothing in queue: {named}", "run: datacatalog index UUID"
        )
    return Finding("stuck jobs", True, f"none; {waiting} to be indexed")


def _certificate(settings: Settings, path: Path) -> Finding:
    from cryptography.x509 import load_pem_x509_certificate

    from datacatalog.interfaces.http.tls import check_tls

    try:
        check_tls(settings)
        until = load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (DatacatalogError, OSError, ValueError) as e:
        return Finding("certificate", False, str(e), "mend what it names")
    if until <= datetime.now(UTC):
        return Finding("certificate", False, f"{path} expired on {until:%Y-%m-%d}", "put a new one there")
    return Finding("certificate", True, f"{path}, until {until:%Y-%m-%d}")


def _gateway(settings: Settings) -> Finding:
    """Ask the gateway, if one is running here."""
    from datacatalog.interfaces.http.sockets import listen

    url, gateway = settings.api_url, settings.config["gateway"]
    if is_ready(url, "/healthz", timeout_s=2):
        if is_ready(url):
            return Finding("gateway", True, f"answers at {url}")
        return Finding("gateway", False, f"answers at {url}, but is not ready", "see its log")
    try:
        listen(gateway["host"], gateway["port"]).close()
    except OSError as e:
        do = "stop what else uses the address, or change gateway.port"
        return Finding("gateway", False, f"{url} is no gateway, and the address is taken: {e.strerror}", do)
    return Finding("gateway", True, f"not running at {url}; 'datacatalog up' starts it")
