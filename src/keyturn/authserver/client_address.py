"""Who is asking: the peer, or what a trusted proxy says about it.

Of ``X-Forwarded-For`` the rightmost address that is not a trusted proxy counts: everything left of
it was written by the client. A peer that is not trusted cannot speak for others.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from keyturn.authserver.options import Network


def client_address(peer: str | None, forwarded: str | None, trusted: Sequence[Network]) -> str:
    """Return the client's address, or "" when nothing believable is known.

    ``peer`` is None on a Unix socket, which only local processes reach: it is trusted.
    ``forwarded`` holds the values of ``X-Forwarded-For``, joined by commas.
    """
    if peer is not None and not _within(peer, trusted):
        return _canonical(peer)
    best = "" if peer is None else _canonical(peer)
    for text in reversed((forwarded or "").split(",")[-32:]):
        address = _canonical(text.strip())
        if not address:
            break
        best = address
        if not _within(address, trusted):
            break
    return best


def _canonical(text: str) -> str:
    """Return the plain form of an address (no zone, no IPv4-in-IPv6), or ""."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped is not None else found.compressed.split("%")[0]
    return str(found)


def _within(text: str, networks: Sequence[Network]) -> bool:
    plain = _canonical(text)
    if not plain:
        return False
    address = ipaddress.ip_address(plain)
    return any(address.version == block.version and address in block for block in networks)
