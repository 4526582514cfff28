"""``POST /resend``: once more what an account waits for. The answer never tells whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keyturn.accounts import one_time
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import email_address, phone_number, require_storable
from keyturn.accounts.one_time import Challenge
from keyturn.accounts.settings import AuthSettings
from keyturn.accounts.user import User
from keyturn.flows import change_contact, otp, sign_up_pending
from keyturn.flows import messages as sending
from keyturn.flows.messages import EMAIL, SMS, Origin
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.accounts import ClientInfo

_SIGN_UP, _EMAIL_CHANGE, _SMS, _PHONE_CHANGE = "signup", "email_change", "sms", "phone_change"
_TYPES = frozenset({_SIGN_UP, _EMAIL_CHANGE, _SMS, _PHONE_CHANGE})


@dataclass(frozen=True, slots=True)
class Resend:
    """``POST /resend``."""

    type: str = ""
    email: str = ""
    phone: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    aud: str | None = None


async def resend(
    plane: AuthPlane, wanted: Resend, origin: Origin, client: ClientInfo
) -> str | None:
    """Send it again; return the id of an SMS.

    Unknown accounts and those that wait for nothing get the same answer as the others, mails leave
    afterwards. Raises the ``resend_…`` rows, ``too_soon``, the limits, ``no_mailer``, ``no_sms``.
    """
    email, phone = _identifiers(wanted, plane.settings)
    challenge = one_time.challenge(wanted.code_challenge, wanted.code_challenge_method)
    messages = sending.with_mailer(plane) if email else sending.with_sms(plane)
    channel = EMAIL if email else SMS
    aud = wanted.aud or plane.settings.jwt_aud
    require_storable(aud)
    limits = sending.budget(plane, channel, phone)
    now = plane.clock()
    found = await messages.store.find(email, phone, aud, limits, now)
    sending.check_remaining(found.remaining, channel)
    user = found.user
    if user is None or not _waits(user, wanted.type):
        return None
    settings = messages.settings
    pause = settings.mail_frequency if email else settings.sms_frequency
    sending.check_pause(_sent_at(user, wanted.type), pause, now, channel)
    if phone:
        return await _phone(plane, user, wanted.type, client)
    sending.later(plane, _mail(plane, user, wanted.type, challenge, origin, client))
    return None


def _identifiers(wanted: Resend, settings: AuthSettings) -> tuple[str, str]:
    if wanted.type not in _TYPES:
        raise refuse("resend_type")
    if wanted.type == _SIGN_UP and not wanted.email:
        raise refuse("resend_needs_email")
    if wanted.type == _SMS and not wanted.phone:
        raise refuse("resend_needs_phone")
    if wanted.email and wanted.phone:
        raise refuse("resend_only_one")
    if wanted.email:
        if not settings.external_email_enabled:
            raise refuse("resend_email_off")
        return email_address(wanted.email), ""
    if wanted.phone:
        if not settings.external_phone_enabled:
            raise refuse("resend_phone_off")
        return "", phone_number(wanted.phone)
    raise refuse("resend_missing")


def _waits(user: User, kind: str) -> bool:
    return {
        _SIGN_UP: user.email_confirmed_at is None and bool(user.email),
        _SMS: user.phone_confirmed_at is None,
        _EMAIL_CHANGE: user.new_email is not None,
        _PHONE_CHANGE: user.new_phone is not None,
    }[kind]


def _sent_at(user: User, kind: str) -> datetime | None:
    sent = {
        _EMAIL_CHANGE: user.email_change_sent_at,
        _PHONE_CHANGE: user.phone_change_sent_at,
    }
    return sent.get(kind, user.confirmation_sent_at)


async def _mail(
    plane: AuthPlane,
    user: User,
    kind: str,
    challenge: Challenge | None,
    origin: Origin,
    client: ClientInfo,
) -> None:
    if kind == _EMAIL_CHANGE:
        mails = await change_contact.ask_for_email(
            plane, user, user.new_email or "", challenge, origin, client
        )
        await change_contact.send_email_change(plane, user, mails)
    else:
        await sign_up_pending.ask_again(plane, user, challenge, origin, client, wait=True)


async def _phone(plane: AuthPlane, user: User, kind: str, client: ClientInfo) -> str:
    if kind == _PHONE_CHANGE:
        code = await change_contact.ask_for_phone(plane, user, user.new_phone or "", client)
        return await change_contact.send_phone_change(plane, user, code, SMS)
    return await otp.send_phone_code(plane, user, SMS, client)
