"""Which storage systems there are."""

from __future__ import annotations

from pathlib import Path

from datacatalog.adapters.storage.local import LocalStorage
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.storage import Storage
from datacatalog.settings import Settings


def build_storage(settings: Settings) -> Storage:
    """Raises Misconfigured."""
    return LocalStorage(_roots(settings), clearable=settings.config["storage"]["clearable"])


def _roots(settings: Settings) -> dict[str, Path]:
    storage = settings.config["storage"]
    for name, system in storage["systems"].items():
        if system.get("kind", "local") != "local":
            raise Misconfigured(f"storage.systems.{name}: kind '{system['kind']}' is not supported")
    roots = {name: settings.path(system["root"]) for name, system in storage["systems"].items()}
    if storage["default_system"] not in roots:
        raise Misconfigured(
            f"storage.default_system: '{storage['default_system']}' is none of storage.systems"
        )
    for root in roots.values():
        root.mkdir(parents=True, exist_ok=True)
    return roots
