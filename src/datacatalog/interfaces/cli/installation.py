"""Making an installation: config.yml, secrets.json, the store, the folders, and the nonces of callback URLs.

What exists is never written over. A making that was cut off can be done again: each step finds what it made before, whole or
not at all.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datacatalog.bootstrap import App, build_app
from datacatalog.domain.actors import JOBS_INDEXER, JOBS_MANAGER
from datacatalog.domain.errors import AlreadyExists, Conflict
from datacatalog.domain.tokens import digest_of
from datacatalog.services.nonces import create_nonce, list_nonces, revoke_nonce
from datacatalog.settings import PREFIX, SECRETS_FILE, Settings, load, shipped_config_text

KEYS = ("token_key", "administrator_key", "bearer_key")
KEY_BYTES = 48
CALLED_BACK = (JOBS_MANAGER, JOBS_INDEXER)
OWNER = "platform"
"""Whom callbacks run as, and whose nonces are replaced where their plain text was lost."""


@dataclass(slots=True)
class Made:
    """What `install` came to.

    Attributes:
        created: the files that were not there before.
    """

    config: Path
    settings: Settings
    created: list[Path] = field(default_factory=list)


def install(config: Path, choices: Mapping[str, str | int]) -> Made:
    """Make an installation around a config.yml, or make one whole that was cut off.

    Args:
        choices: what config.yml says in place of the defaults: key -> value, see `configured`.
    Raises:
        AlreadyExists: there is a whole one, or a config.yml that says otherwise; nothing was changed.
        Conflict: the store is there, but its secrets are not; or another one is being made here.
    """
    home = config.parent
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone_in(home):
        text = configured(choices)
        if config.exists() and choices and config.read_text("utf-8") != text:
            raise AlreadyExists(f"{config} is there already; change it there")
        keys = None if (home / SECRETS_FILE).exists() else new_secrets()
        created = [path for path, new in ((config, not config.exists()), (home / SECRETS_FILE, keys)) if new]
        _check(config, text, keys)
        _create(config, text.encode(), 0o644)
        if keys is not None:
            _create(home / SECRETS_FILE, _encoded(keys), 0o600)
        settings = load(config)
        settings.path(settings.config["platform"]["apps"]).mkdir(parents=True, exist_ok=True)
        app = build_app(settings)
        try:
            if not _add_nonces(app, home / SECRETS_FILE) and not created:
                raise AlreadyExists(f"{home} holds a catalog already; nothing was changed")
        finally:
            app.close()
    return Made(config=config, settings=settings, created=created)


def configured(choices: Mapping[str, str | int]) -> str:
    """Return the shipped config.yml with other values.

    Args:
        choices: key -> value; the keys host, port, root and tenant stand there once each.
    """
    text = shipped_config_text()
    for key, value in choices.items():
        line = f"{key}: {json.dumps(value)}"
        text, found = re.subn(rf"(?m)^( +){key}: .*$", lambda old, line=line: old[1] + line, text)  # type: ignore[misc]
        assert found == 1, key  # noqa: S101  the shipped file is ours, and a test reads it
    return text


def new_secrets() -> dict[str, Any]:
    """Return fresh keys."""
    return {**{name: secrets.token_urlsafe(KEY_BYTES) for name in KEYS}, "nonces": {}}


def ledger(settings: Settings) -> Path | None:
    """Return the file of an embedded store, or None where the store is a server."""
    scheme, _, path = settings.store_url.partition(":///")
    return settings.path(path) if scheme == "sqlite" else None


def _check(config: Path, text: str, keys: Mapping[str, str] | None) -> None:
    """Refuse what would not work, or would lose something, before anything is written.

    Raises:
        Misconfigured, Conflict.
    """
    shown = {} if keys is None else {f"{PREFIX}SECRETS__{name.upper()}": keys[name] for name in KEYS}
    environ = {**shown, **os.environ}
    if config.exists():
        settings = load(config, environ)
    else:
        with _written(config, text.encode(), 0o644) as draft:
            settings = load(draft, environ)
    store = ledger(settings)
    if keys is not None and store is not None and store.exists():
        raise Conflict(
            f"{store} is there, but its {SECRETS_FILE} is not: with new secrets, no token that was given out would be "
            f"good any more; put {SECRETS_FILE} back, or move the store away"
        )


def _add_nonces(app: App, path: Path) -> bool:
    """Make the nonces of callback URLs that are missing, and write them down; False where none is.

    The store has their digests alone, so one whose plain text did not reach secrets.json is of no use to anybody.
    """
    document = json.loads(path.read_bytes())
    kept: dict[str, str] = dict(document.get("nonces", {}))
    known = {nonce.digest: nonce for nonce in list_nonces(app.env)}
    missing = [actor for actor in CALLED_BACK if digest_of(kept.get(actor, "")) not in known]
    if not missing:
        return False
    written_down = {digest_of(nonce) for nonce in kept.values()}
    for digest, nonce in known.items():
        if nonce.owner == OWNER and digest not in written_down:
            revoke_nonce(digest, app.env)
    for actor in missing:
        kept[actor] = create_nonce(app.env, actor=actor, owner=OWNER, level="EXECUTE")
    _replace(path, _encoded({**document, "nonces": kept}))
    return True


def _encoded(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder, so that two makings do not mix.  Raises Conflict."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"another 'datacatalog init' is at work in {folder}") from None
        yield
    finally:
        os.close(held)


def _create(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is not there yet: whole under its name, or not at all. One that is there stays as it is."""
    with _written(path, content, mode) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return


def _replace(path: Path, content: bytes) -> None:
    """Write a file anew: at any instant its name has the old content or the new one."""
    with _written(path, content, 0o600) as draft:
        os.replace(draft, path)


@contextmanager
def _written(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """Give a file with this content, on disk, beside `path`; it is gone afterwards, and the folder is on disk too."""
    draft = path.with_name(f".{path.name}.new")
    # One that was left behind is of a making that was cut off: nobody else is here.
    draft.unlink(missing_ok=True)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
