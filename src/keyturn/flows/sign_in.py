"""Signing in with a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from keyturn.accounts import passwords
from keyturn.accounts.errors import AuthError, refuse
from keyturn.accounts.identifiers import storable
from keyturn.accounts.settings import AuthSettings
from keyturn.accounts.user import User
from keyturn.flows.hooks import password_attempt
from keyturn.flows.issue import first_token, grant, new_session
from keyturn.flows.password_strength import weakness
from keyturn.flows.plane import AuthPlane, Granted
from keyturn.flows.ports.accounts import ClientInfo, Credentials
from keyturn.flows.stored_passwords import matches, renewed


@dataclass(frozen=True, slots=True)
class PasswordGrant:
    """``POST /token?grant_type=password``; ``email`` wins over ``phone``, as in GoTrue."""

    email: str = ""
    phone: str = ""
    password: str = field(default="", repr=False)
    aud: str | None = None


async def password(plane: AuthPlane, request: PasswordGrant, client: ClientInfo) -> Granted:
    """Sign in; two round trips and one slow comparison, whoever asks.

    An unknown account and a wrong password cost the same and get the same answer; a ban or a
    missing confirmation is told only to who knows the password (GoTrue tells anybody).
    Raises the ``AuthError`` rows of the password grant.
    """
    _check_provider(request, plane.settings)
    known = await _find(plane, request)
    fits = await _matches(plane, request.password, known)
    if known is not None and known.password_hash is not None:
        await password_attempt(plane, known.user.id, client, valid=fits)
    if known is None or known.password_hash is None or not fits:
        raise refuse("invalid_credentials")
    now = plane.clock()
    if obstacle := _obstacle(known.user, request, plane.settings, now):
        raise obstacle
    session = new_session(plane, "password", "email" if request.email else "phone")
    opened = await plane.accounts.open_session(
        known.user.id,
        known.password_hash,
        await renewed(plane, known.user.id, request.password, known.password_hash),
        session,
        client,
        now,
        audit=plane.settings.audit_log_postgres,
    )
    if opened is None:  # the password was changed while we compared
        raise refuse("invalid_credentials")
    weak = await weakness(plane, request.password)
    token = first_token(session)
    return await grant(plane, opened.user, opened.session, token, now, weak=weak, client=client)


def _check_provider(request: PasswordGrant, settings: AuthSettings) -> None:
    if request.email:
        if not settings.external_email_enabled:
            raise refuse("email_logins_disabled")
    elif request.phone:
        if not settings.external_phone_enabled:
            raise refuse("phone_logins_disabled")
    else:
        raise refuse("grant_needs_identifier")


async def _find(plane: AuthPlane, request: PasswordGrant) -> Credentials | None:
    """Look the account up; text that no account can have is simply unknown."""
    aud = request.aud or plane.settings.jwt_aud
    name = request.email or request.phone
    if not (storable(name) and storable(aud)):
        return None
    if request.email:
        return await plane.accounts.find_by_email(request.email.lower(), aud)
    return await plane.accounts.find_by_phone(request.phone.removeprefix("+").replace(" ", ""), aud)


async def _matches(plane: AuthPlane, given: str, known: Credentials | None) -> bool:
    """Compare in constant work; a password that could not have been set never matches."""
    possible = storable(given) and len(given.encode()) <= passwords.LIMIT_BYTES
    stored = known.password_hash if known else None
    user_id = known.user.id if known else ""
    return await matches(plane, user_id, given if possible else "", stored) and possible


def _obstacle(
    user: User, request: PasswordGrant, settings: AuthSettings, now: datetime
) -> AuthError | None:
    """Return why this user may not sign in although the password is right, or None."""
    if user.banned_at(now):
        return refuse("user_banned")
    if request.email:
        lenient = settings.allow_unverified_email_sign_ins
        return None if lenient or user.email_confirmed_at else refuse("email_not_confirmed")
    return None if user.phone_confirmed_at else refuse("phone_not_confirmed")
