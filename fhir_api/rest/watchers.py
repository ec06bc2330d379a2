"""Who may read the metrics: they name tenants, senders and what is asked of them, which is nobody else's business."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from fhir_api.rest.receiving import Scope


def may_watch(scope: Scope, watchers: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Tell whether a request comes from this machine or from one of the networks of *watchers*."""
    client = scope.get("client")
    try:
        address = ip_address("" if client is None else client[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or any(address in network for network in watchers)
