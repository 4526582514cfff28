"""The token endpoint of the OAuth server: codes and refresh tokens of clients (RFC 6749 §5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from keyturn.accounts.errors import AuthError, OAuthRefusal, refuse
from keyturn.accounts.identifiers import storable, uuid_text
from keyturn.accounts.oauth_clients import OAuthClient, secret_fits
from keyturn.accounts.oauth_server import AMR_METHOD, id_claims, id_times, scopes_of
from keyturn.accounts.one_time import challenges_of
from keyturn.flows.issue import first_token, grant, new_session
from keyturn.flows.plane import AuthPlane, Granted
from keyturn.flows.ports.accounts import ClientInfo, Opened
from keyturn.flows.ports.oauth_server import CodeOutcome, CodeUse
from keyturn.flows.refresh import refresh
from keyturn.jose import jwt

CODE: Final = "authorization_code"
REFRESH: Final = "refresh_token"

_REFUSED_CODE: Final = {
    "unknown": ("invalid_grant", "Invalid authorization code"),
    "expired": ("invalid_grant", "Authorization code has expired"),
    "client": ("invalid_grant", "Authorization code was not issued to this client"),
    "redirect": ("invalid_grant", "redirect_uri does not match the authorization request"),
    "resource": ("invalid_target", "resource does not match the authorization request"),
    "verifier": ("invalid_grant", "PKCE verification failed"),
    "banned": ("access_denied", "User is banned"),
}
# What a refused refresh is called here (gotrue.md §3.3 → RFC 6749 §5.2).
_REFUSED_REFRESH: Final = {
    "refresh_token_not_found": ("invalid_grant", "Refresh token is invalid or expired."),
    "refresh_token_already_used": ("invalid_grant", "Refresh token is invalid or expired."),
    "session_not_found": ("invalid_grant", "Refresh token is invalid or expired."),
    "session_expired": ("invalid_grant", "Refresh token is invalid or expired."),
    "validation_failed": ("invalid_grant", "Refresh token is invalid or expired."),
    "user_banned": ("access_denied", "User is not permitted to access this resource."),
}


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """How a client showed itself: ``method`` is ``none`` or where the secret was."""

    client_id: str = ""
    secret: str = field(default="", repr=False)
    method: str = "none"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """``POST /oauth/token``; empty members were not sent."""

    grant_type: str = ""
    code: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    redirect_uri: str = ""
    code_verifier: str = field(default="", repr=False)
    resource: str = ""


@dataclass(frozen=True, slots=True)
class ClientTokens:
    """What a client gets; ``id_token`` only with scope ``openid``."""

    granted: Granted
    scope: str = ""
    id_token: str = field(default="", repr=False)


async def authenticate_client(plane: AuthPlane, shown: ClientSecret) -> OAuthClient:
    """Return the client that ``shown`` proves; raises ``OAuthRefusal("invalid_client")``.

    An unknown client and a wrong secret get the same answer.
    """
    if not shown.client_id:
        raise OAuthRefusal("invalid_client", "Client authentication required")
    client_id = uuid_text(shown.client_id)
    client = await plane.oauth.find_client(client_id) if client_id else None
    if client is None:
        raise OAuthRefusal("invalid_client", "Invalid client credentials")
    if client.is_public:
        if shown.secret:
            raise OAuthRefusal("invalid_client", "public clients must not provide client_secret")
        return client
    if not shown.secret:
        raise OAuthRefusal("invalid_client", "confidential clients must provide client_secret")
    if not secret_fits(shown.secret, client.secret_hash):
        raise OAuthRefusal("invalid_client", "Invalid client credentials")
    return client


async def token(
    plane: AuthPlane, client: OAuthClient, request: TokenRequest, info: ClientInfo
) -> ClientTokens:
    """Exchange a code or a refresh token of ``client``; raises ``OAuthRefusal``."""
    if not request.grant_type:
        raise OAuthRefusal("invalid_request", "grant_type is required")
    if request.grant_type not in {CODE, REFRESH}:
        text = f"Unsupported grant type: {request.grant_type[:64]}"
        raise OAuthRefusal("unsupported_grant_type", text)
    if request.grant_type not in client.grant_types:
        text = f"Client is not allowed to use grant type: {request.grant_type}"
        raise OAuthRefusal("unauthorized_client", text)
    if request.grant_type == CODE:
        return await _with_code(plane, client, request, info)
    return await _with_refresh_token(plane, client, request, info)


async def _with_code(
    plane: AuthPlane, client: OAuthClient, request: TokenRequest, info: ClientInfo
) -> ClientTokens:
    if not request.code:
        raise OAuthRefusal("invalid_request", "code is required for authorization_code grant")
    if not request.code_verifier:
        raise OAuthRefusal("invalid_request", "code_verifier is required")
    use = CodeUse(
        request.code,
        client.id,
        request.redirect_uri,
        request.resource,
        challenges_of(request.code_verifier),
    )
    outcome = CodeOutcome("unknown")
    session = new_session(plane, AMR_METHOD, "")
    now = plane.clock()
    if all(storable(text) for text in (use.code, use.redirect_uri, use.resource)) and storable(
        request.code_verifier
    ):
        audit = plane.settings.audit_log_postgres
        outcome = await plane.oauth.redeem_code(use, session, info, now, audit=audit)
    if outcome.opened is None:
        raise OAuthRefusal(*_REFUSED_CODE[outcome.verdict])
    opened = outcome.opened
    granted = await grant(
        plane, opened.user, opened.session, first_token(session), now, client=info
    )
    id_token = _id_token(plane, opened, client.id, outcome, now)
    return ClientTokens(granted, outcome.scope, id_token)


async def _with_refresh_token(
    plane: AuthPlane, client: OAuthClient, request: TokenRequest, info: ClientInfo
) -> ClientTokens:
    if not request.refresh_token:
        text = "refresh_token is required for refresh_token grant"
        raise OAuthRefusal("invalid_request", text)
    try:
        granted = await refresh(
            plane, request.refresh_token, info, plane.oauth.refreshing(client.id)
        )
    except OAuthRefusal:
        text = "Refresh token was not issued to this client"
        raise OAuthRefusal("invalid_grant", text) from None
    except AuthError as refused:
        mapped = _REFUSED_REFRESH.get(refused.error_code)
        if mapped is None:
            raise
        raise OAuthRefusal(*mapped) from None
    return ClientTokens(granted)


def _id_token(
    plane: AuthPlane, opened: Opened, client_id: str, outcome: CodeOutcome, now: datetime
) -> str:
    """Return the ID token; raises ``id_token_unsigned`` while the ring signs with a shared secret.

    Whoever could verify an HS256 token could make one.
    """
    scopes = scopes_of(outcome.scope)
    if "openid" not in scopes:
        return ""
    key = plane.ring.current().signing_key
    if key.verifying_key().is_symmetric:
        raise refuse("id_token_unsigned")
    settings = plane.settings
    times = id_times(now, settings.jwt_exp)
    issuer = settings.oauth_server.issuer
    return jwt.encode(id_claims(issuer, opened.user, client_id, scopes, outcome.nonce, times), key)
