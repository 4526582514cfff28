"""What the HTTP surface itself can be told; the knobs of the flows are ``AuthSettings``."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: tuple[Network, ...] = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1/128"),
)


@dataclass(frozen=True)
class ServerOptions:
    """Options of the HTTP surface; defaults are GoTrue's where GoTrue has them."""

    external_url: str = "http://localhost:9999"
    """Where clients reach this server, without a trailing slash."""
    cors_allowed_headers: tuple[str, ...] = ()
    """Request headers that browsers may send beyond GoTrue's own list."""
    request_id_header: str | None = None
    """Header that carries the request id; without one, or with an odd value, an id is made."""
    max_request_duration: timedelta = timedelta(seconds=10)
    max_body: int = 1 << 20
    """Largest request body, in bytes."""
    trusted_proxies: tuple[Network, ...] = LOOPBACK
    """Peers whose ``X-Forwarded-For`` is believed."""
    jwks_max_age: timedelta = timedelta(seconds=600)
    jwks_hurried_max_age: timedelta = timedelta(seconds=60)
    """What the JWKS says instead while a change of keys is on its way through the caches."""
    ready_timeout: timedelta = timedelta(seconds=2)
