"""What a request says besides its body, as the gateway reads it."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from datacatalog.interfaces.http.reading import source


@pytest.mark.parametrize(
    ("host", "whom"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::2", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_of_one_ipv6_network_are_one_source(host: str, whom: str):
    assert source(Request({"type": "http", "client": (host, 1)})) == whom


def test_request_from_nowhere_has_no_source():
    assert source(Request({"type": "http", "client": None})) == ""
