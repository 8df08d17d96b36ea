"""Platforms of other sites."""

from __future__ import annotations

from datacatalog.bootstrap.computing import Computing
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.clock import Clock
from datacatalog.ports.storage import Storage
from datacatalog.settings import Settings


def build_remote(settings: Settings, storage: Storage, clock: Clock) -> Computing:
    """Raises Misconfigured."""
    kind = settings.config["platform"]["kind"]
    raise Misconfigured(f"platform.kind: '{kind}' is not supported")
