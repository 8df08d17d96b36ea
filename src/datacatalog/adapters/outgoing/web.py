"""Requests over the network, by `requests`."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import BinaryIO, cast
from urllib.parse import urldefrag, urljoin

import requests
import urllib3
from urllib3 import BaseHTTPResponse

from datacatalog.adapters.outgoing.addresses import allowed, read_networks
from datacatalog.adapters.outgoing.connections import Door, Pools, until
from datacatalog.adapters.outgoing.dialing import Dialer, Resolver, resolve
from datacatalog.adapters.outgoing.origins import HostPattern, Origin, origin
from datacatalog.adapters.outgoing.quiet import quieten
from datacatalog.adapters.outgoing.requests import check_request, written
from datacatalog.adapters.outgoing.timing import Deadline
from datacatalog.domain.errors import ForbiddenTarget, InvalidField, Unreachable
from datacatalog.domain.redaction import text_without_secrets
from datacatalog.ports.outgoing import Reply, Stream

REDIRECTS_MAX = 5

_CHUNK_BYTES = 65536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Where requests may go, and what they may take.

    Attributes:
        origins: URLs that the operator configured by name; only scheme, host and port count, and their addresses may be
            private.
        hosts: `example.org`, `*.example.org` (what is below it), `example.org:8443`; without a port, those of http and
            https. All their addresses must be public, or in `private_networks`.
        private_networks: e.g. "10.1.0.0/16".
        trusted: URL -> PEM file of certificates that are believed at its origin, besides the usual authorities.
        connect_timeout_s: for each address of a host.
        read_timeout_s: how long nothing may move.
        total_timeout_s: for the whole of `send`, and until the headers of an answer in `open`; sending a file does not count.
        max_response_bytes: for `send`.
    """

    origins: Collection[str] = ()
    hosts: Collection[str] = ()
    private_networks: Collection[str] = ()
    trusted: Mapping[str, str] = field(default_factory=dict)
    connect_timeout_s: float = 5
    read_timeout_s: float = 30
    total_timeout_s: float = 120
    max_response_bytes: int = 16 * 1024 * 1024


class WebOutgoing:
    """Implements ports.outgoing.Outgoing; several threads may use one. No proxy and no .netrc of the machine is used."""

    def __init__(self, policy: Policy, *, resolver: Resolver = resolve) -> None:
        """Raises ValueError: the policy names something that is no URL, host or network."""
        self._policy = policy
        self._origins = frozenset(read_origin(url) for url in policy.origins)
        self._hosts = tuple(HostPattern.parse(text) for text in policy.hosts)
        self._networks = read_networks(policy.private_networks)
        pools = Pools(
            Dialer(self._origins, self._networks, resolver, policy.connect_timeout_s),
            send_timeout_s=policy.read_timeout_s,
            trusted={read_origin(url): file for url, file in policy.trusted.items()},
        )
        self._door = Door(pools)
        quieten()

    def check(self, url: str, place: str) -> None:
        self._target(url, place)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
    ) -> Reply:
        deadline = Deadline(self._policy.total_timeout_s)
        with self._answer(method, url, headers, body, deadline) as (to, answer):
            content = b"".join(self._limited(to, answer))
            return Reply(status=answer.status, headers=_lowered(answer), body=content)

    @contextmanager
    def open(self, method: str, url: str, *, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        deadline = Deadline(self._policy.total_timeout_s)
        with self._answer(method, url, headers, None, deadline) as (to, answer):
            deadline.lift()
            yield Stream(status=answer.status, headers=_lowered(answer), chunks=_chunks(to, answer))

    # ------------------------------------------------------------------------------------- the parts

    def _target(self, url: str, place: str) -> Origin:
        """Return where a URL leads to.  Raises InvalidField."""
        to = origin(url)
        if to is None:
            raise InvalidField(place, "is no plain http or https URL, without name and password")
        if to in self._origins:
            return to
        if not any(one.fits(to) for one in self._hosts):
            raise InvalidField(
                place, f"{to} is none of the hosts that may be reached from here (outgoing.hosts)"
            )
        if not self._literal(to):
            raise InvalidField(place, f"{to} is no public address, and in none of outgoing.private_networks")
        return to

    def _literal(self, to: Origin) -> bool:
        """Tell whether a host is a name, or an address that may be reached."""
        try:
            return allowed(ipaddress.ip_address(to.host), self._networks)
        except ValueError:
            return True

    @contextmanager
    def _answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes | BinaryIO | None,
        deadline: Deadline,
    ) -> Iterator[tuple[Origin, BaseHTTPResponse]]:
        """Ask, and follow redirects that stay where they are.  Raises as `send` does."""
        check_request(method, headers)
        try:
            to = self._target(url, "url")
        except InvalidField as e:
            raise ForbiddenTarget(str(e)) from e
        answer = self._asked(method, url, headers, body, deadline)
        for _ in range(REDIRECTS_MAX):
            onward = _onward(method, url, to, answer)
            if onward is None:
                break
            _let_go(answer)
            url = onward
            answer = self._asked(method, url, headers, body, deadline)
        try:
            yield to, answer
        finally:
            _let_go(answer)

    def _asked(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes | BinaryIO | None,
        deadline: Deadline,
    ) -> BaseHTTPResponse:
        """Send one request; return its answer with the body yet to be read.  Raises ForbiddenTarget, Unreachable."""
        to = self._target(url, "url")
        timeout = (self._policy.connect_timeout_s, self._policy.read_timeout_s)
        sent = written(headers, body)
        # A file without content would be announced as one of unknown length.
        content = b"" if sent.get("content-length") == "0" else body
        with _told(to), until(deadline):
            # No session: it would add what the machine's user has configured, and keep cookies.
            request = requests.Request(method, url, headers=sent, data=content).prepare()
            return cast(BaseHTTPResponse, self._door.send(request, stream=True, timeout=timeout).raw)

    def _limited(self, to: Origin, answer: BaseHTTPResponse) -> Iterator[bytes]:
        """Yield the body of an answer.  Raises Unreachable, also where it is packed: nobody asked for that."""
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise Unreachable(f"{to}: its answer is packed, which was not asked for")
        size, limit = 0, self._policy.max_response_bytes
        for chunk in _chunks(to, answer):
            size += len(chunk)
            if size > limit:
                raise Unreachable(f"{to}: its answer is longer than {limit} bytes")
            yield chunk


def read_origin(url: str) -> Origin:
    """Return the origin of a configured URL.  Raises ValueError."""
    found = origin(url)
    if found is None:
        raise ValueError(f"'{text_without_secrets(url)}' is no http or https URL that requests can go to")
    return found


def _onward(method: str, url: str, to: Origin, answer: BaseHTTPResponse) -> str | None:
    """Return where an answer leads on to, if that is the same origin; None: it is the answer."""
    location = answer.headers.get("location")
    if answer.status not in _REDIRECTS or method not in ("GET", "HEAD") or not location:
        return None
    try:
        onward = urldefrag(urljoin(url, location)).url
    except ValueError:
        return None
    return onward if origin(onward) == to else None


def _chunks(to: Origin, answer: BaseHTTPResponse) -> Iterator[bytes]:
    """Yield the body of an answer as it comes.  Raises Unreachable."""
    with _told(to):
        yield from answer.stream(_CHUNK_BYTES)


def _let_go(answer: BaseHTTPResponse) -> None:
    """Keep the connection for others if the answer was read to its end; close it otherwise."""
    answer.close()
    answer.release_conn()


def _lowered(answer: BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


@contextmanager
def _told(to: Origin) -> Iterator[None]:
    """Turn the errors of a connection into ours, which quote nothing of the URL but its origin."""
    try:
        yield
    except (urllib3.exceptions.HTTPError, HTTPException, OSError) as e:
        # `from None`: the libraries' errors quote the whole URL.
        raise Unreachable(f"{to}: {_reason(e)}") from None


def _reason(error: BaseException) -> str:
    """Say in a few words what went wrong, as far as that is known."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not believed: {cause.verify_message}"
        if isinstance(cause, urllib3.exceptions.TimeoutError | TimeoutError):
            return "it did not answer in time"
    return f"the connection broke ({type(error).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it tells of, the outermost first."""
    yield error
    for one in (error.__cause__, getattr(error, "reason", None), *error.args):
        if isinstance(one, BaseException):
            yield from _causes(one)
