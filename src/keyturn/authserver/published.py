"""The two documents that tell verifiers about the keys: the JWKS and the discovery document.

Both are rendered once per ring snapshot, so that serving them is a comparison of ETags. The JWKS
holds asymmetric keys only, standby and previously used ones included, in an order that only a
change of the ring alters. After a revocation it tells caches to come back sooner, for as long as
one that was filled before it may still be around.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from keyturn.accounts.errors import refuse
from keyturn.accounts.oauth_clients import AUTH_METHODS, GRANTS
from keyturn.accounts.oauth_server import SCOPES, OAuthServerSettings
from keyturn.authserver import shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Header, Reply
from keyturn.clock import Clock
from keyturn.flows.ports.ring import RingSource
from keyturn.keyring.ring import KeyRing

JWKS_PATH: Final = "/.well-known/jwks.json"
DISCOVERY_PATH: Final = "/.well-known/openid-configuration"
OAUTH_METADATA_PATH: Final = "/.well-known/oauth-authorization-server"
_NO_OAUTH: Final = OAuthServerSettings()


class Document:
    """Bytes with a strong ETag (RFC 9110 §8.8.3): the first half of their SHA-256."""

    def __init__(self, content: object) -> None:
        self.body = msgspec.json.encode(content)
        self.etag = b'"' + hashlib.sha256(self.body).hexdigest()[:32].encode() + b'"'

    def reply(self, exchange: Exchange, max_age: timedelta) -> Reply:
        """Answer a GET or HEAD: 304 when ``If-None-Match`` names what we would send."""
        freshness = f"public, max-age={int(max_age.total_seconds())}".encode()
        headers: Sequence[Header] = (JSON, (b"cache-control", freshness), (b"etag", self.etag))
        if matches(exchange.header(b"if-none-match"), self.etag):
            return Reply(304, headers=headers[1:])
        return Reply(200, self.body, headers)


def matches(condition: str | None, etag: bytes) -> bool:
    """Compare weakly with the list in ``If-None-Match`` (RFC 9110 §13.1.2)."""
    if condition is None:
        return False
    if condition.strip() == "*":
        return True
    wanted = etag.decode("ascii")
    return any(part.strip().removeprefix("W/") == wanted for part in condition.split(",")[:64])


class Published:
    """Keeps both documents in step with the ring."""

    def __init__(
        self,
        ring: RingSource,
        clock: Clock,
        *,
        issuer: str,
        max_age: timedelta,
        hurried: timedelta,
        oauth: OAuthServerSettings = _NO_OAUTH,
    ) -> None:
        """``issuer`` is the one in tokens, or where this server is reached when they have none."""
        self._oauth = oauth
        self._clock = clock
        self._issuer = issuer
        self._max_age = max_age
        self._hurried = min(hurried, max_age)
        self._render(ring.current())
        ring.subscribe(self._render)

    def _render(self, ring: KeyRing) -> None:
        self._ring = ring
        self._jwks = Document(ring.public_jwks())
        self._discovery = Document(discovery(self._issuer, ring, self._oauth))

    @declares(gives={200: shapes.JWKS, 304: None})
    async def jwks(self, exchange: Exchange) -> Reply:
        """``GET /.well-known/jwks.json`` (gotrue.md §1.5)."""
        return self._jwks.reply(exchange, self.fresh_for(self._clock()))

    @declares(gives={200: shapes.DISCOVERY, 304: None})
    async def discovery(self, exchange: Exchange) -> Reply:
        """``GET /.well-known/openid-configuration`` (gotrue.md §1.6)."""
        return self._discovery.reply(exchange, self.fresh_for(self._clock()))

    @declares(gives={200: shapes.DISCOVERY, 304: None}, refuses="oauth_server_off")
    async def oauth_metadata(self, exchange: Exchange) -> Reply:
        """``GET /.well-known/oauth-authorization-server`` (RFC 8414), while there is one."""
        if not self._oauth.enabled:
            raise refuse("oauth_server_off")
        return await self.discovery(exchange)

    def fresh_for(self, now: datetime) -> timedelta:
        """Return the freshness that a cache filled at ``now`` gets."""
        hurry = any(
            key.revoked_at is not None and now - key.revoked_at < self._max_age
            for key in self._ring.keys
        )
        return self._hurried if hurry else self._max_age


# The claims of gotrue.md §2 that this server really writes.
CLAIMS: Final = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "email",
    "phone",
    "app_metadata",
    "user_metadata",
    "role",
    "aal",
    "amr",
    "session_id",
    "is_anonymous",
)


# Those of ID tokens (keyturn.accounts.oauth_server.id_claims).
ID_CLAIMS: Final = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nonce",
    "auth_time",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "name",
    "picture",
    "preferred_username",
    "updated_at",
)


def discovery(
    issuer: str, ring: KeyRing, oauth: OAuthServerSettings = _NO_OAUTH
) -> dict[str, object]:
    """Return OpenID Connect discovery metadata that claims nothing which is not here.

    While the OAuth server is off there are no such endpoints, response types or grants (an absent
    ``grant_types_supported`` would mean two of them). The algorithms are those of the keys that
    verify now, the one that signs first.
    """
    if oauth.enabled:
        return _oauth_discovery(issuer, ring, oauth)
    algorithms = dict.fromkeys(key.alg for key in ring.verifying)
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer.rstrip('/')}{JWKS_PATH}",
        "response_types_supported": [],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(algorithms),
        "claims_supported": list(CLAIMS),
    }


def _oauth_discovery(issuer: str, ring: KeyRing, oauth: OAuthServerSettings) -> dict[str, object]:
    """Return the metadata of the OAuth server (OpenID Connect Discovery §3, RFC 8414 §2).

    ID tokens are never signed with a shared secret, whatever signs access tokens.
    """
    base = issuer.rstrip("/")
    asymmetric = dict.fromkeys(key.alg for key in ring.verifying if not key.is_symmetric)
    register = {"registration_endpoint": f"{base}/oauth/clients/register"}
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{base}/oauth/authorize",
        "token_endpoint": f"{base}/oauth/token",
        "jwks_uri": f"{base}{JWKS_PATH}",
        "userinfo_endpoint": f"{base}/oauth/userinfo",
        **(register if oauth.dynamic_registration else {}),
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(asymmetric),
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "code_challenge_methods_supported": ["S256", "plain"],
        "claims_supported": list(ID_CLAIMS),
    }
