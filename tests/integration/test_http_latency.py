"""Answers leave at once: nothing in the way of a request waits for a timer of the network."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from datacatalog.interfaces.http.sockets import listen


@pytest.fixture(params=["inherited from nobody", "inherited from another process"])
def listening(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    sock = listen("127.0.0.1", 0)
    if request.param == "inherited from another process":
        sock = socket.socket(fileno=sock.detach())
    with sock:
        yield sock


def test_connections_send_small_pieces_without_waiting_for_acknowledgements(listening: socket.socket) -> None:
    with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
