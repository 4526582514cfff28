"""The OAuth 2.1 server's own rules: scopes, PKCE, and what ID tokens and userinfo say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from keyturn.accounts.user import User
from keyturn.clock import unix

SCOPES: Final = ("openid", "profile", "email", "phone", "offline_access")
ID_TOKEN_SECONDS: Final = 3600
AMR_METHOD: Final = "oauth_provider/authorization_code"

_LONGEST: Final = {"state": 4096, "resource": 2048, "nonce": 255}
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True)
class OAuthServerSettings:
    """What the OAuth server can be told (GoTrue's ``OAUTH_SERVER_*``)."""

    enabled: bool = False
    dynamic_registration: bool = False  # ALLOW_DYNAMIC_REGISTRATION
    authorization_path: str = ""  # AUTHORIZATION_PATH: the consent page, below SITE_URL
    authorization_life: timedelta = timedelta(minutes=10)  # AUTHORIZATION_TTL
    default_scope: str = "email"  # DEFAULT_SCOPE
    issuer: str = "http://localhost:9999"  # that of the discovery document


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """``GET /oauth/authorize``; empty members were not sent."""

    client_id: str = ""
    redirect_uri: str = ""
    response_type: str = ""
    scope: str = ""
    state: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    resource: str = ""
    nonce: str = ""


def scopes_of(text: str) -> tuple[str, ...]:
    """Return the scopes in a blank-separated list, each once."""
    return tuple(dict.fromkeys(text.split(" "))) if text.strip() else ()


def request_fault(request: AuthorizationRequest) -> str:
    """Return what is wrong with a request whose client and redirect URI are right; or empty.

    PKCE is not an option (OAuth 2.1 §4.1.1).
    """
    if request.response_type not in {"", "code"}:
        return "Only response_type=code is supported"
    for member, longest in _LONGEST.items():
        if len(getattr(request, member)) > longest:
            return f"{member} is too long"
    unknown = next((name for name in scopes_of(request.scope) if name not in SCOPES), None)
    if unknown is not None:
        return f"unsupported scope: {unknown[:64]}"
    if request.resource and "#" in request.resource:
        return "resource must not have a fragment"
    return _challenge_fault(request.code_challenge, request.code_challenge_method)


def _challenge_fault(challenge: str, method: str) -> str:
    if not challenge or not method:
        return "PKCE flow requires both code_challenge and code_challenge_method"
    if method.lower() not in {"s256", "plain"}:
        return "code_challenge_method must be 'S256' or 'plain'"
    if not 43 <= len(challenge) <= 128:
        return "code_challenge must be between 43 and 128 characters"
    if not _CHALLENGE.fullmatch(challenge):
        return "code_challenge has characters that are not allowed"
    return ""


def _metadata(user: User) -> Mapping[str, object]:
    found: dict[str, object] = msgspec.json.decode(user.user_metadata, type=dict[str, object])
    return found


def _first(metadata: Mapping[str, object], *names: str) -> str:
    texts = (metadata.get(name) for name in names)
    return next((text for text in texts if isinstance(text, str) and text), "")


def _profile(user: User) -> dict[str, object]:
    """Return the claims of scope ``profile`` (OpenID Connect Core §5.1)."""
    metadata = _metadata(user)
    found: dict[str, object] = {
        "name": _first(metadata, "name") or user.email,
        "picture": _first(metadata, "picture", "avatar_url"),
        "preferred_username": _first(metadata, "preferred_username", "username"),
        "updated_at": unix(user.updated_at),
    }
    return {name: value for name, value in found.items() if value}


def id_claims(
    issuer: str,
    user: User,
    client_id: str,
    scopes: tuple[str, ...],
    nonce: str,
    times: tuple[int, int],
) -> dict[str, object]:
    """Return the claims of an ID token (OpenID Connect Core §2); ``times`` are iat and exp."""
    issued_at, expires_at = times
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": user.id,
        "aud": client_id,
        "exp": expires_at,
        "iat": issued_at,
    }
    if nonce:
        claims["nonce"] = nonce
    if user.last_sign_in_at is not None:
        claims["auth_time"] = unix(user.last_sign_in_at)
    if "email" in scopes and user.email:
        claims |= {"email": user.email, "email_verified": user.email_confirmed_at is not None}
    if "phone" in scopes and user.phone:
        verified = user.phone_confirmed_at is not None
        claims |= {"phone_number": user.phone, "phone_number_verified": verified}
    if "profile" in scopes:
        claims |= _profile(user)
    return {**claims, "client_id": client_id}


def id_times(now: datetime, longest: int) -> tuple[int, int]:
    """Return iat and exp of an ID token made at ``now``.

    ``longest``: the life of an access token, which is how long keys are kept after they signed.
    """
    issued_at = unix(now)
    return issued_at, issued_at + min(ID_TOKEN_SECONDS, longest)


def user_info(user: User, scopes: tuple[str, ...]) -> dict[str, object]:
    """Return what ``GET /oauth/userinfo`` tells a session with ``scopes``; always ``sub``."""
    told: dict[str, object] = {"sub": user.id}
    if "email" in scopes:
        if user.email:
            told["email"] = user.email
        if user.email_confirmed_at is not None:
            told["email_verified"] = True
    if "profile" in scopes:
        told |= _profile(user)
        told["user_metadata"] = _metadata(user)
    if "phone" in scopes:
        if user.phone:
            told["phone"] = user.phone
        if user.phone_confirmed_at is not None:
            told["phone_verified"] = True
    return told
