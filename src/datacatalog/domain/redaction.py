"""What must not leave the catalog inside other things: tokens and nonces in URLs, secrets among parameters.

A callback URL carries the update token of its job and a nonce; jobs keep such URLs in their data when a platform was handed
them. Whoever shows data to others passes it through here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

_GUARDED = (
    r"(?:[\w.-]*[_.-])?(?:token|nonce|secret|passw(?:or)?d|passphrase|credentials?|signature|api[_-]?key"
    r"|access[_-]?key|private[_-]?key|authorization)"
)
_SECRET_NAME = re.compile(_GUARDED, re.I)
# A parameter of a URL or of a form, also one whose `=` or `&` is percent-encoded (a URL within a URL).
_PARAMETER = re.compile(rf"((?:^|[?&;\s]|%3F|%26){_GUARDED}(?:=|%3D))(?:(?!%26|%23)[^&;#\s\"'<>])*", re.I)
_USER = re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://)[^\s/?#@]*@", re.I)
_BEARER = re.compile(r"\b(bearer\s+)[\w.~+/=-]+", re.I)


def without_secrets(value: Any) -> Any:
    """Return a JSON value with its secrets replaced by `***`, however deeply nested.

    Secrets are what stands under a name like `token`, `nonce`, `secret`, `password` or `api_key`; the values of such
    parameters in URLs; user names and passwords in URLs; and bearer tokens.
    """
    if isinstance(value, str):
        return text_without_secrets(value)
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _SECRET_NAME.fullmatch(str(key)) and said else without_secrets(said)
            for key, said in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(item) for item in value]
    return value


def text_without_secrets(text: str) -> str:
    """Return a text whose URLs tell no secrets; see `without_secrets`."""
    shown = _PARAMETER.sub(rf"\1{HIDDEN}", text)
    shown = _USER.sub(rf"\1{HIDDEN}@", shown)
    return _BEARER.sub(rf"\1{HIDDEN}", shown)
