"""Requests over the network, by `requests`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

import requests

from datacatalog.domain.errors import ForbiddenTarget, InvalidField, Unreachable
from datacatalog.ports.outgoing import Reply, Stream

_CHUNK_BYTES = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Where requests may go, and what they may take.

    Attributes:
        origins: `scheme://host:port` that the operator configured by name; they may have private addresses.
        hosts: names, `*.example.org`, `host:port`; their addresses must be public, or in `private_networks`.
        private_networks: e.g. "10.1.0.0/16".
    """

    origins: Collection[str] = ()
    hosts: Collection[str] = ()
    private_networks: Collection[str] = ()
    connect_timeout_s: float = 5
    read_timeout_s: float = 30
    total_timeout_s: float = 120
    max_response_bytes: int = 16 * 1024 * 1024


class WebOutgoing:
    """Implements ports.outgoing.Outgoing."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def check(self, url: str, place: str) -> None:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme not in ("http", "https") or (
            origin not in self._policy.origins and parts.netloc not in self._policy.hosts
        ):
            raise InvalidField(place, "is none of the hosts that may be reached from here")

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
    ) -> Reply:
        with self._sent(method, url, headers, body) as answer:
            content = b"".join(_limited(answer, self._policy.max_response_bytes))
            return Reply(status=answer.status_code, headers=_lowered(answer), body=content)

    @contextmanager
    def open(self, method: str, url: str, *, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        with self._sent(method, url, headers, None) as answer:
            chunks = answer.iter_content(_CHUNK_BYTES)
            yield Stream(status=answer.status_code, headers=_lowered(answer), chunks=chunks)

    @contextmanager
    def _sent(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes | BinaryIO | None
    ) -> Iterator[requests.Response]:
        try:
            self.check(url, "url")
        except InvalidField as e:
            raise ForbiddenTarget(str(e)) from e
        timeout = (self._policy.connect_timeout_s, self._policy.read_timeout_s)
        # `from None`: the library's errors quote the whole URL.
        try:
            with requests.Session() as session:
                session.trust_env = False
                yield session.request(
                    method,
                    url,
                    headers=headers,
                    data=body,
                    timeout=timeout,
                    allow_redirects=False,
                    stream=True,
                )
        except requests.RequestException as e:
            raise Unreachable(f"{urlsplit(url).hostname}: {type(e).__name__}") from None


def _limited(answer: requests.Response, limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in answer.iter_content(_CHUNK_BYTES):
        size += len(chunk)
        if size > limit:
            raise Unreachable(f"the answer is longer than {limit} bytes")
        yield chunk


def _lowered(answer: requests.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}
