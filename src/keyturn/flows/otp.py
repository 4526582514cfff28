"""Signing in without a password: a link or a code by mail, a code by SMS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from keyturn.accounts import one_time
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import (
    email_address,
    phone_number,
    require_storable,
    require_storable_json,
)
from keyturn.accounts.user import User
from keyturn.flows import messages as sending
from keyturn.flows import sign_up_pending
from keyturn.flows.hooks import after_user_created, before_user_created
from keyturn.flows.messages import EMAIL, SMS, Origin
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.messages import Found
from keyturn.flows.recover import send_recovery
from keyturn.flows.sign_up import CHANNELS, SignUp, new_user


@dataclass(frozen=True, slots=True)
class Otp:
    """``POST /otp`` and ``POST /magiclink``."""

    email: str = ""
    phone: str = ""
    create_user: bool = True
    data: Mapping[str, object] | None = None
    channel: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    aud: str | None = None


async def otp(plane: AuthPlane, wanted: Otp, origin: Origin, client: ClientInfo) -> str | None:
    """Send a link or a code; return the id of the SMS, None for a mail or a test number.

    Unknown people become accounts that wait for confirmation, unless ``create_user`` is false.
    Raises the rows of ``/otp``.
    """
    if wanted.email and wanted.phone:
        raise refuse("otp_only_one")
    if wanted.email and wanted.channel:
        raise refuse("otp_channel")
    if wanted.email:
        await magic_link(plane, wanted, origin, client)
        return None
    if wanted.phone:
        return await phone_code(plane, wanted, origin, client)
    raise refuse("otp_one_of")


async def magic_link(plane: AuthPlane, wanted: Otp, origin: Origin, client: ClientInfo) -> None:
    """Send a magic link, to a new account its confirmation, which is one as well."""
    if not plane.settings.external_email_enabled:
        raise refuse("email_logins_disabled")
    if not wanted.email:
        raise refuse("magic_link_needs_email")
    email = email_address(wanted.email)
    challenge = one_time.challenge(wanted.code_challenge, wanted.code_challenge_method)
    sending.with_mailer(plane)
    found = await _find(plane, wanted, email, "")
    user = found.user
    if user is None and plane.settings.mailer_autoconfirm:
        user = await _create_confirmed(plane, wanted, email, "", client)
    if user is None:
        new = await new_user(plane, _sign_up(wanted), email, "")
        await sign_up_pending.create(plane, new, challenge, origin, client, wait=True)
    elif user.email_confirmed_at is None and not plane.settings.mailer_autoconfirm:
        await sign_up_pending.ask_again(plane, user, challenge, origin, client, wait=True)
    else:
        await send_recovery(plane, user, challenge, origin, client, kind="magic_link")


async def phone_code(plane: AuthPlane, wanted: Otp, origin: Origin, client: ClientInfo) -> str:
    """Send a code by SMS and return the provider's id of the message."""
    if not plane.settings.external_phone_enabled:
        raise refuse("phone_unsupported")
    if wanted.channel not in CHANNELS:
        raise refuse("sms_channel")
    phone = phone_number(wanted.phone)
    sending.with_sms(plane)
    found = await _find(plane, wanted, "", phone)
    user = found.user
    if user is None and plane.settings.sms_autoconfirm:
        user = await _create_confirmed(plane, wanted, "", phone, client)
    if user is None:
        new = await new_user(plane, _sign_up(wanted), "", phone)
        await sign_up_pending.create(plane, new, None, origin, client, wanted.channel, wait=True)
        return ""
    return await send_phone_code(plane, user, wanted.channel or SMS, client)


async def send_phone_code(plane: AuthPlane, user: User, channel: str, client: ClientInfo) -> str:
    """Send the code that signs ``user`` in, and confirms the number if it has to be."""
    sending.with_sms(plane)
    code = sending.sms_code(plane, user.phone, plane.clock())
    ask = sending.asking(
        sending.budget(plane, SMS, user.phone),
        ("confirmation_token", code),
        action="user_recovery_requested",
        traits={"channel": channel},
    )
    await sending.request(plane, user.id, ask, client)
    return await sending.send_sms(plane, user.id, "confirmation_token", code, channel)


async def _find(plane: AuthPlane, wanted: Otp, email: str, phone: str) -> Found:
    """Look the account up; raises ``otp_signups`` for an unknown one that may not be made."""
    require_storable_json(wanted.data)
    aud = wanted.aud or plane.settings.jwt_aud
    require_storable(aud)
    messages = sending.messages_of(plane)
    limits = sending.budget(plane, EMAIL if email else SMS, phone)
    found = await messages.store.find(email, phone, aud, limits, plane.clock())
    if found.user is None and not wanted.create_user:
        raise refuse("otp_signups")
    if found.user is None and plane.settings.disable_signup:
        raise refuse("signup_disabled")
    return found


def _sign_up(wanted: Otp) -> SignUp:
    """Return the sign-up of somebody without a password."""
    return SignUp(email=wanted.email, phone=wanted.phone, data=wanted.data, aud=wanted.aud)


async def _create_confirmed(
    plane: AuthPlane, wanted: Otp, email: str, phone: str, client: ClientInfo
) -> User:
    new = replace(
        await new_user(plane, _sign_up(wanted), email, phone),
        confirm_email=bool(email),
        confirm_phone=bool(phone),
    )
    await before_user_created(plane, new, client)
    audit = plane.settings.audit_log_postgres
    made = await plane.accounts.create_user(new, None, client, plane.clock(), audit=audit)
    await after_user_created(plane, made, client)
    return made
