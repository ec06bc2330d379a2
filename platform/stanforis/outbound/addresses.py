"""Which addresses may be connected to: those of the public internet, and networks that the operator allows.

Spec: https://www.iana.org/assignments/iana-ipv6-special-registry, https://www.rfc-editor.org/rfc/rfc6052 (NAT64)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_IPV4_COMPATIBLE = ip_network("::/96")
_NEVER = (ip_network("192.0.0.0/24"), ip_network("fec0::/10"))
"""What some versions of Python's library take for public: protocol assignments, and sites of former times."""
_LAST_32_BITS = 0xFFFFFFFF


def networks(text: str) -> tuple[Network, ...]:
    """Read networks separated by commas, such as ``10.1.0.0/16, fd00::/8``.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def may_connect(address: str, allowed: Sequence[Network]) -> bool:
    """Tell whether an address, as text, may be connected to: it is public, or in one of the *allowed* networks.

    What an IPv6 address carries inside (mapped, NAT64, 6to4, Teredo) has to be as good as itself.
    """
    try:
        found = ip_address(address)
    except ValueError:
        # an address with a zone belongs to one link only
        return False
    return all(_is_public(each) or _is_in(each, allowed) for each in _all_of(found))


def is_allowed(address: str, allowed: Iterable[Network]) -> bool:
    """Tell whether an address, as text, is in one of the *allowed* networks."""
    return _is_in(ip_address(address), allowed)


def _all_of(address: Address) -> Iterator[Address]:
    """Yield the addresses that a connection to *address* may end at."""
    if isinstance(address, IPv4Address):
        yield address
        return
    inside = [*_inside(address)]
    # a mapped address is nothing but what it maps
    if address.ipv4_mapped is None and not any(address in network for network in _NAT64[:1]):
        yield address
    yield from inside


def _inside(address: IPv6Address) -> Iterator[IPv4Address]:
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if any(address in network for network in (*_NAT64, _IPV4_COMPATIBLE)):
        yield IPv4Address(int(address) & _LAST_32_BITS)


def _is_public(address: Address) -> bool:
    if address.is_multicast or address.is_reserved or address.is_unspecified or _is_in(address, _NEVER):
        return False
    return address.is_global


def _is_in(address: Address, allowed: Iterable[Network]) -> bool:
    return any(address in network for network in allowed if network.version == address.version)
