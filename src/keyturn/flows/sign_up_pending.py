"""Signing up where the address or number has to be confirmed first.

A new account, one that waits for its confirmation and one that has been confirmed long ago get the
same answer after the same work: one read, one password hash, one write. Messages leave afterwards.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from keyturn.accounts import one_time
from keyturn.accounts.errors import AuthError
from keyturn.accounts.one_time import Challenge
from keyturn.accounts.user import User
from keyturn.flows import messages as sending
from keyturn.flows.hooks import after_user_created, before_user_created
from keyturn.flows.messages import EMAIL, SMS, Code, Origin
from keyturn.flows.plane import AuthPlane, Granted
from keyturn.flows.ports.accounts import ClientInfo, NewUser
from keyturn.flows.ports.messages import Ask
from keyturn.flows.sign_up import SignUp, check_shape, identifiers, new_user, sign_up

_TAKEN = frozenset({"email_exists", "phone_exists"})


async def enter(
    plane: AuthPlane, wanted: SignUp, origin: Origin, client: ClientInfo
) -> Granted | User:
    """Sign up: a session under autoconfirm, else the account that waits for its confirmation.

    Raises the rows of sign-up, ``too_soon``, ``mail_limit``, ``sms_limit``, ``no_mailer``,
    ``no_sms`` and those of PKCE.
    """
    settings = plane.settings
    confirmed = settings.mailer_autoconfirm if wanted.email else settings.sms_autoconfirm
    if plane.messages is None or confirmed or not (wanted.email or wanted.phone):
        return await sign_up(plane, wanted, client)
    await check_shape(plane, wanted)
    challenge = one_time.challenge(wanted.code_challenge, wanted.code_challenge_method)
    email, phone = identifiers(wanted, settings)
    messages = sending.with_mailer(plane) if email else sending.with_sms(plane)
    channel = EMAIL if email else SMS
    now = plane.clock()
    limits = sending.budget(plane, channel, phone)
    aud = wanted.aud or settings.jwt_aud
    found = await messages.store.find(email, phone, aud, limits, now)
    sending.check_remaining(found.remaining, channel)
    new = await new_user(plane, wanted, email, phone)
    if found.user is None:
        try:
            return await create(plane, new, challenge, origin, client, wanted.channel)
        except AuthError as refused:
            if refused.error_code in _TAKEN:  # somebody was faster with the same address
                return pretended(new, now)
            raise
    if found.user.email_confirmed_at if email else found.user.phone_confirmed_at:
        await _note_repeated(plane, found.user, new, client)
        return pretended(new, now)
    return await ask_again(plane, found.user, challenge, origin, client, wanted.channel)


async def _note_repeated(plane: AuthPlane, user: User, new: NewUser, client: ClientInfo) -> None:
    traits = {"provider": EMAIL if new.email else "phone"}
    ask = Ask(tokens=(), action="user_repeated_signup", traits=traits)
    audit = plane.settings.audit_log_postgres
    store = sending.messages_of(plane).store
    await store.request(user.id, ask, client, plane.clock(), audit=audit)


async def create(
    plane: AuthPlane,
    new: NewUser,
    challenge: Challenge | None,
    origin: Origin,
    client: ClientInfo,
    channel: str = "",
    *,
    wait: bool = False,
) -> User:
    """Create an unconfirmed account and send what confirms it; ``wait`` until it has left."""
    messages = sending.messages_of(plane)
    code, ask = _confirmation(plane, new.email, new.phone, challenge)
    now, audit = plane.clock(), plane.settings.audit_log_postgres
    await before_user_created(plane, new, client)
    requested = await messages.store.create_pending(new, ask, client, now, audit=audit)
    user = sending.granted_user(requested, ask.channel or EMAIL)
    try:
        await _dispatch(plane, user, code, origin, channel, wait=wait)
    finally:  # the account is there whether or not its message left
        await after_user_created(plane, user, client)
    return user


async def ask_again(
    plane: AuthPlane,
    user: User,
    challenge: Challenge | None,
    origin: Origin,
    client: ClientInfo,
    channel: str = "",
    *,
    wait: bool = False,
) -> User:
    """Send a new confirmation to an account that waits for one; its data is left alone."""
    email = user.email if not (user.phone and not user.email) else ""
    code, ask = _confirmation(plane, email, "" if email else user.phone, challenge)
    known = await sending.request(plane, user.id, ask, client)
    await _dispatch(plane, known, code, origin, channel, wait=wait)
    return known


def _confirmation(
    plane: AuthPlane, email: str, phone: str, challenge: Challenge | None
) -> tuple[Code, Ask]:
    if email:
        code = sending.mail_code(plane, email, pkce=challenge is not None)
    else:
        code = sending.sms_code(plane, phone, plane.clock())
    provider = EMAIL if email else "phone"
    ask = sending.asking(
        sending.budget(plane, EMAIL if email else SMS, phone),
        ("confirmation_token", code),
        flow=sending.flow_of(plane, challenge, provider, "email/signup"),
        action="user_confirmation_requested",
        traits={"provider": provider},
    )
    return code, ask


async def _dispatch(
    plane: AuthPlane, user: User, code: Code, origin: Origin, channel: str, *, wait: bool
) -> None:
    work = _send(plane, user, code, origin, channel)
    if wait:
        await work
    else:
        sending.later(plane, work)


async def _send(plane: AuthPlane, user: User, code: Code, origin: Origin, channel: str) -> None:
    if code.relates_to == user.email:
        message = sending.mail(plane, "confirmation", user, code, origin)
        await sending.send(plane, user.id, "confirmation_token", message)
    else:
        await sending.send_sms(plane, user.id, "confirmation_token", code, channel or SMS)


def pretended(new: NewUser, now: datetime) -> User:
    """Return what a new account would look like, for an address that has one already."""
    return User(
        id=new.id,
        aud=new.aud,
        role=new.role,
        email=new.email,
        email_confirmed_at=None,
        invited_at=None,
        phone=new.phone,
        phone_confirmed_at=None,
        confirmation_sent_at=now,
        confirmed_at=None,
        recovery_sent_at=None,
        new_email=None,
        email_change_sent_at=None,
        new_phone=None,
        phone_change_sent_at=None,
        reauthentication_sent_at=None,
        last_sign_in_at=None,
        app_metadata=msgspec.Raw(msgspec.json.encode(new.app_metadata)),
        user_metadata=msgspec.Raw(msgspec.json.encode(new.user_metadata)),
        factors=(),
        identities=(),
        created_at=now,
        updated_at=now,
        banned_until=None,
        deleted_at=None,
        is_anonymous=False,
    )
