"""Requests to one service of another site, and what its answers come down to.

    no answer, 408, 425, 429, 5xx, a redirect, an answer of another form    PlatformDown: worth another try
    401                                                                     Misconfigured: the token is not accepted
    403                                                                     Refused, with the service's own message
    404                                                                     what the caller says is missing
    409                                                                     Conflict, with the service's own message
    other 4xx                                                               InvalidField, with the service's own message

Agave and Tapis wrap what they answer in the same way: `{"status": "success", "message": ..., "result": ...}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlencode

from datacatalog.adapters.remote.answers import PAGE, an_object, paged, printable, read
from datacatalog.adapters.streams import as_file
from datacatalog.domain.documents import JsonObject
from datacatalog.domain.errors import (
    Conflict,
    DatacatalogError,
    InvalidField,
    Misconfigured,
    PlatformDown,
    Refused,
    Unreachable,
)
from datacatalog.ports.outgoing import Outgoing, Reply

_LATER = frozenset({408, 425, 429})
_ERROR_BYTES = 65_536
_PLAIN = re.compile(r"[A-Za-z0-9_.:~-]{1,255}")


class Tokens(Protocol):
    """Where the token comes from that is sent along."""

    def current(self) -> str:
        """Return the token to send.  Raises Misconfigured (none is to be had), PlatformDown."""
        ...

    def after(self, rejected: str) -> str | None:
        """Return another one, now that this one was not accepted; None: there is none.  Raises as `current`."""
        ...


class Fixed:
    """A token that was configured."""

    def __init__(self, token: str) -> None:
        self._token = token

    def current(self) -> str:
        return self._token

    def after(self, rejected: str) -> str | None:
        return None


class Conversation:
    """Speaks to the service at `url`."""

    def __init__(
        self,
        outgoing: Outgoing,
        url: str,
        tokens: Tokens,
        *,
        header: str,
        scheme: str = "",
    ) -> None:
        """
        Args:
            url: base URL, with or without a slash at its end.
            header: name of the header that carries the token, e.g. "X-Tapis-Token".
            scheme: what stands before the token there, e.g. "Bearer".
        """
        self._outgoing, self.url, self._tokens = outgoing, url.rstrip("/"), tokens
        self._header, self._scheme = header, scheme

    def get(self, path: str, missing: DatacatalogError, *, query: Mapping[str, object] | None = None) -> Any:
        """Return the result of a GET.

        Args:
            path: below the base URL, quoted.
            missing: raised where there is no such thing.
        """
        return self._result("GET", path + _query(query), None, missing, "", {})

    def pages(
        self,
        path: str,
        missing: DatacatalogError,
        query: Mapping[str, object] | None = None,
        *,
        skip: str = "offset",
        start: int = 0,
    ) -> Iterator[JsonObject]:
        """Yield what the GETs of a long list tell, page by page.

        Args:
            skip: what the service calls the number of entries to pass over.
            start: that number of the first page.
        """

        def page(entries: int) -> Any:
            return self.get(path, missing, query={**(query or {}), "limit": PAGE, skip: entries})

        return paged(page, _what("GET", path), start=start)

    def send(
        self,
        method: str,
        path: str,
        body: object,
        missing: DatacatalogError,
        *,
        place: str,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the result of a request with a JSON body.

        Args:
            body: None: the request has none.
            place: what of ours the service may find wrong, for InvalidField.
            headers: further ones.
        """
        try:
            content = None if body is None else json.dumps(body, allow_nan=False).encode()
        except (TypeError, ValueError) as e:
            raise InvalidField(place, f"cannot be written as JSON: {e}") from e
        kind = {} if content is None else {"Content-Type": "application/json"}
        told = {**kind, **(headers or {})}
        return self._result(method, path + _query(query), content, missing, place, told)

    def delete(self, path: str, missing: DatacatalogError, *, place: str) -> Any:
        """Return the result of a DELETE."""
        return self._result("DELETE", path, None, missing, place, {})

    def upload(
        self, path: str, body: BinaryIO, missing: DatacatalogError, *, place: str, content_type: str
    ) -> Any:
        """Return the result of a POST whose body is read while it is sent, once: a token that expired is not renewed for it."""
        what = _what("POST", path)
        headers = {**self._headers(self._tokens.current()), "Content-Type": content_type}
        try:
            reply = self._outgoing.send("POST", self.url + path, headers=headers, body=body)
        except Unreachable as e:
            raise PlatformDown(f"{what}: {e}") from e
        return self._unwrapped(reply, what, missing, place)

    def open(self, path: str, missing: DatacatalogError) -> BinaryIO:
        """Open what a GET answers, however long it is. Reading from it raises PlatformDown where it breaks off."""
        what = _what("GET", path)
        token = self._tokens.current()
        for _ in range(2):
            stack = ExitStack()
            try:
                answer = stack.enter_context(
                    self._outgoing.open("GET", self.url + path, headers=self._headers(token))
                )
                if 200 <= answer.status < 300:
                    return as_file(_whole(answer.chunks, what), stack.pop_all().close)
                body = _head(answer.chunks)
            except Unreachable as e:
                raise PlatformDown(f"{what}: {e}") from e
            finally:
                stack.close()
            renewed = self._tokens.after(token) if answer.status == 401 else None
            if renewed is None:
                break
            token = renewed
        raise self._trouble(Reply(status=answer.status, body=body), what, missing, "path")

    # ------------------------------------------------------------------------------------- the parts

    def _result(
        self,
        method: str,
        path: str,
        content: bytes | None,
        missing: DatacatalogError,
        place: str,
        headers: Mapping[str, str],
    ) -> Any:
        what = _what(method, path)
        try:
            reply = self._reply(method, path, content, headers)
        except Unreachable as e:
            raise PlatformDown(f"{what}: {e}") from e
        return self._unwrapped(reply, what, missing, place)

    def _unwrapped(self, reply: Reply, what: str, missing: DatacatalogError, place: str) -> Any:
        """Return the result in an answer."""
        if not reply.ok:
            raise self._trouble(reply, what, missing, place)
        envelope = an_object(read(reply.body, what), what)
        if envelope.get("status") == "error":
            raise PlatformDown(f"{what} is an error: {printable(envelope.get('message'))}")
        if "result" not in envelope:
            raise PlatformDown(f"{what} has no 'result'")
        return envelope["result"]

    def _reply(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Reply:
        def sent(token: str) -> Reply:
            shown = {**self._headers(token), **headers}
            return self._outgoing.send(method, self.url + path, headers=shown, body=content)

        token = self._tokens.current()
        reply = sent(token)
        renewed = self._tokens.after(token) if reply.status == 401 else None
        return reply if renewed is None else sent(renewed)

    def _headers(self, token: str) -> dict[str, str]:
        shown = {self._header: f"{self._scheme} {token}".lstrip()} if token else {}
        return {"Accept": "application/json", **shown}

    def _trouble(self, reply: Reply, what: str, missing: DatacatalogError, place: str) -> DatacatalogError:
        said = _message(reply.body)
        told = f": {said}" if said else ""
        if reply.status == 401:
            return Misconfigured(
                f"{self.url} does not accept the token (platform_token of secrets.json){told}"
            )
        if reply.status == 403:
            return Refused(f"{self.url} does not let the account of this installation do that{told}")
        if reply.status == 404:
            return missing
        if reply.status == 409:
            return Conflict(said or f"{what} is that something else is there already")
        if 400 <= reply.status < 500 and reply.status not in _LATER:
            return InvalidField(place or "request", said or f"is not accepted by {self.url} ({reply.status})")
        return PlatformDown(f"{what} is {reply.status}{told}")


def is_plain(id: str) -> bool:
    """Tell whether an id can stand in a URL as it is; others are none that a service gives."""
    return _PLAIN.fullmatch(id) is not None and set(id) != {"."}


def _query(query: Mapping[str, object] | None) -> str:
    return f"?{urlencode(query)}" if query else ""


def _what(method: str, path: str) -> str:
    return f"the answer to {method} {path.partition('?')[0][:200]}"


def _message(body: bytes) -> str:
    """Return what an error says of itself: the message of an envelope, or nothing."""
    try:
        envelope = read(body, "")
    except PlatformDown:
        return ""
    return printable(envelope.get("message")) if isinstance(envelope, Mapping) else ""


def _whole(chunks: Iterator[bytes], what: str) -> Iterator[bytes]:
    try:
        yield from chunks
    except Unreachable as e:
        raise PlatformDown(f"{what} broke off: {e}") from e


def _head(chunks: Iterator[bytes]) -> bytes:
    found = b""
    for chunk in chunks:
        found += chunk
        if len(found) > _ERROR_BYTES:
            break
    return found[:_ERROR_BYTES]
