"""Platforms of other sites: an Agave or Tapis tenant, spoken to over HTTP. Workers have nothing to do for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from datacatalog.adapters.platforms.agave import AgavePlatform
from datacatalog.adapters.platforms.tapis import TapisPlatform
from datacatalog.adapters.remote.conversation import Conversation, Fixed, Tokens
from datacatalog.adapters.remote.logins import Login, agave_login, tapis_login
from datacatalog.bootstrap.computing import Computing
from datacatalog.bootstrap.outgoing import to_site
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.outgoing import Outgoing
from datacatalog.ports.platforms import Platform
from datacatalog.settings import Settings

LAUNCH_TRIES = 20
"""With waits that double up to five minutes: more than an hour, which a platform may be down for maintenance."""

Asking = Callable[[Outgoing, str, Mapping[str, str]], Callable[[], str]]


def build_remote(settings: Settings) -> Computing:
    """Make the platform at `platform.url`.  Raises Misconfigured."""
    kind, url = settings.config["platform"]["kind"], settings.config["platform"]["url"]
    if not url:
        raise Misconfigured(f"platform.kind is {kind}, and platform.url does not say where it is")
    platform = _KINDS[kind](settings, to_site(settings, "platform.url", url), url.rstrip("/"))
    return Computing(platform=platform, launch_tries=LAUNCH_TRIES)


def _agave(settings: Settings, outgoing: Outgoing, url: str) -> Platform:
    tokens = tokens_of(settings, outgoing, url, agave_login)
    return AgavePlatform(
        Conversation(outgoing, url, tokens, header="Authorization", scheme="Bearer"),
        owned_by=settings.config["admin"]["tenant"],
        registration=settings.config["platform"]["registration"],
    )


def _tapis(settings: Settings, outgoing: Outgoing, url: str) -> Platform:
    tokens = tokens_of(settings, outgoing, url, tapis_login)
    return TapisPlatform(
        Conversation(outgoing, url, tokens, header="X-Tapis-Token"),
        default_system=settings.config["storage"]["default_system"],
        owned_by=settings.config["admin"]["tenant"],
        registration=settings.config["platform"]["registration"],
    )


def tokens_of(settings: Settings, outgoing: Outgoing, url: str, asking: Asking) -> Tokens:
    """Return the token that is configured, or what logs in for one."""
    secrets = settings.secrets
    if secrets.platform_login:
        return Login(asking(outgoing, url, secrets.platform_login))
    if not secrets.platform_token:
        raise Misconfigured(f"{url} wants platform_token or platform_login in secrets.json")
    if not re.fullmatch(r"[!-~]+", secrets.platform_token):
        raise Misconfigured("platform_token of secrets.json has characters that no token has")
    return Fixed(secrets.platform_token)


_KINDS: Mapping[str, Callable[[Settings, Outgoing, str], Platform]] = {"agave": _agave, "tapis": _tapis}
