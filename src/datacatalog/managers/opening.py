"""From what callers pass as `mongodb` to an open catalog, one per configuration and process."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datacatalog.bootstrap import App, build_app
from datacatalog.domain.errors import Misconfigured
from datacatalog.managers import mongodb
from datacatalog.settings import CONFIG_FILE, CONFIG_VARIABLE, default_home, load

Opens = App | Mapping[str, Any] | None
"""An App; {"config": "/path/config.yml"}; {"url": "sqlite:///..." or "mongodb://..."}; the published settings of a MongoDB catalog
(see managers.mongodb); or None or {}, the configured installation."""

_KEYS = frozenset({"config", "url"})


@dataclass(slots=True)
class _Shared:
    app: App
    holders: int = 0


_lock = threading.Lock()
_opened: dict[tuple[int, Path, str | None], _Shared] = {}


class Hold:
    """One holder's share of an open catalog. The last one that lets go closes it; an App that was passed in stays open.

    Raises:
        Misconfigured: there is no such catalog, or no such engine.
        StoreDown.
    """

    def __init__(self, opens: Opens = None) -> None:
        self._key: tuple[int, Path, str | None] | None = None
        if isinstance(opens, App):
            self._app: App | None = opens
            return
        config, url = _read(opens or {})
        # A child process opens a catalog of its own: connections do not survive a fork.
        self._key = (os.getpid(), config, url)
        with _lock:
            if self._key not in _opened:
                _opened[self._key] = _Shared(_build(config, url))
            shared = _opened[self._key]
            shared.holders += 1
        self._app = shared.app

    @property
    def app(self) -> App:
        if self._app is None:
            raise RuntimeError("it was closed; open the catalog again")
        return self._app

    @property
    def closed(self) -> bool:
        return self._app is None

    def release(self) -> None:
        """Let go; again does nothing."""
        key, self._key, self._app = self._key, None, None
        if key is None:
            return
        with _lock:
            shared = _opened[key]
            shared.holders -= 1
            if shared.holders == 0:
                del _opened[key]
                shared.app.close()


def _read(said: Mapping[str, Any]) -> tuple[Path, str | None]:
    """Return the path of config.yml, and the store's URL where it is another than the one in there."""
    if not isinstance(said, Mapping):
        raise Misconfigured(f"mongodb: an App or a mapping is wanted, not {type(said).__name__}")
    if unknown := sorted(said.keys() - _KEYS - mongodb.KEYS):
        known = ", ".join(sorted(_KEYS | mongodb.KEYS))
        raise Misconfigured(f"mongodb: {', '.join(unknown)} is not understood; {known} is")
    url = said.get("url")
    if mongodb.KEYS & said.keys():
        if url is not None:
            raise Misconfigured("mongodb: either url, or what it is made of")
        url = mongodb.url_of(said)
    config = said.get("config") or os.environ.get(CONFIG_VARIABLE) or default_home() / CONFIG_FILE
    return Path(config).expanduser().absolute(), None if url is None else str(url)


def _build(config: Path, url: str | None) -> App:
    settings = load(config)
    if url is not None:
        # What carries messages for the configured store knows nothing of those in another one: they wait there for its workers.
        stores = {
            **settings.config,
            "store": {**settings.config["store"], "url": url},
            "transport": {"url": None},
        }
        secrets = replace(settings.secrets, store_url="", transport_url="")
        settings = replace(settings, config=stores, secrets=secrets)
    return build_app(settings)
