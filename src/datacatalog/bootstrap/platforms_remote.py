"""Platforms of other sites: an Agave or Tapis tenant, spoken to over HTTP. Workers have nothing to do for them."""

from __future__ import annotations

from urllib.parse import urlsplit

from datacatalog.adapters.platforms.agave import AgavePlatform
from datacatalog.adapters.remote.conversation import Conversation, Fixed
from datacatalog.bootstrap.computing import Computing
from datacatalog.bootstrap.outgoing import build_outgoing
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.clock import Clock
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
    if config["kind"] != "agave":
        raise Misconfigured(f"platform.kind: '{config['kind']}' is not supported")
    tenant = Conversation(
        outgoing, url, Fixed(settings.secrets.platform_token), header="Authorization", scheme="Bearer"
    )
    return Computing(platform=AgavePlatform(tenant, registration=config["registration"]))
