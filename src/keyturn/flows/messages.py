"""Asking for one-time tokens and sending the messages that carry them: what the flows share."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from keyturn.accounts import one_time
from keyturn.accounts.errors import AuthError, refuse
from keyturn.accounts.identifiers import uuid4_from
from keyturn.accounts.one_time import Challenge
from keyturn.accounts.redirects import action_link
from keyturn.accounts.user import User
from keyturn.flows.hooks import send_email
from keyturn.flows.hooks import send_sms as hand_over_sms
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.messages import (
    Ask,
    Flow,
    Mail,
    MessageNotSent,
    Messages,
    Requested,
    Token,
)

EMAIL, SMS = "email", "sms"
LINK_TYPES = {
    "confirmation": "signup",
    "invite": "invite",
    "recovery": "recovery",
    "magic_link": "magiclink",
    "email_change": "email_change",
    "reauthentication": "reauthentication",
}
"""Kind of mail → ``type`` of its link and of ``POST /verify``."""
_LONGEST_CODE = 64
_WORDS = {"magic_link": "magic link", "email_change": "email change"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where links point: ``external_url`` is this server, ``redirect_to`` what comes after it."""

    redirect_to: str
    external_url: str


@dataclass(frozen=True, slots=True)
class Code:
    """A fresh code for ``relates_to``; ``hash`` is what is stored and linked."""

    text: str = field(repr=False)
    hash: str = field(repr=False)
    relates_to: str


def messages_of(plane: AuthPlane) -> Messages:
    """Return the plane's messages; raises ``no_mailer`` when this server has none."""
    if plane.messages is None:
        raise refuse("no_mailer")
    return plane.messages


def with_mailer(plane: AuthPlane) -> Messages:
    """Return the plane's messages; raises ``no_mailer`` unless it can send mail."""
    messages = messages_of(plane)
    if messages.mailer is None and plane.settings.hooks.send_email is None:
        raise refuse("no_mailer")
    return messages


def with_sms(plane: AuthPlane) -> Messages:
    """Return the plane's messages; raises ``no_sms`` unless it can send SMS or has test numbers."""
    messages = plane.messages
    hook = plane.settings.hooks.send_sms
    if messages is None or not (messages.sms or messages.settings.sms_test_codes or hook):
        raise refuse("no_sms")
    return messages


def mail_code(plane: AuthPlane, email: str, *, pkce: bool = False) -> Code:
    """Return a code for a mail; with ``pkce`` its hash says so."""
    length = messages_of(plane).settings.otp_length
    code = one_time.code_from(plane.entropy(one_time.ENTROPY), length)
    prefix = one_time.PKCE_PREFIX if pkce else ""
    return Code(code, prefix + one_time.token_hash(email, code), email)


def sms_code(plane: AuthPlane, phone: str, now: datetime) -> Code:
    """Return a code for an SMS: the fixed one of a test number, else a random one."""
    settings = messages_of(plane).settings
    code = settings.test_code(phone, now) or one_time.code_from(
        plane.entropy(one_time.ENTROPY), settings.sms_otp_length
    )
    return Code(code, one_time.token_hash(phone, code), phone)


def budget(
    plane: AuthPlane,
    channel: str,
    phone: str = "",
    *,
    frequency: bool = True,
    always: bool = False,
) -> Ask:
    """Return an ask that has only the limits of ``channel``.

    As in GoTrue nothing is counted where nobody has to confirm (autoconfirm) unless ``always``,
    nor for a test number, which gets no SMS. A budget of 0 is none for anybody.
    """
    settings = messages_of(plane).settings
    limit = settings.mail_limit if channel == EMAIL else settings.sms_limit
    pause = settings.mail_frequency if channel == EMAIL else settings.sms_frequency
    accounts = plane.settings
    free = accounts.mailer_autoconfirm if channel == EMAIL else accounts.sms_autoconfirm
    test = bool(phone) and settings.test_code(phone, plane.clock()) is not None
    return Ask(
        tokens=(),
        frequency=pause.total_seconds() if frequency else None,
        channel=channel,
        count=None if (test or (free and not always)) and limit.count else limit.count,
        seconds=limit.period.total_seconds(),
    )


def asking(limits: Ask, *tokens: tuple[str, Code], **members: Any) -> Ask:
    """Return ``limits`` with ``tokens`` (type, code) and further members of :class:`Ask`."""
    kept = tuple(Token(kind, code.hash, code.relates_to) for kind, code in tokens)
    return msgspec.structs.replace(limits, tokens=kept, **members)


def flow_of(
    plane: AuthPlane, challenge: Challenge | None, provider: str, authentication: str
) -> Flow | None:
    """Return the flow to remember for ``challenge``; None without one."""
    if challenge is None:
        return None
    return Flow(
        id=uuid4_from(plane.entropy(16)),
        auth_code=uuid4_from(plane.entropy(16)),
        challenge=challenge.text,
        method=challenge.method,
        provider=provider,
        authentication=authentication,
    )


def check_pause(sent_at: datetime | None, pause: timedelta, now: datetime, channel: str) -> None:
    """Raise ``too_soon`` when the last message was sent less than ``pause`` ago."""
    if sent_at is not None and sent_at + pause > now:
        left = (sent_at + pause - now) / timedelta(seconds=1)
        raise _too_soon(int(-(-left // 1)), channel)


def check_remaining(remaining: float, channel: str) -> None:
    """Raise ``mail_limit`` or ``sms_limit`` when nothing is left of the budget."""
    if remaining < 1:
        raise refuse("mail_limit" if channel == EMAIL else "sms_limit")


def granted_user(requested: Requested, channel: str) -> User:
    """Return the account of an ask that was granted; raise why it was not."""
    if requested.verdict == "too_soon":
        raise _too_soon(requested.seconds, channel)
    if requested.verdict == "over_limit":
        raise refuse("mail_limit" if channel == EMAIL else "sms_limit")
    if requested.user is None:
        raise refuse("user_not_found")
    return requested.user


def _too_soon(seconds: int, channel: str) -> Exception:
    return refuse(
        "too_soon" if channel == EMAIL else "too_soon_sms",
        f"For security purposes, you can only request this after {seconds} seconds.",
    )


async def request(plane: AuthPlane, user_id: str, ask: Ask, client: ClientInfo) -> User:
    """Write the tokens of ``ask``; raises ``too_soon``, ``mail_limit``, ``sms_limit``."""
    store = messages_of(plane).store
    audit = plane.settings.audit_log_postgres
    requested = await store.request(user_id, ask, client, plane.clock(), audit=audit)
    return granted_user(requested, ask.channel or EMAIL)


def mail(
    plane: AuthPlane,
    kind: str,
    user: User,
    code: Code,
    origin: Origin,
    *,
    to: str | None = None,
    new_email: str = "",
) -> Mail:
    """Return a mail with GoTrue's template variables (gotrue.md §6.4)."""
    settings = messages_of(plane).settings
    target = origin.redirect_to
    link = ""
    if kind != "reauthentication":
        values = (code.hash, LINK_TYPES[kind], target)
        link = action_link(origin.external_url, settings.path(kind), values)
    return Mail(
        kind=kind,
        to=to or user.email,
        subject=settings.subject(kind),
        values={
            "SiteURL": plane.settings.site_url,
            "ConfirmationURL": link,
            "Email": user.email,
            "NewEmail": new_email,
            "SendingTo": to or user.email,
            "Token": code.text,
            "TokenHash": code.hash,
            "Data": msgspec.json.decode(user.user_metadata),
            "RedirectTo": target,
        },
    )


async def send(plane: AuthPlane, user_id: str, token_type: str, *mails: Mail) -> None:
    """Hand mails over; when one is not taken, forget the request and raise ``mail_not_sent``."""
    messages = with_mailer(plane)
    if plane.settings.hooks.send_email is not None:
        await _mail_hook(plane, user_id, token_type, mails)
        return
    try:
        for each in mails:
            if messages.mailer is not None:
                await messages.mailer.send(each)
    except MessageNotSent as problem:
        await messages.store.failed(user_id, token_type, EMAIL)
        words = _WORDS.get(mails[0].kind, mails[0].kind)
        raise refuse("mail_not_sent", f"Error sending {words} email") from problem


async def send_sms(
    plane: AuthPlane, user_id: str, token_type: str, code: Code, channel: str
) -> str:
    """Hand an SMS over and return its id; raises ``sms_not_sent``. Test numbers get none."""
    messages = with_sms(plane)
    if messages.settings.test_code(code.relates_to, plane.clock()) is not None:
        return "test-otp"
    if plane.settings.hooks.send_sms is not None:
        await _sms_hook(plane, user_id, token_type, code, channel)
        return ""
    if messages.sms is None:
        raise refuse("no_sms")
    text = messages.settings.sms_template.replace("{{ .Code }}", code.text).replace(
        "{{.Code}}", code.text
    )
    try:
        return await messages.sms.send(code.relates_to, text, channel)
    except MessageNotSent as problem:
        await messages.store.failed(user_id, token_type, SMS)
        raise refuse("sms_not_sent", f"Error sending sms OTP: {problem.message}") from problem


async def sms_code_right(plane: AuthPlane, phone: str, code: str) -> bool | None:
    """Ask the provider that makes the codes; None: this server made it, and compares it itself."""
    messages = plane.messages
    if messages is None or messages.sms_codes is None or plane.settings.hooks.send_sms is not None:
        return None
    if messages.settings.test_code(phone, plane.clock()) is not None:
        return None
    if not (code.isascii() and code.isalnum() and len(code) <= _LONGEST_CODE):
        return False
    try:
        return await messages.sms_codes.check(phone, code)
    except MessageNotSent:
        return False


async def _mail_hook(
    plane: AuthPlane, user_id: str, token_type: str, mails: tuple[Mail, ...]
) -> None:
    """Hand the codes to the hook instead; one call, whatever the number of mails."""
    user, _ = await plane.accounts.caller(user_id, None)
    if user is None:
        raise refuse("user_not_found")
    first, last = mails[0].values, mails[-1].values
    data = {
        "token": first["Token"],
        "token_hash": last["TokenHash"],
        "redirect_to": first["RedirectTo"],
        "email_action_type": LINK_TYPES.get(mails[0].kind, mails[0].kind),
        "site_url": plane.settings.site_url,
        # GoTrue's naming: the hash called new goes with the mail to the current address.
        "token_new": last["Token"] if len(mails) > 1 else "",
        "token_hash_new": first["TokenHash"] if len(mails) > 1 else "",
    }
    try:
        await send_email(plane, user, data, None)
    except AuthError:
        await messages_of(plane).store.failed(user_id, token_type, EMAIL)
        raise


async def _sms_hook(
    plane: AuthPlane, user_id: str, token_type: str, code: Code, channel: str
) -> None:
    user, _ = await plane.accounts.caller(user_id, None)
    if user is None:
        raise refuse("user_not_found")
    sms = {"otp": code.text, "sms_type": channel, "phone": code.relates_to}
    try:
        await hand_over_sms(plane, user, sms, None)
    except AuthError:
        await messages_of(plane).store.failed(user_id, token_type, SMS)
        raise


def later(plane: AuthPlane, work: Coroutine[Any, Any, None]) -> None:
    """Go on with ``work`` after the answer, so that its time tells nobody anything."""
    messages_of(plane).later.start(work)
