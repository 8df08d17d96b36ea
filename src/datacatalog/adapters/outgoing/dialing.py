"""Connections to the addresses of a host: resolved, checked and connected to in one go, so that no later answer counts."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Collection, Sequence

from datacatalog.adapters.outgoing.addresses import Address, Network, allowed
from datacatalog.adapters.outgoing.origins import Origin
from datacatalog.adapters.outgoing.timing import Deadline, TimedSocket
from datacatalog.domain.errors import ForbiddenTarget, Unreachable

Resolver = Callable[[str], Sequence[str]]
"""From a host to its addresses, the best first.  Raises OSError."""


def resolve(host: str) -> Sequence[str]:
    """Implements Resolver, as this machine does."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Dialer:
    """Connects to hosts.

    Args:
        by_name: origins that are configured by name, whatever their addresses.
        networks: further addresses that may be connected to, besides public ones.
    """

    def __init__(
        self,
        by_name: Collection[Origin],
        networks: Collection[Network],
        resolver: Resolver,
        connect_timeout_s: float,
    ) -> None:
        self._by_name, self._networks = by_name, networks
        self._resolver, self._timeout_s = resolver, connect_timeout_s

    def dial(self, to: Origin, deadline: Deadline) -> TimedSocket:
        """Connect to a host.

        Raises:
            ForbiddenTarget: one of its addresses may not be reached; none was tried.
            Unreachable: it has no address, or none takes connections.
            TimeoutError: the deadline is over.
        """
        addresses = self._addresses(to, deadline)
        if to not in self._by_name and not all(allowed(one, self._networks) for one in addresses):
            raise ForbiddenTarget(f"{to} leads to an address that may not be reached from here")
        for address in addresses:
            try:
                return self._connected(address, to.port, deadline)
            except OSError:
                continue
        deadline.left(None)
        raise Unreachable(f"{to}: nobody takes connections")

    def _connected(self, address: Address, port: int, deadline: Deadline) -> TimedSocket:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = TimedSocket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.left(self._timeout_s))
            sock.connect((str(address), port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        sock.deadline = deadline
        return sock

    def _addresses(self, to: Origin, deadline: Deadline) -> list[Address]:
        """Ask for the addresses of a host.  Raises Unreachable."""
        try:
            return [ipaddress.ip_address(to.host)]
        except ValueError:
            pass
        answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolver(to.host))
            except (OSError, ValueError) as e:
                answers.put(e)

        # The resolver of the system has no timeout that could be set: it is asked aside, and not waited for.
        threading.Thread(target=ask, daemon=True, name="resolver").start()
        try:
            found = answers.get(timeout=deadline.left(self._timeout_s))
        except queue.Empty:
            raise Unreachable(f"{to}: its name was not resolved in time") from None
        if isinstance(found, Exception) or not found:
            raise Unreachable(f"{to}: its name is not known")
        return [ipaddress.ip_address(one) for one in found]
