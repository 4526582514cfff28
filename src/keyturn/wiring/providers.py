"""Builds what talks to external providers; their ID tokens are verified by Keyturn's Verifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.adapters.http_client import LOOPBACK, StandardHttpClient
from keyturn.adapters.provider_servers import HttpProviderServers
from keyturn.wiring.verifier import Verifier

_SECONDS: Final = 10.0
_LARGEST: Final = 1 << 20
_LEEWAY: Final = 60
_MOST: Final = 64


class IdTokens:
    """One verifier for each key set, issuer and audience; its cached keys are shared."""

    def __init__(self) -> None:
        self._verifiers: dict[tuple[str, str, tuple[str, ...]], Verifier] = {}

    async def verify(
        self, jwks_uri: str, issuer: str, audiences: tuple[str, ...], token: str
    ) -> Mapping[str, object]:
        """Return the claims of ``token``; raises ``TokenRejected`` and ``KeysUnavailable``."""
        key = jwks_uri, issuer, audiences
        verifier = self._verifiers.get(key)
        if verifier is None:
            if len(self._verifiers) >= _MOST:
                self._verifiers.pop(next(iter(self._verifiers))).close()
            verifier = self._verifiers[key] = Verifier.remote(
                jwks_uri,
                issuer=issuer,
                audience=audiences,
                algorithms={"ES256", "RS256", "EdDSA"},
                leeway=_LEEWAY,
                require={"exp", "sub"},
                allow_http_hosts=LOOPBACK,
            )
        return await verifier.verify(token)


def provider_servers() -> HttpProviderServers:
    """Return what talks to providers."""
    http = StandardHttpClient(timeout=_SECONDS, max_bytes=_LARGEST)
    return HttpProviderServers(http, IdTokens().verify)
