"""Which addresses requests may be sent to: public ones, and networks that the operator names."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNICAST = ipaddress.IPv6Network("2000::/3")
_DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")  # RFC 9637; not every Python knows it
# Azure's machines are told their secrets there, as others at 169.254.169.254; relays of 6to4 (RFC 7526).
_INSIDE = tuple(map(ipaddress.IPv4Network, ("168.63.129.16/32", "192.88.99.0/24")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks such as "10.1.0.0/16".  Raises ValueError: it names the text."""
    return tuple(_network(text) for text in texts)


def allowed(address: Address, networks: Collection[Network]) -> bool:
    """Tell whether requests may be sent to an address, and to whatever it stands for.

    An IPv6 address may stand for IPv4 ones: it is mapped, or leads through 6to4, Teredo or NAT64 to them.
    """
    if _within(address, networks):
        return True
    return all(_is_public(one) or _within(one, networks) for one in _meant(address))


def _meant(address: Address) -> tuple[Address, ...]:
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    return (address,)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in _UNICAST or address in _DOCUMENTATION):
        return False
    if _within(address, _INSIDE):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _within(address: Address, networks: Collection[Network]) -> bool:
    return any(address in network for network in networks)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as e:
        raise ValueError(f"{text!a} is no network such as 10.1.0.0/16: {e}") from e
