"""What administrators send or hand out: invitations and links (``/admin/generate_link``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import email_address, require_storable, require_storable_json
from keyturn.accounts.redirects import action_link
from keyturn.accounts.user import User
from keyturn.flows import admin_users
from keyturn.flows import messages as sending
from keyturn.flows.hooks import after_user_created, before_user_created
from keyturn.flows.messages import EMAIL, Code, Origin
from keyturn.flows.password_strength import require_strong
from keyturn.flows.plane import Admin, AuthPlane
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.messages import Ask
from keyturn.flows.sign_up import SignUp, new_user

_SIGN_UP, _INVITE, _MAGIC, _RECOVERY = "signup", "invite", "magiclink", "recovery"
_CHANGE_CURRENT, _CHANGE_NEW = "email_change_current", "email_change_new"
_TYPES = frozenset({_SIGN_UP, _INVITE, _MAGIC, _RECOVERY, _CHANGE_CURRENT, _CHANGE_NEW})
_KINDS = {
    _SIGN_UP: "confirmation",
    _MAGIC: "magic_link",
    _CHANGE_CURRENT: "email_change",
    _CHANGE_NEW: "email_change",
}


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """``POST /admin/generate_link``."""

    type: str = ""
    email: str = ""
    new_email: str = ""
    password: str = field(default="", repr=False)
    data: Mapping[str, object] | None = None
    aud: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link with what it is made of; ``type`` may differ from the one asked for."""

    user: User
    url: str = field(repr=False)
    code: str = field(repr=False)
    hash: str = field(repr=False)
    type: str
    redirect_to: str


async def invite(
    plane: AuthPlane, admin: Admin, wanted: LinkRequest, origin: Origin, client: ClientInfo
) -> User:
    """Invite an address: an account without password, and a mail to accept with.

    Raises ``email_exists`` for a confirmed account, ``mail_limit``, ``mail_not_sent`` and
    ``no_mailer``.
    """
    sending.with_mailer(plane)
    email = _email(wanted)
    code = sending.mail_code(plane, email)
    limits = sending.budget(plane, EMAIL, frequency=False)
    user, made = await _pending(plane, admin, wanted, email, _invitation(limits, code), client)
    message = sending.mail(plane, "invite", user, code, origin)
    try:
        await sending.send(plane, user.id, "confirmation_token", message)
    finally:  # the account is there whether or not its message left
        if made:
            await after_user_created(plane, user, client)
    return user


async def generate(
    plane: AuthPlane, admin: Admin, wanted: LinkRequest, origin: Origin, client: ClientInfo
) -> Link:
    """Make a link and send nothing; links replace each other as mailed ones do.

    Raises ``link_type``, ``link_user_not_found``, ``email_exists``, ``link_secure_change_off`` and
    the rows about addresses and passwords.
    """
    email = _email(wanted)
    if wanted.type not in _TYPES:
        shown = wanted.type[:32].encode("ascii", "backslashreplace").decode()
        raise refuse("link_type", f"Invalid email action link type requested: {shown}")
    known = await _known(plane, wanted, email)
    kind = _SIGN_UP if known is None and wanted.type == _MAGIC else wanted.type
    new_email = email_address(wanted.new_email) if kind in (_CHANGE_CURRENT, _CHANGE_NEW) else ""
    code = sending.mail_code(plane, new_email if kind == _CHANGE_NEW else email)
    if kind in (_SIGN_UP, _INVITE):
        ask = _invitation(Ask(tokens=()), code) if kind == _INVITE else _confirmation(wanted, code)
        first = kind == _SIGN_UP and wanted.type != _MAGIC and known is None
        user, made = await _pending(plane, admin, wanted, email, ask, client, password=first)
        if made:
            await after_user_created(plane, user, client)
    elif known is None:
        raise refuse("link_user_not_found")
    elif kind in (_MAGIC, _RECOVERY):
        ask = Ask(tokens=(), action="user_recovery_requested")
        ask = sending.asking(ask, ("recovery_token", code))
        user = await sending.request(plane, known.id, ask, client)
    else:
        user = await _change(plane, known, new_email, kind, code, client)
    shown_kind = _KINDS.get(kind, kind)
    values = (code.hash, sending.LINK_TYPES[shown_kind], origin.redirect_to)
    path = sending.messages_of(plane).settings.path(shown_kind)
    url = action_link(origin.external_url, path, values)
    return Link(user, url, code.text, code.hash, kind, origin.redirect_to)


async def _known(plane: AuthPlane, wanted: LinkRequest, email: str) -> User | None:
    aud = wanted.aud or plane.settings.jwt_aud
    require_storable(aud)
    found = await plane.accounts.find_by_email(email, aud)
    return found.user if found else None


def _email(wanted: LinkRequest) -> str:
    require_storable_json(wanted.data)
    return email_address(wanted.email)


def _invitation(limits: Ask, code: Code) -> Ask:
    return sending.asking(limits, ("confirmation_token", code), invited=True, action="user_invited")


def _confirmation(wanted: LinkRequest, code: Code) -> Ask:
    ask = Ask(tokens=(), user_metadata=wanted.data, action="user_confirmation_requested")
    return sending.asking(ask, ("confirmation_token", code))


async def _pending(
    plane: AuthPlane,
    admin: Admin,
    wanted: LinkRequest,
    email: str,
    ask: Ask,
    client: ClientInfo,
    *,
    password: bool = False,
) -> tuple[User, bool]:
    """Give an unconfirmed account the token of ``ask``; True: it was made for that."""
    if ask.invited:
        ask = msgspec.structs.replace(ask, actor=admin_users.actor(admin))
    known = await _known(plane, wanted, email)
    if known is not None:
        if known.email_confirmed_at is not None:
            raise refuse("email_exists")
        return await sending.request(plane, known.id, ask, client), False
    if password:
        if not wanted.password:
            raise refuse("signup_needs_password")
        await require_strong(plane, wanted.password)
    secret = wanted.password if password else ""
    request = SignUp(email=email, password=secret, data=wanted.data, aud=wanted.aud)
    new = await new_user(plane, request, email, "")
    store, audit = sending.messages_of(plane).store, plane.settings.audit_log_postgres
    await before_user_created(plane, new, client)
    requested = await store.create_pending(new, ask, client, plane.clock(), audit=audit)
    return sending.granted_user(requested, EMAIL), True


async def _change(
    plane: AuthPlane, user: User, new_email: str, kind: str, code: Code, client: ClientInfo
) -> User:
    current = kind == _CHANGE_CURRENT
    if current and not sending.messages_of(plane).settings.secure_email_change:
        raise refuse("link_secure_change_off")
    if await plane.accounts.find_by_email(new_email, user.aud) is not None:
        raise refuse("email_exists")
    token = "email_change_token_current" if current else "email_change_token_new"
    ask = sending.asking(Ask(tokens=()), (token, code), email_change=new_email)
    return await sending.request(plane, user.id, ask, client)
