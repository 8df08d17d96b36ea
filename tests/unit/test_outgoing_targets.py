"""Which URLs and addresses are where requests may go."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from datacatalog.adapters.outgoing.addresses import allowed, read_networks
from datacatalog.adapters.outgoing.origins import HostPattern, Origin, origin
from datacatalog.adapters.outgoing.web import Policy, WebOutgoing
from datacatalog.domain.errors import InvalidField

# ------------------------------------------------------------------------------------------- origins


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://Gateway:8000/x?y#z", Origin("http", "gateway", 8000)),
        ("HTTPS://gateway", Origin("https", "gateway", 443)),
        ("http://127.0.0.1:8000/a?s=${JOB_STATUS}", Origin("http", "127.0.0.1", 8000)),
        ("http://[::1]:8000/", Origin("http", "::1", 8000)),
        ("http://[0:0::0:1]/", Origin("http", "::1", 80)),
        ("http://[::FFFF:127.0.0.1]/", Origin("http", str(IPv6Address("::ffff:7f00:1")), 80)),
        ("http://gateway./", Origin("http", "gateway.", 80)),
        ("http://gateway:/", Origin("http", "gateway", 80)),
        ("http://a_b.xn--mgbh0fb.example/", Origin("http", "a_b.xn--mgbh0fb.example", 80)),
        ("ftp://gateway/", None),
        ("//gateway/", None),
        ("http://", None),
        ("http://.", None),
        ("http://gateway../", None),
        ("http://-gateway/", None),
        (f"http://{'g' * 64}/", None),
        (f"http://{'g.' * 150}g/", None),
        ("http://user:secret@gateway/", None),
        ("http://@gateway/", None),
        ("http://gateway:99999/", None),
        ("http://gateway:0/", None),
        ("http://gateway:x/", None),
        ("http://gateway:8000:9000/", None),
        ("http://gate way/", None),
        ("http://gate%77ay/", None),
        ("http://gateway\\@other/", None),
        ("http://gateway\n.other/", None),
        ("http://gatewäy/", None),
        ("http://gateway／other/", None),
        ("http://[gateway]/", None),
        ("http://[::1%25lo]/", None),
        ("http://[::1]other/", None),
        ("http://[v1.x]/", None),
    ],
)
def test_origin_is_read_only_from_plain_urls(url: str, found: Origin | None) -> None:
    assert origin(url) == found


def test_origin_is_written_as_a_url() -> None:
    assert str(Origin("http", "::1", 8000)) == "http://[::1]:8000"
    assert origin(str(Origin("https", "::1", 443))) == Origin("https", "::1", 443)
    assert str(Origin("https", "example.org", 443)) == "https://example.org:443"


PIECES = ["http", "https", ":", "/", "//", "\\", "@", "?", "#", "[", "]", "%", ".", "..", "::1", "127.0.0.1"]
URLS = st.lists(st.sampled_from([*PIECES, "a", "B", "-", "80", "é", " ", "\t", "\n", "\0"]), max_size=12)


@given(pieces=URLS)
@example(pieces=["http", ":", "//", "a", "\\", "@", "B"])
def test_origin_is_what_other_readers_of_urls_find(pieces: list[str]) -> None:
    url = "http://" + "".join(pieces)
    found = origin(url)
    if found is not None:
        other = parse_url(url)
        host = (other.host or "").strip("[]")
        assert found.host == (str(IPv6Address(host)) if ":" in host else host)
        assert (found.scheme, found.port) == (other.scheme, other.port or 80)
        assert other.auth is None


# --------------------------------------------------------------------------------------------- hosts


@pytest.mark.parametrize(
    ("line", "fitting", "others"),
    [
        (
            "Hooks.example.org",
            ["http://hooks.example.org/", "https://HOOKS.example.org", "https://hooks.example.org:443"],
            [
                "https://hooks.example.org:8443",
                "http://hooks.example.org:443",
                "http://a.hooks.example.org",
                "http://example.org",
                "http://hooks.example.org.",
                "http://hooks.example.org.evil.org",
            ],
        ),
        (
            "*.example.org",
            ["http://a.example.org", "https://a.b.example.org"],
            ["http://example.org", "http://aexample.org", "http://a.example.org:81", "http://.example.org"],
        ),
        ("*.example.org:8443", ["https://a.example.org:8443", "http://a.example.org:8443"], ["https://a.example.org"]),
        ("example.org:80", ["http://example.org"], ["https://example.org"]),
        ("[::1]:81", ["http://[0::1]:81/"], ["http://[::1]/", "http://[::2]:81"]),
        ("[::1]", ["http://[0::1]/"], ["http://[::1]:81/"]),
        ("192.0.2.1", ["http://192.0.2.1"], ["http://192.0.2.10", "http://3221225985"]),
    ],
)  # fmt: skip
def test_line_of_hosts_takes_in_what_it_says(line: str, fitting: list[str], others: list[str]) -> None:
    pattern = HostPattern.parse(line)
    for url in fitting:
        found = origin(url)
        assert found is not None
        assert pattern.fits(found), url
    for url in others:
        found = origin(url)
        assert found is None or not pattern.fits(found), url


@pytest.mark.parametrize(
    "line",
    ["", "*", "*.", "*.*", "*.org", "a.*.org", "*.10.0.0.1", "*.[::1]", "http://example.org", "example.org/",
     "example.org/hook", "example.org?x", "example.org#x", "user@example.org", "example.org:", "example.org:x",
     "example.org:0", "example.org:99999", "bücher.example", "::1", "a b"],
)  # fmt: skip
def test_line_that_is_no_host_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"is no host|too much"):
        HostPattern.parse(line)


@given(name=st.lists(st.sampled_from("ab."), max_size=8).map("".join))
def test_names_below_a_host_end_with_it_and_are_longer(name: str) -> None:
    found = origin(f"http://{name}example.org/")
    if found is not None and HostPattern.parse("*.example.org").fits(found):
        assert name.strip(".")
        assert name.endswith(".")


# ------------------------------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "address",
    ["168.63.129.16", "192.88.99.1", "::ffff:168.63.129.16",
     "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
     "192.0.0.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
     "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
     "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "3fff::1",
     "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "ff0e::1"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_not_reached(address: str) -> None:
    assert not allowed(ipaddress.ip_address(address), ())


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "2606:2800:220:1::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_public_addresses_are_reached(address: str) -> None:
    assert allowed(ipaddress.ip_address(address), ())


def embeddings(address: IPv4Address) -> list[IPv6Address]:
    """All the IPv6 addresses by which packets may come to an IPv4 one."""
    number = int(address)
    return [
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(0x64FF9B << 96 | number),
        IPv6Address(0x2002 << 112 | number << 80 | 7),
        # Teredo: by way of a public server, with the client's address turned over.
        IPv6Address(0x20010000 << 96 | int(IPv4Address("8.8.8.8")) << 64 | (number ^ 0xFFFFFFFF)),
    ]


V4 = st.one_of(st.ip_addresses(v=4), st.sampled_from(["10.0.0.1", "127.0.0.1", "8.8.8.8"]).map(IPv4Address))


@given(address=V4)
def test_address_in_disguise_is_reached_if_it_would_be_without(address: IPv4Address) -> None:
    for disguised in embeddings(address):
        assert allowed(disguised, ()) == allowed(address, ()), disguised


@given(address=st.one_of(V4, st.ip_addresses(v=6)))
def test_what_is_reached_is_global(address: IPv4Address | IPv6Address) -> None:
    if allowed(address, ()):
        meant = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
        assert meant.is_global or address in ipaddress.ip_network(
            "2001::/32" if address.version == 6 else "0.0.0.0/32"
        )
        assert not meant.is_multicast


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00::7"])
def test_networks_of_the_operator_are_reached(address: str) -> None:
    networks = read_networks(["10.1.0.0/16", "fd00::/64"])
    assert allowed(ipaddress.ip_address(address), networks)


@pytest.mark.parametrize("address", ["10.2.0.1", "::ffff:10.2.0.1", "127.0.0.1", "fd00:0:0:1::7"])
def test_nor_are_others(address: str) -> None:
    networks = read_networks(["10.1.0.0/16", "fd00::/64"])
    assert not allowed(ipaddress.ip_address(address), networks)


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "10.1.2.3/16", "example.org", "10.0.0", "::/129"])
def test_network_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no network"):
        read_networks([text])


# -------------------------------------------------------------------------------------------- policies


POLICY = Policy(
    origins=["http://127.0.0.1:8000/catalog"],
    hosts=["hooks.example.org", "10.1.2.3:81", "127.0.0.1:82"],
    private_networks=["10.1.0.0/16"],
)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/elsewhere", "https://hooks.example.org/x", "http://10.1.2.3:81/"],
)
def test_policy_takes_in_what_it_names(url: str) -> None:
    WebOutgoing(POLICY).check(url, "url")


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:8000/", "http://127.0.0.1/", "http://127.0.0.1:82/", "http://10.1.2.3/", "http://10.1.2.4:81/",
     "http://hooks.example.org:8000/", "http://example.org", "http://localhost:8000/", "http://2130706433:8000/"],
)  # fmt: skip
def test_policy_leaves_out_the_rest(url: str) -> None:
    with pytest.raises(
        InvalidField, match=r"none of (the hosts .* \(outgoing\.hosts\)|outgoing\.private_networks)$"
    ):
        WebOutgoing(POLICY).check(url, "url")


def test_listed_address_that_is_not_public_is_told_from_one_that_is_not_listed():
    policy = Policy(hosts=["10.1.2.3:80"])
    with pytest.raises(InvalidField, match=r"http://10\.1\.2\.3:80 is no public address"):
        WebOutgoing(policy).check("http://10.1.2.3/", "url")
    with pytest.raises(InvalidField, match=r"http://10\.1\.2\.4:80 is none of the hosts"):
        WebOutgoing(policy).check("http://10.1.2.4/", "url")


@pytest.mark.parametrize(
    "policy",
    [Policy(origins=["gateway:8000"]), Policy(hosts=["http://x"]), Policy(private_networks=["x"]),
     Policy(trusted={"x": "x.pem"})],
)  # fmt: skip
def test_policy_that_cannot_be_is_refused(policy: Policy) -> None:
    with pytest.raises(ValueError, match="is no"):
        WebOutgoing(policy)
