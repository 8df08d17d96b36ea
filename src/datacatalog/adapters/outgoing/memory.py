"""Requests that go nowhere: they are kept, and answered by a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from datacatalog.adapters.outgoing.origins import origin
from datacatalog.adapters.outgoing.requests import check_request
from datacatalog.domain.errors import ForbiddenTarget, InvalidField
from datacatalog.ports.outgoing import Reply, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request that was sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class MemoryOutgoing:
    """Implements ports.outgoing.Outgoing; redirects are not followed.

    Attributes:
        answer: from what is sent to its reply; it may raise Unreachable.
        forbidden: begins of URLs that may not be reached.
        sent: oldest first.
    """

    answer: Callable[[Sent], Reply] = lambda sent: Reply(status=200)
    forbidden: tuple[str, ...] = ()
    sent: list[Sent] = field(default_factory=list)

    def check(self, url: str, place: str) -> None:
        to = origin(url)
        if to is None:
            raise InvalidField(place, "is no plain http or https URL, without name and password")
        if url.startswith(self.forbidden or ("\0",)):
            raise InvalidField(place, f"{to} is none of the hosts that may be reached from here")

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
    ) -> Reply:
        check_request(method, headers)
        try:
            self.check(url, "url")
        except InvalidField as e:
            raise ForbiddenTarget(str(e)) from e
        content = b"" if body is None else body if isinstance(body, bytes) else body.read()
        self.sent.append(Sent(method=method, url=url, headers=dict(headers or {}), body=content))
        reply = self.answer(self.sent[-1])
        return replace(reply, headers={name.lower(): value for name, value in reply.headers.items()})

    @contextmanager
    def open(self, method: str, url: str, *, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        reply = self.send(method, url, headers=headers)
        yield Stream(status=reply.status, headers=reply.headers, chunks=iter([reply.body]))
