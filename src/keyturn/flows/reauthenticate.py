"""``GET /reauthenticate``: a nonce by mail or SMS that allows a password change."""

from __future__ import annotations

from keyturn.accounts import one_time
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import storable
from keyturn.accounts.user import User
from keyturn.flows import messages as sending
from keyturn.flows.messages import EMAIL, SMS, Origin
from keyturn.flows.plane import AuthPlane, Caller
from keyturn.flows.ports.accounts import ClientInfo

_TOKEN = "reauthentication_token"  # noqa: S105 (a column)


async def reauthenticate(
    plane: AuthPlane, caller: Caller, origin: Origin, client: ClientInfo
) -> str | None:
    """Send a nonce to the caller's address, else number; return the id of the SMS.

    Raises ``reauthenticate_…`` rows, ``too_soon``, the limits and what sending raises.
    """
    user = caller.user
    if not (user.email or user.phone):
        raise refuse("reauthenticate_needs_contact")
    if user.email:
        if user.email_confirmed_at is None:
            raise refuse("reauthenticate_email")
        await _by_mail(plane, user, origin, client)
        return None
    if user.phone_confirmed_at is None:
        raise refuse("reauthenticate_phone")
    return await _by_sms(plane, user, client)


async def _by_mail(plane: AuthPlane, user: User, origin: Origin, client: ClientInfo) -> None:
    sending.with_mailer(plane)
    code = sending.mail_code(plane, user.email)
    limits = sending.budget(plane, EMAIL)
    ask = sending.asking(limits, (_TOKEN, code), action="user_reauthenticate_requested")
    known = await sending.request(plane, user.id, ask, client)
    message = sending.mail(plane, "reauthentication", known, code, origin)
    await sending.send(plane, user.id, _TOKEN, message)


async def _by_sms(plane: AuthPlane, user: User, client: ClientInfo) -> str:
    sending.with_sms(plane)
    code = sending.sms_code(plane, user.phone, plane.clock())
    limits = sending.budget(plane, SMS, user.phone)
    ask = sending.asking(limits, (_TOKEN, code), action="user_reauthenticate_requested")
    await sending.request(plane, user.id, ask, client)
    return await sending.send_sms(plane, user.id, _TOKEN, code, SMS)


async def check_nonce(plane: AuthPlane, user: User, nonce: str) -> None:
    """Raise ``reauthentication_not_valid`` unless ``nonce`` is the user's current one."""
    messages = plane.messages
    if messages is None or not storable(nonce):
        raise refuse("reauthentication_not_valid")
    if not user.email:
        right = await sending.sms_code_right(plane, user.phone, nonce)
        if right is not None:
            if not right:
                raise refuse("reauthentication_not_valid")
            return
    settings, contact = messages.settings, user.email or user.phone
    life = settings.otp_life if user.email else settings.sms_otp_life
    hashed = one_time.token_hash(contact, nonce)
    if not await messages.store.nonce_fits(user.id, hashed, life, plane.clock()):
        raise refuse("reauthentication_not_valid")
