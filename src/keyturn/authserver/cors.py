"""Cross-origin rules as GoTrue states them: any origin, its methods, its request headers.

Origin ``*`` never goes with credentials in a browser, so "any origin" gives nobody a cookie.
Spec: WHATWG Fetch, "HTTP CORS protocol".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from keyturn.authserver.exchange import Exchange, Header, Reply

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})
REQUEST_HEADERS: Final = (
    "accept",
    "authorization",
    "content-type",
    "x-client-ip",
    "x-client-info",
    "x-jwt-aud",
    "x-use-cookie",
    "x-supabase-api-version",
)
_ORIGIN: Final[list[Header]] = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-credentials", b"true"),
]
_CROSS_ORIGIN: Final[list[Header]] = [
    (b"vary", b"Origin"),
    *_ORIGIN,
    (b"access-control-expose-headers", b"X-Total-Count, Link, X-Supabase-Api-Version"),
]
_PLAIN: Final[list[Header]] = [(b"vary", b"Origin")]
_PREFLIGHT: Final[Header] = (
    b"vary",
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
)


class Cors:
    """Answers preflights; ``extra`` are the request headers of ``GOTRUE_CORS_ALLOWED_HEADERS``."""

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._allowed = frozenset((*REQUEST_HEADERS, *(name.lower() for name in extra)))

    def preflight(self, exchange: Exchange) -> Reply | None:
        """Return the answer to a preflight; None when ``exchange`` is not one.

        A preflight that asks for too much is answered without permission, never with an error.
        """
        asked = exchange.header(b"access-control-request-method")
        if exchange.method != "OPTIONS" or asked is None:
            return None
        names = (exchange.header(b"access-control-request-headers") or "").lower()
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        if (
            exchange.header(b"origin") is None
            or asked.upper() not in METHODS
            or not self._allowed.issuperset(wanted)
        ):
            return Reply(204, headers=(_PREFLIGHT,), complete=True)
        granted: list[Header] = [
            _PREFLIGHT,
            *_ORIGIN,
            (b"access-control-allow-methods", asked.upper().encode("latin-1")),
        ]
        if wanted:
            granted.append((b"access-control-allow-headers", ", ".join(wanted).encode("latin-1")))
        return Reply(204, headers=granted, complete=True)


def decoration(exchange: Exchange) -> list[Header]:
    """Return the headers that every response carries."""
    return _CROSS_ORIGIN if b"origin" in exchange.headers else _PLAIN
