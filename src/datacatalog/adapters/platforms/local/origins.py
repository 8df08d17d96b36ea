"""Where callbacks may go: URLs, by their scheme, host and port."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
# Readers of URLs disagree on blanks, backslashes and what is not ASCII: a host could be one for us and another for them.
_PLAIN = re.compile(r"[!-\[\]-~]{1,4096}")


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def origin(url: str) -> Origin | None:
    """Return the origin of a URL, or None: it is not http or https, carries a name or password, or is not plain ASCII."""
    if not _PLAIN.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return Origin(parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port)
