"""The claims of an access token, in GoTrue's order (gotrue.md §2)."""

from __future__ import annotations

from datetime import datetime

from keyturn.accounts.sessions import Session
from keyturn.accounts.settings import AuthSettings
from keyturn.accounts.user import User
from keyturn.clock import unix

_SSO = "sso/saml"
_SSO_PREFIX = "sso:"


def lifetime(
    settings: AuthSettings, user: User, session: Session, now: datetime
) -> tuple[int, int]:
    """Return ``iat`` and ``exp`` in Unix seconds.

    A user with a verified factor whose session has not used it gets no token that outlives the
    time the session may stay at the low assurance level.
    """
    issued = unix(now)
    regular = issued + settings.jwt_exp
    low_aal = settings.sessions_low_aal
    if low_aal is None or session.aal != "aal1" or not user.has_verified_factor():
        return issued, regular
    return issued, min(regular, unix(session.created_at + low_aal))


def access_claims(
    settings: AuthSettings, user: User, session: Session, times: tuple[int, int]
) -> dict[str, object]:
    """Return the claims for ``user`` in ``session``; no ``nbf``, no ``jti``, ``aud`` a string.

    ``times`` is what :func:`lifetime` returned.
    """
    issued, expires = times
    claims: dict[str, object] = {"iss": settings.issuer} if settings.issuer else {}
    claims |= {
        "sub": user.id,
        "aud": user.aud,
        "exp": expires,
        "iat": issued,
        "email": user.email,
        "phone": user.phone,
        "app_metadata": user.app_metadata,
        "user_metadata": user.user_metadata,
        "role": user.role,
        "aal": session.aal,
        "amr": _amr(user, session),
        "session_id": session.id,
        "is_anonymous": user.is_anonymous,
    }
    if session.oauth_client_id:
        claims["client_id"] = session.oauth_client_id
    if session.scopes:
        claims["scope"] = session.scopes
    return claims


def _amr(user: User, session: Session) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    for entry in session.amr:
        shown: dict[str, object] = {"method": entry.method, "timestamp": entry.timestamp}
        if entry.method == _SSO and (provider := _sso_provider(user)):
            shown["provider"] = provider
        entries.append(shown)
    return entries


def _sso_provider(user: User) -> str:
    names = (identity.provider for identity in user.identities)
    return next((n.removeprefix(_SSO_PREFIX) for n in names if n.startswith(_SSO_PREFIX)), "")
