"""Where the gateway sends requests: one row per service, and URLs as checked values."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from keyturn.errors import UsageError

SERVICES: Final[Mapping[str, str | None]] = {
    "auth": None,
    "rest": "--rest-url",
    "realtime": "--realtime-url",
    "storage": "--storage-url",
    "functions": "--functions-url",
    "console": None,
}
"""Service name → the flag that sets its URL (``None``: Keyturn itself always serves it)."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Upstream:
    """One service behind the gateway; ``path`` is empty or starts, and does not end, with ``/``."""

    service: str
    host: str
    port: int
    tls: bool = False
    path: str = ""

    @property
    def is_address(self) -> bool:
        """True when ``host`` is an IP address and needs no DNS."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True


def parse_upstream(service: str, url: str) -> Upstream:
    """Read ``http[s]://host[:port][/path]``.

    Raises :class:`~keyturn.errors.UsageError` for an unknown service, another scheme, a user name,
    a query, or a port that is not a number from 1 to 65535.
    """
    if service not in SERVICES:
        known = ", ".join(SERVICES)
        raise UsageError(f"The gateway knows no service {service!r}.", hint=f"Use one of: {known}.")
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        raise _refused(service, "its port is not a number from 1 to 65535") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise _refused(service, "it does not start with http:// or https://")
    if not parts.hostname:
        raise _refused(service, "it names no host")
    if parts.username is not None or parts.query or parts.fragment:
        raise _refused(service, "it holds a user name, a query or a fragment")
    return Upstream(
        service, parts.hostname, port, tls=parts.scheme == "https", path=parts.path.rstrip("/")
    )


def parse_upstreams(urls: Mapping[str, str]) -> Mapping[str, Upstream]:
    """Read one URL per service; ``auth`` must be among them."""
    if "auth" not in urls:
        raise UsageError("The gateway needs the URL of the Auth server.")
    return {service: parse_upstream(service, url) for service, url in urls.items()}


def _refused(service: str, why: str) -> UsageError:
    flag = SERVICES[service] or f"the {service} URL"
    return UsageError(
        f"The URL of the {service} service cannot be used: {why}.",
        hint=f"Give {flag} as http://host:port.",
    )
