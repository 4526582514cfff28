"""Clients of the OAuth 2.1 server: what they are and what they may register (gotrue.md §4.2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from keyturn.accounts.errors import AuthError, refuse
from keyturn.accounts.identifiers import require_storable

PUBLIC: Final = "public"
CONFIDENTIAL: Final = "confidential"
GRANTS: Final = ("authorization_code", "refresh_token")
AUTH_METHODS: Final = ("none", "client_secret_basic", "client_secret_post")
SECRET_BYTES: Final = 32

_MOST_REDIRECTS: Final = 10
_LONGEST_NAME: Final = 1024
_LONGEST_URI: Final = 2048
_LOCAL: Final = frozenset({"localhost", "127.0.0.1"})
# Native applications that GoTrue knows by name.
_NATIVE: Final = {"cursor": frozenset({"anysphere.cursor-mcp"})}


class OAuthClient(msgspec.Struct, frozen=True):
    """One row of ``auth.oauth_clients``; ``secret_hash`` is empty for public clients."""

    id: str
    client_type: str
    token_endpoint_auth_method: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    client_name: str
    client_uri: str
    logo_uri: str
    registration_type: str
    created_at: datetime
    updated_at: datetime
    secret_hash: str = ""

    def __repr__(self) -> str:
        return f"OAuthClient({self.id}, {self.client_type})"

    @property
    def is_public(self) -> bool:
        """Whether it cannot keep a secret."""
        return self.client_type == PUBLIC


class Registration(msgspec.Struct, frozen=True):
    """What a client asks to be registered as; empty members were not given."""

    redirect_uris: tuple[str, ...] = ()
    client_type: str = ""
    token_endpoint_auth_method: str = ""
    grant_types: tuple[str, ...] = ()
    client_name: str = ""
    client_uri: str = ""
    logo_uri: str = ""


class ClientChange(msgspec.Struct, frozen=True):
    """What to change of a client; None leaves it alone."""

    redirect_uris: tuple[str, ...] | None = None
    grant_types: tuple[str, ...] | None = None
    client_name: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None


def _invalid(text: str) -> AuthError:
    return refuse("validation_failed", text)


def checked_registration(wanted: Registration) -> Registration:
    """Return ``wanted`` with its defaults; raises ``validation_failed`` saying what is wrong.

    A client is confidential unless it says otherwise (RFC 7591 §2).
    """
    if not wanted.redirect_uris:
        raise _invalid("redirect_uris is required")
    _check_redirects(wanted.redirect_uris)
    if wanted.grant_types:
        _check_grants(wanted.grant_types)
    _check_about(wanted.client_name, wanted.client_uri, wanted.logo_uri)
    kind, method = _kind_and_method(wanted.client_type, wanted.token_endpoint_auth_method)
    return Registration(
        wanted.redirect_uris,
        kind,
        method,
        wanted.grant_types or GRANTS,
        wanted.client_name,
        wanted.client_uri,
        wanted.logo_uri,
    )


def check_change(change: ClientChange) -> None:
    """Raise ``validation_failed`` unless ``change`` changes something, and to something valid."""
    if change == ClientChange():
        raise _invalid("No fields provided for update")
    if change.redirect_uris is not None:
        if not change.redirect_uris:
            raise _invalid("redirect_uris cannot be empty")
        _check_redirects(change.redirect_uris)
    if change.grant_types is not None:
        _check_grants(change.grant_types)
    _check_about(change.client_name or "", change.client_uri or "", change.logo_uri or "")


def _kind_and_method(kind: str, method: str) -> tuple[str, str]:
    if kind not in {"", PUBLIC, CONFIDENTIAL}:
        raise _invalid(f"client_type must be '{PUBLIC}' or '{CONFIDENTIAL}'")
    if method not in {"", *AUTH_METHODS}:
        raise _invalid(f"token_endpoint_auth_method must be one of: [{' '.join(AUTH_METHODS)}]")
    fits = PUBLIC if method == "none" else CONFIDENTIAL
    if kind and method and kind != fits:
        raise _invalid(
            f"client_type '{kind}' is inconsistent with token_endpoint_auth_method '{method}' "
            f"(expected client_type '{fits}')"
        )
    kind = kind or fits
    return kind, method or ("none" if kind == PUBLIC else "client_secret_basic")


def _check_grants(grants: Sequence[str]) -> None:
    if not grants:
        raise _invalid("grant_types cannot be empty")
    if not set(grants) <= set(GRANTS):
        raise _invalid("grant_types must only contain 'authorization_code' and/or 'refresh_token'")


def _check_about(name: str, *uris: str) -> None:
    require_storable(name)
    if len(name) > _LONGEST_NAME:
        raise _invalid(f"client_name cannot exceed {_LONGEST_NAME} characters")
    for member, uri in zip(("client_uri", "logo_uri"), uris, strict=True):
        if len(uri) > _LONGEST_URI:
            raise _invalid(f"{member} cannot exceed {_LONGEST_URI} characters")
        parts = _parts(uri)
        if uri and (parts is None or not parts.netloc or parts.scheme not in {"http", "https"}):
            raise _invalid(f"{member} must be a valid URL")


def _check_redirects(uris: Sequence[str]) -> None:
    if len(uris) > _MOST_REDIRECTS:
        raise _invalid(f"redirect_uris cannot exceed {_MOST_REDIRECTS} items")
    for uri in uris:
        why = _redirect_fault(uri)
        if why:
            raise _invalid(f"invalid redirect_uri '{uri[:200]}': {why}")


def _redirect_fault(uri: str) -> str:
    """Return what is wrong with a redirect URI (OAuth 2.1 §2.3); empty: nothing.

    A comma, a blank or a control character would not survive the column, which is a comma list.
    """
    if not uri:
        return "redirect URI cannot be empty"
    parts = _parts(uri)
    if parts is None or len(uri) > _LONGEST_URI or not uri.isascii() or set(uri) & set(' ,"\\'):
        return "invalid URL format"
    if not uri.isprintable():
        return "invalid URL format"
    if not parts.scheme:
        return "must have scheme"
    if not parts.hostname:
        return "must have scheme and host"
    if "#" in uri:
        return "fragment not allowed in redirect URI"
    return _scheme_fault(parts)


def _scheme_fault(parts: SplitResult) -> str:
    if parts.scheme == "https" or parts.hostname in _NATIVE.get(parts.scheme, ()):
        return ""
    if parts.scheme != "http":
        return "scheme must be HTTPS or HTTP (localhost only)"
    return "" if parts.hostname in _LOCAL else "HTTP scheme only allowed for localhost"


def _parts(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts


def new_secret(entropy: bytes) -> str:
    """Return the text of a client secret made of 32 random bytes."""
    return base64.urlsafe_b64encode(entropy).rstrip(b"=").decode()


def hash_of(secret: str) -> str:
    """Return what is stored of a client secret: base64url of its SHA-256."""
    digest = hashlib.sha256(secret.encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def secret_fits(given: str, stored_hash: str) -> bool:
    """Compare a secret with the stored hash in constant time; an empty hash fits nothing."""
    return bool(stored_hash) and hmac.compare_digest(hash_of(given), stored_hash)
