"""Requests to others: platforms, key servers, whoever subscribed. Where they may go is decided here, and nowhere else.

An `Outgoing` is made for one purpose, with the hosts that this purpose may reach. It follows no redirect to another origin,
reaches no private address that is not configured (whatever a name resolves to, and when), waits no longer than its
timeouts and reads no more than its limit. URLs carry secrets: no error and no log line quotes more of one than its origin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was answered, whatever its status.

    Attributes:
        headers: by their names in lower case.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An answer whose body is read piece by piece; it may be of any size."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class Outgoing(Protocol):
    def check(self, url: str, place: str) -> None:
        """Make sure that requests may go to a URL, as far as can be told without asking anybody.

        Args:
            place: what holds the URL, for the error.
        Raises:
            InvalidField: it is no http or https URL, or its host is none of those that may be reached.
        """
        ...

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
    ) -> Reply:
        """Send a request and read its whole answer.

        Redirects are followed where method and origin stay the same; others are the answer.

        Raises:
            InvalidField: the method or a header is none; nothing was sent.
            ForbiddenTarget: it may not go there; nothing was sent.
            Unreachable: nobody answered in time, or more than the limit; worth another try.
        """
        ...

    def open(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Stream]:
        """Send a request and read its answer piece by piece, as it was sent: packed, if it is.

        Raises as `send` does, while it is read too.
        """
        ...
