"""Providers that administrators add by API: what one may be (gotrue.md §4.2, §5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from keyturn.accounts.errors import AuthError, refuse
from keyturn.accounts.identifiers import require_storable_json
from keyturn.accounts.providers import ClaimMap, Provider, ProviderRow, ProviderSettings
from keyturn.secret import Secret

PREFIX: Final = "custom:"
_IDENTIFIER: Final = re.compile(r"custom:[a-z0-9:-]{0,42}[a-z0-9]")
_LONGEST: Final = {"name": 100, "client_id": 512}
_LONGEST_URL: Final = 2048
_URLS: Final = (
    "issuer",
    "discovery_url",
    "authorization_url",
    "token_url",
    "userinfo_url",
    "jwks_uri",
)
# What the flow itself decides.
_OURS: Final = frozenset(
    {"client_id", "client_secret", "redirect_uri", "response_type", "state", "scope", "nonce"}
    | {"code_challenge", "code_challenge_method"}
)
_CLAIMS: Final = {
    "sub": "sub",
    "email": "email",
    "email_verified": "verified",
    "name": "name",
    "picture": "picture",
    "preferred_username": "username",
}


class CustomProvider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One row of ``auth.custom_oauth_providers``, without its secret."""

    id: str = ""
    provider_type: str = ""
    identifier: str = ""
    name: str = ""
    client_id: str = ""
    acceptable_client_ids: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    pkce_enabled: bool = True
    attribute_mapping: dict[str, Any] = {}
    authorization_params: dict[str, Any] = {}
    enabled: bool = True
    email_optional: bool = False
    issuer: str | None = None
    discovery_url: str | None = None
    skip_nonce_check: bool = False
    authorization_url: str | None = None
    token_url: str | None = None
    userinfo_url: str | None = None
    jwks_uri: str | None = None
    custom_claims_allowlist: tuple[str, ...] = ()


def _invalid(text: str) -> AuthError:
    return refuse("validation_failed", text)


def check(wanted: CustomProvider) -> None:
    """Raise ``validation_failed`` saying what is wrong."""
    require_storable_json(msgspec.to_builtins(wanted))
    if wanted.provider_type not in {"oauth2", "oidc"}:
        raise _invalid("provider_type must be either 'oauth2' or 'oidc'")
    if not _IDENTIFIER.fullmatch(wanted.identifier):
        raise _invalid("identifier must start with 'custom:' and hold a-z, 0-9, ':' and '-' only")
    for member, longest in _LONGEST.items():
        if not 1 <= len(getattr(wanted, member)) <= longest:
            raise _invalid(f"{member} must have 1 to {longest} characters")
    for member in _URLS:
        _check_url(member, getattr(wanted, member))
    _check_endpoints(wanted)
    _check_texts(wanted)


def _check_url(member: str, url: str | None) -> None:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" and parts.hostname and not parts.username
    except ValueError:
        good = False
    if not good or len(url) > _LONGEST_URL:
        raise _invalid(f"{member} must be an https URL")


def _check_endpoints(wanted: CustomProvider) -> None:
    if wanted.provider_type == "oidc":
        if not wanted.issuer:
            raise _invalid("issuer is required for OIDC providers")
        return
    for member in ("authorization_url", "token_url", "userinfo_url"):
        if not getattr(wanted, member):
            raise _invalid(f"{member} is required for OAuth2 providers")


def _check_texts(wanted: CustomProvider) -> None:
    taken = sorted(_OURS & wanted.authorization_params.keys())
    if taken:
        raise _invalid(f"authorization_params cannot set {taken[0]}")
    for member in ("authorization_params", "attribute_mapping"):
        if not all(isinstance(text, str) for text in getattr(wanted, member).values()):
            raise _invalid(f"{member} must hold strings only")


def provider_of(row: CustomProvider, secret: Secret) -> Provider:
    """Return the provider that ``row`` describes."""
    mapping: Mapping[str, str] = row.attribute_mapping
    where: dict[str, Any] = {
        ours: mapping[name] for name, ours in _CLAIMS.items() if name in mapping
    }
    oidc = row.provider_type == "oidc"
    scopes = row.scopes if "openid" in row.scopes or not oidc else ("openid", *row.scopes)
    return Provider(
        ProviderRow(
            row.identifier,
            authorize=row.authorization_url or "",
            token=row.token_url or "",
            userinfo=row.userinfo_url or "",
            issuer=(row.issuer or "") if oidc else "",
            discovery=row.discovery_url or "",
            jwks=row.jwks_uri or "",
            scopes=scopes,
            claims=ClaimMap(**where),
            parameters=tuple(row.authorization_params.items()),
            custom_claims=row.custom_claims_allowlist,
            pkce=row.pkce_enabled,
        ),
        ProviderSettings(
            enabled=row.enabled,
            client_ids=(row.client_id, *row.acceptable_client_ids),
            secret=secret,
            skip_nonce_check=row.skip_nonce_check,
            email_optional=row.email_optional,
        ),
    )
