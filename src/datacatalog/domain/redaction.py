"""What must not leave the catalog inside other things: tokens and nonces in URLs, secrets among parameters.

A callback URL carries the update token of its job and a nonce; jobs keep such URLs in their data when a platform was handed
them. Whoever shows data to others passes it through here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

_WORD = (
    r"(?:token|nonce|secret|passw(?:or)?d|pwd|passphrase|credential|signature|authorization"
    r"|(?:api|access|private|secret)[_-]?key)"
)
_GUARDED = rf"(?:[\w.-]*{_WORD}s?[_-]?\d*)"
"""A name that says that what stands under it is a secret, whatever stands before it: `accessToken`, `AWS_SECRET_ACCESS_KEY`."""

_SECRET_NAME = re.compile(_GUARDED, re.I)
_SEVERAL = re.compile(r"s[_-]?\d*\Z", re.I)
# A parameter of a URL or of a form, also one whose `=` or `&` is percent-encoded (a URL within a URL).
_PARAMETER = re.compile(
    rf"((?:^|[?&;#,(\s\"']|%3F|%26|%23)(?:{_GUARDED}|sig)(?:=|%3D))(?:(?!%26|%23)[^&;#\s\"'<>])*", re.I
)
# A member of JSON, or of what looks like it, within a text.
_MEMBER = re.compile(
    rf"""((["']){_GUARDED}\2\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)""", re.I | re.S
)
# A header of HTTP. `invalid token: expired` is none.
_HEADER = re.compile(
    rf"(?<![\w.-])((?:x-{_GUARDED}|(?:proxy-)?authorization)[ \t]*:[ \t]*)(?:(?:basic|bearer|digest|token)[ \t]+)?[^\s\"',;]+",
    re.I,
)
_OPTION = re.compile(rf"((?:^|\s)--{_GUARDED}\s+)(?!-)[^\s\"']+", re.I)
_CALLBACKS = "notifications"
_BEYOND_HOST = re.compile(r"(\A[^/?#]*//[^/?#]*).+\Z", re.S)
_USER = re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://)[^\s/?#@]*@", re.I)
# `the bearer token is of level READ` shows none.
_BEARER = re.compile(r"\b(bearer\s+)(?!tokens?(?:[\s,:;)]|\Z))[\w.~+/=-]+", re.I)


def without_secrets(value: Any) -> Any:
    """Return a JSON value with its secrets replaced by `***`, however deeply nested.

    Secrets are what stands under a name like `token`, `accessToken`, `nonce`, `secret`, `password` or `api_key`, and under
    several of these unless it is a number (`max_tokens`); the values of such parameters in URLs, of such members in JSON
    within a text, of such headers and options of commands; user names and passwords in URLs; bearer tokens; and all
    but the host of the URLs of a job definition's `notifications`.
    """
    if isinstance(value, str):
        return text_without_secrets(value)
    if isinstance(value, Mapping):
        return {key: _under(str(key), said) for key, said in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(item) for item in value]
    return value


def _under(name: str, said: Any) -> Any:
    """Return what stands under a name."""
    if said and _is_secret(name, said):
        return HIDDEN
    if name == _CALLBACKS and isinstance(said, list | tuple):
        return [_callback(one) for one in said]
    return without_secrets(said)


def _callback(said: Any) -> Any:
    """Return who is told of a job: the host, and no more of the URL, whose every part may be the secret that opens it."""
    if isinstance(said, Mapping) and isinstance(said.get("url"), str):
        return {
            **without_secrets(said),
            "url": _BEYOND_HOST.sub(rf"\1/{HIDDEN}", text_without_secrets(said["url"])),
        }
    return without_secrets(said)


def text_without_secrets(text: str) -> str:
    """Return a text whose URLs tell no secrets; see `without_secrets`."""
    shown = _PARAMETER.sub(rf"\1{HIDDEN}", text)
    shown = _MEMBER.sub(rf'\1"{HIDDEN}"', shown)
    shown = _HEADER.sub(rf"\1{HIDDEN}", shown)
    shown = _OPTION.sub(rf"\1{HIDDEN}", shown)
    shown = _USER.sub(rf"\1{HIDDEN}@", shown)
    return _BEARER.sub(rf"\1{HIDDEN}", shown)


def _is_secret(name: str, said: Any) -> bool:
    """Tell whether a name says that this is a secret; `max_tokens` counts something."""
    if not _SECRET_NAME.fullmatch(name):
        return False
    return not (isinstance(said, int | float) and _SEVERAL.search(name))
