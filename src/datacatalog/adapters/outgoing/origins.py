"""URLs, by their scheme, host and port; and lists of hosts."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}

# Readers of URLs disagree on blanks, backslashes and what is not ASCII: a host could be one for us and another for them.
_PLAIN = re.compile(r"[!-\[\]-~]{1,4096}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[^:@\[\]]+))(?::(?P<port>[0-9]{0,5}))?")
_NAME_MAX, _PORT_MAX = 253, 65535


class Origin(NamedTuple):
    """Where a URL leads to.

    Attributes:
        host: in lower case; an IPv6 address without brackets, in its shortest form.
    """

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"


def bracketed(host: str) -> str:
    """Return a host as it stands in URLs."""
    return f"[{host}]" if ":" in host else host


def origin(url: str) -> Origin | None:
    """Return the origin of a URL, or None: it is not http or https, carries a name or password, or is not plain ASCII.

    Names are taken as they are: one with a dot at its end is another than the one without.
    """
    if not _PLAIN.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    authority = _AUTHORITY.fullmatch(parts.netloc.lower())
    if parts.scheme not in PORTS or authority is None:
        return None
    host = _address(authority["six"]) if authority["six"] else _name(authority["name"])
    port = int(authority["port"] or PORTS[parts.scheme])
    return Origin(parts.scheme, host, port) if host and 0 < port <= _PORT_MAX else None


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A line of a list of hosts: `example.org`, `*.example.org` (what is below it, at any depth) or `example.org:8443`.

    Attributes:
        port: None: the usual ones, 80 for http and 443 for https.
    """

    host: str
    below: bool
    port: int | None

    @classmethod
    def parse(cls, text: str) -> HostPattern:
        """Raises ValueError: it is no such line."""
        lowered = text.lower()
        below = lowered.startswith("*.")
        # An address with colons is told from a port by its brackets.
        found = origin(f"http://{lowered.removeprefix('*.')}")
        if found is None or re.search(r"[/?#]|:$", text):
            raise ValueError(f"{text!a} is no host such as example.org, *.example.org or example.org:8443")
        if below and (_is_address(found.host) or "." not in found.host):
            raise ValueError(f"{text!a} would take in too much")
        return cls(found.host, below, found.port if re.search(r":\d+$", text) else None)

    def fits(self, to: Origin) -> bool:
        port = PORTS[to.scheme] if self.port is None else self.port
        named = to.host.endswith(f".{self.host}") if self.below else to.host == self.host
        return named and to.port == port


def _address(text: str) -> str | None:
    """Return an IPv6 address in its one spelling, or None: it is none."""
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        return None


def _name(text: str) -> str | None:
    """Return a name, or None: it is none."""
    return text if len(text) <= _NAME_MAX and _NAME.fullmatch(text.removesuffix(".")) else None


def _is_address(host: str) -> bool:
    return ":" in host or host.rpartition(".")[2].isdigit()
