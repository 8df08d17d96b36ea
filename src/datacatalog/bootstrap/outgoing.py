"""Where requests of this installation may go: one `Outgoing` for each purpose."""

from __future__ import annotations

from collections.abc import Collection

from datacatalog.adapters.outgoing.web import Policy, WebOutgoing
from datacatalog.ports.outgoing import Outgoing
from datacatalog.settings import Settings


def build_outgoing(
    settings: Settings, *, origins: Collection[str] = (), hosts: Collection[str] = ()
) -> Outgoing:
    """Make a way out that reaches these origins, whatever their addresses, and these hosts.

    Raises Misconfigured.
    """
    config = settings.config["outgoing"]
    return WebOutgoing(
        Policy(
            origins=origins,
            hosts=hosts,
            private_networks=config["private_networks"],
            connect_timeout_s=config["connect_timeout_s"],
            read_timeout_s=config["read_timeout_s"],
            total_timeout_s=config["total_timeout_s"],
            max_response_bytes=config["max_response_bytes"],
        )
    )


def for_webhooks(settings: Settings) -> Outgoing:
    """Make the way out of webhooks: to the hosts in `outgoing.hosts`."""
    return build_outgoing(settings, hosts=settings.config["outgoing"]["hosts"])
