"""The log of services: one line per record on standard error, without secrets."""

from __future__ import annotations

import logging
import re
import sys
import time

from datacatalog.domain.redaction import text_without_secrets

# Parameters of callback URLs are tokens and nonces, and libraries print URLs whole.
_QUERY = re.compile(r"\?[^\s\"'<>]*=[^\s\"'<>]*")
# A nonce shows what it is, wherever it stands (services.nonces.add_nonce): in the path of the address that revokes it, say.
_NONCE = re.compile(r"\b[A-Za-z0-9.-]{1,64}_[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")


class OneLine(logging.Formatter):
    """One record, one line: `2026-11-20T10:11:12.345Z INFO datacatalog.worker[4711]: text | traceback`."""

    converter = time.gmtime  # type: ignore[assignment]  # as the documentation of logging does it
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s[%(process)d]: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).splitlines()
        text = _QUERY.sub("?…", " | ".join(line.strip() for line in lines))
        text = _NONCE.sub("…", text_without_secrets(text))
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def log_to_stderr(*, verbose: bool) -> None:
    """Write the log; `verbose` adds what the catalog itself says when it is debugged."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("datacatalog").setLevel(logging.DEBUG if verbose else logging.INFO)
