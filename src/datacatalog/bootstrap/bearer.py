"""Which bearer tokens are believed."""

from __future__ import annotations

import ipaddress
from typing import Any

from datacatalog.adapters.bearer import BearerTokens, PublishedKeys, read_public_key
from datacatalog.adapters.outgoing.web import read_origin
from datacatalog.bootstrap.outgoing import build_outgoing, check_named
from datacatalog.domain.errors import Misconfigured
from datacatalog.services.env import Principal
from datacatalog.settings import Settings

FETCH_S = 5.0
"""How long fetching the keys may take: a request waits for them."""


def build_bearer(settings: Settings) -> BearerTokens:
    """Raises Misconfigured."""
    config = settings.config["bearer"]
    key, keys = _keys(settings)
    return BearerTokens(
        key=key,
        keys=keys,
        algorithm=config["algorithm"],
        issuer=config["issuer"],
        audience=config["audience"],
        tenant_claim=config["tenant_claim"],
        project_claim=config["project_claim"],
        level_claim=config["level_claim"],
    )


def principal(bearer: BearerTokens, token: str) -> Principal | None:
    """Tell whom a request with a token runs as; None: the token is not valid.  Raises Unreachable."""
    found = bearer.read(token)
    if found is None:
        return None
    return Principal(
        name=found.name, via="bearer", level=found.level, tenant=found.tenant, project=found.project
    )


def _keys(settings: Settings) -> tuple[Any, PublishedKeys | None]:
    """Return the one key, or where keys are published.  Raises Misconfigured."""
    config = settings.config["bearer"]
    algorithm, file, url = config["algorithm"], config["public_key_file"], config["jwks_url"]
    if algorithm == "HS256":
        if url:
            raise Misconfigured("bearer.jwks_url: no keys of HS256 are published; they are secret")
        return settings.secrets.bearer_key, None
    if bool(file) == bool(url):
        raise Misconfigured(
            f"bearer.public_key_file: {algorithm} needs either it or bearer.jwks_url, and not both"
        )
    if url:
        return "", _published(settings)
    try:
        return read_public_key(algorithm, settings.path(file).read_text("ascii")), None
    except (OSError, ValueError) as e:
        raise Misconfigured(f"bearer.public_key_file: {e}") from e


def _published(settings: Settings) -> PublishedKeys:
    config = settings.config["bearer"]
    url = config["jwks_url"]
    check_named("bearer.jwks_url", [url], read_origin)
    to = read_origin(url)
    if to.scheme != "https" and not _is_here(to.host):
        raise Misconfigured(
            "bearer.jwks_url: must be https: whoever could change the keys on their way could make tokens"
        )
    return PublishedKeys(
        build_outgoing(settings, origins=[url], at_most_s=FETCH_S),
        url,
        algorithm=config["algorithm"],
        lifetime_s=config["jwks_lifetime_s"],
    )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
