"""A new e-mail address or phone number for an account: asked for, then confirmed by its owner."""

from __future__ import annotations

from keyturn.accounts.errors import refuse
from keyturn.accounts.one_time import Challenge
from keyturn.accounts.user import User
from keyturn.flows import messages as sending
from keyturn.flows.messages import EMAIL, SMS, Code, Origin
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.messages import Mail

_NEW, _CURRENT = "email_change_token_new", "email_change_token_current"
_PHONE = "phone_change_token"


async def ask_for_email(
    plane: AuthPlane,
    user: User,
    email: str,
    challenge: Challenge | None,
    origin: Origin,
    client: ClientInfo,
) -> list[Mail]:
    """Write the tokens of a new address and return the mails to send.

    With secure e-mail change the current address is asked, too. Raises ``email_exists``,
    ``too_soon``, ``mail_limit``, ``no_mailer``.
    """
    if plane.messages is None or plane.messages.mailer is None:
        raise refuse("no_mailer_change")
    messages = plane.messages
    if await plane.accounts.find_by_email(email, user.aud) is not None:
        raise refuse("email_exists")
    fresh = sending.mail_code(plane, email, pkce=challenge is not None)
    codes: list[tuple[str, Code]] = [(_NEW, fresh)]
    if messages.settings.secure_email_change and user.email:
        codes.append((_CURRENT, sending.mail_code(plane, user.email, pkce=challenge is not None)))
    ask = sending.asking(
        sending.budget(plane, EMAIL),
        *codes,
        email_change=email,
        flow=sending.flow_of(plane, challenge, "email_change", "email_change"),
    )
    known = await sending.request(plane, user.id, ask, client)
    return [
        sending.mail(
            plane, "email_change", known, code, origin, to=code.relates_to, new_email=email
        )
        for _, code in codes
    ]


async def send_email_change(plane: AuthPlane, user: User, mails: list[Mail]) -> None:
    """Send the mails of :func:`ask_for_email`; raises ``mail_not_sent``."""
    await sending.send(plane, user.id, _NEW, *mails)


async def ask_for_phone(plane: AuthPlane, user: User, phone: str, client: ClientInfo) -> Code:
    """Write the token of a new number and return its code.

    Raises ``phone_exists``, ``too_soon_sms``, ``sms_limit``, ``no_sms``.
    """
    sending.with_sms(plane)
    if await plane.accounts.find_by_phone(phone, user.aud) is not None:
        raise refuse("phone_exists")
    code = sending.sms_code(plane, phone, plane.clock())
    limits = sending.budget(plane, SMS, phone)
    ask = sending.asking(limits, (_PHONE, code), phone_change=phone)
    await sending.request(plane, user.id, ask, client)
    return code


async def send_phone_change(plane: AuthPlane, user: User, code: Code, channel: str) -> str:
    """Send the code of :func:`ask_for_phone`; raises ``sms_not_sent``."""
    return await sending.send_sms(plane, user.id, _PHONE, code, channel or SMS)
