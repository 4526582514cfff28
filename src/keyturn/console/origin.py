"""Under which names the console answers: this machine's own, and one public address if it has one.

What a proxy in front says is believed only as far as it was configured: the gateway removes every
``X-Forwarded-*`` header that no trusted proxy wrote (``keyturn up --trusted-hops``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from keyturn.errors import UsageError

Scope = MutableMapping[str, Any]

OWN: Final = "keyturn.origin"
"""Where the scope holds the origin under which this request reached the console."""
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Origin:
    """A scheme and an authority, as a browser writes them in ``Origin`` and ``Host``."""

    scheme: str
    netloc: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


@dataclass(frozen=True)
class Names:
    """``host``: the name or address of this machine; ``hops``: trusted proxies in front."""

    host: str
    public: Origin | None = None
    hops: int = 0


def read_origin(text: str) -> Origin:
    """Read ``https://name[:port]``; raises ``UsageError`` for anything more, or less.

    Plain ``http`` is accepted for a loopback name only: passwords and cookies would travel openly.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise _refused("its port is not a number from 1 to 65535") from None
    host = (parts.hostname or "").lower()
    if parts.scheme not in _PORTS or not host or not host.isascii():
        raise _refused("it is no https:// address")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _refused("it holds more than a name and a port")
    if parts.scheme == "http" and host != "localhost" and not _is_loopback(host):
        raise _refused("plain http would show passwords and cookies to the network")
    shown = f"[{host}]" if ":" in host else host
    named = shown if port in (None, _PORTS[parts.scheme]) else f"{shown}:{port}"
    return Origin(parts.scheme, named)


def client_of(scope: Scope) -> str:
    """Return who asks, as :func:`origin_of` found."""
    return str(scope["keyturn.client"])


def origin_of(scope: Scope, names: Names) -> Origin | None:
    """Return the origin of the console as this request addresses it; None: it is refused.

    It also leaves who asks in ``scope``, for :func:`client_of`.

    Locally both ends count: who asks, and whom the request names. Another site's name that points
    here (DNS rebinding) is refused. Publicly the host must be the configured one, to the letter,
    and the trusted proxy must say that the client came by the configured scheme.
    """
    hosts = _values(scope, b"host")
    if len(hosts) != 1:
        return None
    seen = _seen(scope)
    # The gateway appends the address of its own peer; each trusted proxy before it did the same.
    scope["keyturn.client"] = seen[-(names.hops + 1)] if names.hops < len(seen) else seen[0]
    if names.public is not None and hosts[0].lower() == names.public.netloc:
        came_by = _values(scope, b"x-forwarded-proto") or [scope.get("scheme", "http")]
        return names.public if came_by == [names.public.scheme] else None
    try:
        name = urlsplit("//" + hosts[0]).hostname or ""
    except ValueError:
        return None
    # Every address that is named counts: who can reach the gateway directly may invent the others.
    local = all(_is_ours(address, names.host) for address in seen)
    named = name == "localhost" or _is_ours(name, names.host)
    return Origin("http", hosts[0]) if local and named else None


def _seen(scope: Scope) -> list[str]:
    """Return the addresses that the request came through, the client's first."""
    given = _values(scope, b"x-forwarded-for")
    if not given:
        return [str((scope.get("client") or ("",))[0])]
    return [part.strip() for part in ",".join(given).split(",")]


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for found, value in scope["headers"] if found == name]


def _is_ours(text: str, host: str) -> bool:
    return text == host or _is_loopback(text)


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _refused(why: str) -> UsageError:
    return UsageError(
        f"The console's public address cannot be used: {why}.",
        hint="Give --console-origin as https://console.example.com.",
    )
