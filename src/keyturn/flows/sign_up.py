"""Signing up: with an e-mail address, a phone number, or as nobody in particular."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keyturn.accounts.errors import AuthError, refuse
from keyturn.accounts.identifiers import (
    email_address,
    phone_number,
    require_storable,
    require_storable_json,
    uuid4_from,
)
from keyturn.accounts.settings import AuthSettings
from keyturn.flows.hooks import after_user_created, before_user_created
from keyturn.flows.issue import first_token, grant, new_session
from keyturn.flows.password_strength import require_strong
from keyturn.flows.plane import AuthPlane, Granted
from keyturn.flows.ports.accounts import ClientInfo, Credentials, NewUser
from keyturn.flows.stored_passwords import hashed

_ANONYMOUS = "anonymous"
CHANNELS = frozenset({"", "sms", "whatsapp"})
"""How a code may travel to a phone; empty: by SMS."""


@dataclass(frozen=True, slots=True)
class SignUp:
    """``POST /signup``; ``aud`` None means the configured audience."""

    email: str = ""
    phone: str = ""
    password: str = field(default="", repr=False)
    data: Mapping[str, object] | None = None
    code_challenge: str = ""
    aud: str | None = None
    code_challenge_method: str = ""
    channel: str = ""


async def sign_up(plane: AuthPlane, request: SignUp, client: ClientInfo) -> Granted:
    """Create an account and sign it in.

    Where autoconfirm is off it refuses (``no_mailer``, ``no_sms``) before it looks anything up;
    :mod:`keyturn.flows.sign_up_pending` sends a mail or an SMS then, when there is what sends.
    Raises ``AuthError`` rows of sign-up, ``WeakPassword``, ``DatabaseRefused``.
    """
    if not request.email and not request.phone:
        return await _anonymously(plane, request, client)
    if plane.settings.disable_signup:
        raise refuse("signup_disabled")
    await check_shape(plane, request)
    email, phone = identifiers(request, plane.settings)
    if email and not plane.settings.mailer_autoconfirm:
        raise refuse("no_mailer")
    if phone and not plane.settings.sms_autoconfirm:
        raise refuse("no_sms")
    aud = request.aud or plane.settings.jwt_aud
    known = await _find(plane, email, phone, aud)
    if known is not None:
        # GoTrue signs the caller in to an unconfirmed account here, whatever the password: whoever
        # guesses the address of an account that an administrator prepared would own it.
        raise refuse("user_already_exists")
    return await _create(plane, request, email, phone, client)


async def check_shape(plane: AuthPlane, request: SignUp) -> None:
    """Raise what is wrong with a sign-up by address or number, whoever it is for."""
    if plane.settings.disable_signup:
        raise refuse("signup_disabled")
    if not request.password:
        raise refuse("signup_needs_password")
    await require_strong(plane, request.password)
    if request.email and request.phone:
        raise refuse("signup_email_or_phone")
    if request.phone and request.code_challenge:
        raise refuse("phone_pkce")
    if request.phone and request.channel not in CHANNELS:
        raise refuse("sms_channel")
    require_storable_json(request.data)


def identifiers(request: SignUp, settings: AuthSettings) -> tuple[str, str]:
    """Return the normalised address and number, one of them empty."""
    if request.email:
        if not settings.external_email_enabled:
            raise refuse("email_signups_disabled")
        return email_address(request.email), ""
    if not settings.external_phone_enabled:
        raise refuse("phone_signups_disabled")
    return "", phone_number(request.phone)


async def _find(plane: AuthPlane, email: str, phone: str, aud: str) -> Credentials | None:
    require_storable(aud)
    if email:
        return await plane.accounts.find_by_email(email, aud)
    return await plane.accounts.find_by_phone(phone, aud)


async def new_user(
    plane: AuthPlane, request: SignUp, email: str, phone: str, *, confirmed: bool = False
) -> NewUser:
    """Return the account to create, its password hashed; an empty password means none."""
    user_id = uuid4_from(plane.entropy(16))
    provider = "email" if email else "phone"
    proven = {"sub": user_id, "email_verified": False, "phone_verified": False}
    proven |= {"email": email} if email else {"phone": phone}
    data = {**(request.data or {}), **proven}
    return NewUser(
        id=user_id,
        aud=request.aud or plane.settings.jwt_aud,
        role=plane.settings.default_group,
        email=email,
        phone=phone,
        password_hash=await hashed(plane, user_id, request.password) if request.password else None,
        user_metadata=data,
        app_metadata={"provider": provider, "providers": [provider]},
        identity_data=data,
        confirm_email=confirmed and bool(email),
        confirm_phone=confirmed and bool(phone),
    )


async def _create(
    plane: AuthPlane, request: SignUp, email: str, phone: str, client: ClientInfo
) -> Granted:
    new = await new_user(plane, request, email, phone, confirmed=True)
    provider = "email" if email else "phone"
    try:
        return await _enter(plane, new, "password", provider, client)
    except AuthError as refused:
        # Somebody registered the same address between our look and our insert.
        if refused.error_code in {"email_exists", "phone_exists"}:
            raise refuse("user_already_exists") from None
        raise


async def _anonymously(plane: AuthPlane, request: SignUp, client: ClientInfo) -> Granted:
    if not plane.settings.anonymous_users_enabled:
        raise refuse("anonymous_disabled")
    if plane.settings.disable_signup:
        raise refuse("signup_disabled")
    require_storable_json(request.data)
    new = NewUser(
        id=uuid4_from(plane.entropy(16)),
        aud=request.aud or plane.settings.jwt_aud,
        role=plane.settings.default_group,
        user_metadata=dict(request.data or {}),
        is_anonymous=True,
    )
    require_storable(new.aud)
    return await _enter(plane, new, _ANONYMOUS, _ANONYMOUS, client)


async def _enter(
    plane: AuthPlane, new: NewUser, method: str, provider: str, client: ClientInfo
) -> Granted:
    session = new_session(plane, method, provider)
    now = plane.clock()
    audit = plane.settings.audit_log_postgres
    await before_user_created(plane, new, client)
    opened = await plane.accounts.sign_up(new, session, client, now, audit=audit)
    await after_user_created(plane, opened.user, client)
    return await grant(plane, opened.user, opened.session, first_token(session), now, client=client)
