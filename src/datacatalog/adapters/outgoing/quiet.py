"""URLs carry secrets, and urllib3 writes them out whole: of those in its log, the origin is left."""

from __future__ import annotations

import logging
import re
from typing import Any

_LOGGERS = ("urllib3.connection", "urllib3.connectionpool", "urllib3.response", "urllib3.util.retry")
_URL = re.compile(r"(?i)\b(https?://)(?:[^\s/?#@]*@)?([^\s/?#]*)[^\s'\"]*")


def quieten() -> None:
    """Cut the URLs in urllib3's log, from now on and in the whole process."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_without_paths)


def _without_paths(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_cut(value) for value in record.args)
    return True


def _cut(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return "/…" if value.startswith("/") else _URL.sub(r"\1\2", value)
