"""Which service a path of the gateway leads to, and where it arrives there (services.md §8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keyturn.deploy.inventory import Kind

JWKS_PATH: Final = "/auth/v1/.well-known/jwks.json"
_AUTH_OPEN: Final = (JWKS_PATH, "/auth/v1/verify", "/auth/v1/callback", "/auth/v1/authorize")
_TENANTS: Final = ("/realtime/v1/api/tenants", "/realtime/v1/api/openapi")
_PREFIXES: Final = (
    ("/auth/v1", Kind.AUTH, ""),
    ("/rest/v1", Kind.REST, ""),
    ("/realtime/v1/api", Kind.REALTIME, "/api"),
    ("/realtime/v1", Kind.REALTIME, "/socket"),
    ("/storage/v1", Kind.STORAGE, ""),
    ("/functions/v1", Kind.FUNCTIONS, ""),
)


@dataclass(frozen=True, slots=True)
class Way:
    """Where a request goes."""

    kind: Kind
    path: str
    """As the service sees it."""
    open: bool = False
    """No key is asked for, whoever comes (the gateway's files decide whether it is so)."""
    closed: bool = False
    """Nobody passes."""


def way(path: str) -> Way | None:
    """Return the way of ``path``, None when no service stands behind it here."""
    for prefix, kind, at in _PREFIXES:
        if path == prefix or path.startswith(f"{prefix}/"):
            rest = path.removeprefix(prefix) or "/"
            closed = any(path == one or path.startswith(f"{one}/") for one in _TENANTS)
            return Way(kind, f"{at}{rest}", path in _AUTH_OPEN, closed)
    return None
