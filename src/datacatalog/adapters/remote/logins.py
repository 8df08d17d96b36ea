"""Tokens that are asked for with a name and a password when one is needed, since a platform's own last for hours.

Source: the Agave documents, "Authorization" (POST /token, RFC 6749 4.3 and 4.4); Tapis "Authenticator", version 1
(POST /v3/oauth2/tokens, NewToken, TokenResponse).
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from datacatalog.adapters.remote.answers import an_object, read, text
from datacatalog.domain.errors import Misconfigured, PlatformDown, Unreachable
from datacatalog.ports.outgoing import Outgoing

_REFUSED = frozenset({400, 401, 403})


class Login:
    """Implements conversation.Tokens: one token for all threads, asked for again once it is not accepted any more."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask, self._token, self._lock = ask, "", threading.Lock()

    def current(self) -> str:
        with self._lock:
            self._token = self._token or self._ask()
            return self._token

    def after(self, rejected: str) -> str | None:
        with self._lock:
            if self._token == rejected:
                self._token = ""
                self._token = self._ask()
            return self._token


def agave_login(outgoing: Outgoing, url: str, account: Mapping[str, str]) -> Callable[[], str]:
    """Return what asks an Agave tenant for a token.

    Args:
        account: client_id and client_secret; username and password, without which the client speaks for itself.
    """

    def ask() -> str:
        grant = "password" if account.get("username") else "client_credentials"
        form = {"grant_type": grant, **_given(account, "username", "password"), "scope": "PRODUCTION"}
        headers = {"Content-Type": "application/x-www-form-urlencoded", **_basic(account)}
        answer = _asked(outgoing, f"{url}/token", headers, urlencode(form).encode())
        return text(answer, "access_token", "the answer to a login")

    return ask


def tapis_login(outgoing: Outgoing, url: str, account: Mapping[str, str]) -> Callable[[], str]:
    """Return what asks a Tapis tenant for a token.

    Args:
        account: username and password; client_id and client_secret, where the tenant wants a client.
    """

    def ask() -> str:
        body = {"grant_type": "password", **_given(account, "username", "password")}
        headers = {"Content-Type": "application/json", **_basic(account)}
        answer = _asked(outgoing, f"{url}/v3/oauth2/tokens", headers, json.dumps(body).encode())
        what = "the answer to a login"
        token = an_object(an_object(answer.get("result"), what).get("access_token"), what)
        return text(token, "access_token", what)

    return ask


def _asked(outgoing: Outgoing, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
    try:
        reply = outgoing.send("POST", url, headers={"Accept": "application/json", **headers}, body=body)
    except Unreachable as e:
        raise PlatformDown(f"a login at {url}: {e}") from e
    if reply.status in _REFUSED:
        raise Misconfigured(f"{url} does not accept platform_login of secrets.json ({reply.status})")
    if not reply.ok:
        raise PlatformDown(f"the answer to a login at {url} is {reply.status}")
    return an_object(read(reply.body, "the answer to a login"), "the answer to a login")


def _basic(account: Mapping[str, str]) -> dict[str, str]:
    if not account.get("client_id"):
        return {}
    pair = f"{account['client_id']}:{account.get('client_secret', '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _given(account: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: account[name] for name in names if account.get(name)}
