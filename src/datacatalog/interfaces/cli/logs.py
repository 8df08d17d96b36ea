"""The log of services, on standard error and without secrets: one line per record, for people or for programs."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Mapping

from datacatalog.domain.redaction import text_without_secrets
from datacatalog.ports.telemetry import FACTS, facts

# Parameters of callback URLs are tokens and nonces, and libraries print URLs whole.
_QUERY = re.compile(r"\?[^\s\"'<>]*=[^\s\"'<>]*")
# A nonce shows what it is, wherever it stands (services.nonces.add_nonce): in the path of the address that revokes it, say.
_NONCE = re.compile(r"\b[A-Za-z0-9.-]{1,64}_[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")
# Whatever is a secret by any of the patterns has one of these in it; most lines have none, and need not be searched eight times.
_TELLING = ("token", "nonce", "secret", "pass", "pwd", "cred", "sig", "auth", "key", "bearer", "_", "?", "@")

FIELDS: Mapping[str, str] = {
    "time": "RFC 3339, UTC, with milliseconds",
    "level": "`DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`",
    "logger": "the part of the program that speaks",
    "pid": "its process",
    "message": "the text",
    "exception": "the traceback, where there is one",
    **FACTS,
}
"""Fields of a record as JSON; the facts are those that are known of the work it is about (ports.telemetry)."""

LEVELS = ("debug", "info", "warning", "error")


def shown(text: str) -> str:
    """Return a text of the log without secrets."""
    low = text.lower()
    if text.isascii() and not any(word in low for word in _TELLING):
        return text
    return _NONCE.sub("…", text_without_secrets(_QUERY.sub("?…", text)))


class OneLine(logging.Formatter):
    """One record, one line: `2026-11-20T10:11:12.345Z INFO datacatalog.worker[4711]: text | traceback`."""

    converter = time.gmtime  # type: ignore[assignment]  # as the documentation of logging does it
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s[%(process)d]: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).splitlines()
        text = shown(" | ".join(line.strip() for line in lines))
        if text.isprintable():
            return text
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class OneObject(OneLine):
    """One record, one line: a JSON object with the fields of `FIELDS`, of which those that say nothing are left out."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, str | int] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process or 0,
            "message": shown(record.getMessage()),
        }
        if record.exc_info:
            said["exception"] = shown(self.formatException(record.exc_info))
        known = facts()
        said |= {name: shown(known[name]) for name in FACTS if name in known}
        return json.dumps(said)


def log_to_stderr(log: Mapping[str, str] | None = None, *, verbose: bool = False, force: bool = True) -> None:
    """Write the log.

    Args:
        log: `format` and `level`, as configured; None: they are not known yet.
        verbose: as if the level was `debug`: what the catalog itself says when it is debugged. What libraries say then stays
            unsaid.
        force: whether it goes there even where somebody else has begun to keep the log of this process.
    """
    said = {"format": "text", "level": "info", **(log or {})}
    level = logging.DEBUG if verbose else getattr(logging, said["level"].upper())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneObject() if said["format"] == "json" else OneLine())
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=force)
    logging.getLogger("datacatalog").setLevel(level)
