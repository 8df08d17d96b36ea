"""Where requests of this installation may go: one `Outgoing` for each purpose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from datacatalog.adapters.outgoing.addresses import read_networks
from datacatalog.adapters.outgoing.connections import tls_context
from datacatalog.adapters.outgoing.origins import HostPattern
from datacatalog.adapters.outgoing.web import Policy, WebOutgoing, read_origin
from datacatalog.adapters.telemetry.outgoing import WatchedOutgoing
from datacatalog.domain.errors import Misconfigured
from datacatalog.ports.outgoing import Outgoing
from datacatalog.ports.telemetry import SILENT, Telemetry
from datacatalog.settings import Settings

WEBHOOK_S = 15.0
"""Whoever subscribed answers within this."""


def build_outgoing(
    settings: Settings,
    *,
    origins: Collection[str] = (),
    hosts: Collection[str] = (),
    at_most_s: float | None = None,
) -> Outgoing:
    """Make a way out that reaches the origins of these URLs, whatever their addresses, and these hosts.

    Args:
        at_most_s: an end to every request before `outgoing.total_timeout_s`.
    Raises:
        Misconfigured: one of them, or what is configured in `outgoing`, is not as it should be.
    """
    config = settings.config["outgoing"]
    total_s = config["total_timeout_s"]
    check_named("gateway.url", [settings.api_url], read_origin)
    check_named("outgoing.hosts", config["hosts"], HostPattern.parse)
    check_named("outgoing.private_networks", config["private_networks"], lambda text: read_networks([text]))
    policy = Policy(
        origins=origins,
        hosts=hosts,
        private_networks=config["private_networks"],
        trusted=_own_certificate(settings),
        connect_timeout_s=config["connect_timeout_s"],
        read_timeout_s=config["read_timeout_s"],
        total_timeout_s=total_s if at_most_s is None else min(total_s, at_most_s),
        max_response_bytes=config["max_response_bytes"],
    )
    try:
        return WebOutgoing(policy)
    except ValueError as e:
        raise Misconfigured(str(e)) from e


def to_site(settings: Settings, key: str, url: str) -> Outgoing:
    """Make the way out to one service, which a setting names.  Raises Misconfigured: it names the key."""
    check_named(key, [url], read_origin)
    return build_outgoing(settings, origins=[url])


def for_webhooks(settings: Settings, telemetry: Telemetry = SILENT) -> Outgoing:
    """Make the way out of webhooks: to the hosts in `outgoing.hosts`."""
    way = build_outgoing(settings, hosts=settings.config["outgoing"]["hosts"], at_most_s=WEBHOOK_S)
    return WatchedOutgoing(way, telemetry, "webhooks")


def for_callbacks(settings: Settings, telemetry: Telemetry = SILENT) -> Outgoing:
    """Make the way out of jobs' callbacks: to this installation itself, `platform.callbacks_to` and `outgoing.hosts`."""
    others = settings.config["platform"]["callbacks_to"]
    check_named("platform.callbacks_to", others, read_origin)
    way = build_outgoing(
        settings, origins=[settings.api_url, *others], hosts=settings.config["outgoing"]["hosts"]
    )
    return WatchedOutgoing(way, telemetry, "callbacks")


def check_named(key: str, texts: Iterable[str], read: Callable[[str], object]) -> None:
    """Make sure that all texts of a setting can be read.  Raises Misconfigured: it names the key."""
    for text in texts:
        try:
            read(text)
        except ValueError as e:
            raise Misconfigured(f"{key}: {e}") from e


def _own_certificate(settings: Settings) -> Mapping[str, str]:
    """Return what this installation's own certificate is believed for: itself.  Raises Misconfigured."""
    configured = settings.config["gateway"]["tls_certificate_file"]
    if configured is None or not settings.api_url.startswith("https:"):
        return {}
    file = str(settings.path(configured))
    try:
        tls_context(file)
    except OSError as e:
        raise Misconfigured(f"gateway.tls_certificate_file: {file}: {e.strerror or 'no certificate'}") from e
    return {settings.api_url: file}
