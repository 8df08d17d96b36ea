"""Platforms of other sites: an Agave or Tapis tenant, spoken to over HTTP. Workers have nothing to do for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from datacatalog.adapters.platforms.agave import AgavePlatform
from datacatalog.adapters.platforms.tapis import TapisPlatform
from datacatalog.adapters.remote.conversation import Conversation, Fixed
from datacatalog.bootstrap.computing import Computing
from datacatalog.bootstrap.outgoing import build_outgoing
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.clock import Clock
from datacatalog.ports.outgoing import Outgoing
from datacatalog.ports.platforms import Platform
from datacatalog.ports.storage import Storage
from datacatalog.settings import Settings


def build_remote(settings: Settings, storage: Storage, clock: Clock) -> Computing:
    """Make the platform at `platform.url`.  Raises Misconfigured."""
    config = settings.config["platform"]
    url = config["url"]
    if not url:
        raise Misconfigured(f"platform.kind is {config['kind']}, and platform.url does not say where it is")
    parts = urlsplit(url)
    outgoing = build_outgoing(settings, origins=(f"{parts.scheme}://{parts.netloc}",))
    return Computing(platform=_KINDS[config["kind"]](settings, outgoing, url))


def _agave(settings: Settings, outgoing: Outgoing, url: str) -> Platform:
    tokens = Fixed(settings.secrets.platform_token)
    tenant = Conversation(outgoing, url, tokens, header="Authorization", scheme="Bearer")
    return AgavePlatform(
        tenant,
        owned_by=settings.config["admin"]["tenant"],
        registration=settings.config["platform"]["registration"],
    )


def _tapis(settings: Settings, outgoing: Outgoing, url: str) -> Platform:
    tokens = Fixed(settings.secrets.platform_token)
    return TapisPlatform(
        Conversation(outgoing, url, tokens, header="X-Tapis-Token"),
        default_system=settings.config["storage"]["default_system"],
        owned_by=settings.config["admin"]["tenant"],
        registration=settings.config["platform"]["registration"],
    )


_KINDS: Mapping[str, Callable[[Settings, Outgoing, str], Platform]] = {"agave": _agave, "tapis": _tapis}
