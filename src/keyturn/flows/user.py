"""What users do with their own account: look at it and change it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from keyturn.accounts import one_time, passwords
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import email_address, phone_number, require_storable_json
from keyturn.accounts.settings import AuthSettings
from keyturn.accounts.user import User
from keyturn.flows import change_contact
from keyturn.flows.callers import audience, authenticate, authenticate_admin, claims_of
from keyturn.flows.messages import Origin
from keyturn.flows.notifications import notify
from keyturn.flows.password_strength import require_strong
from keyturn.flows.plane import AuthPlane, Caller
from keyturn.flows.ports.accounts import Actor, ClientInfo, UserChange
from keyturn.flows.reauthenticate import check_nonce
from keyturn.flows.stored_passwords import hashed, matches

__all__ = [
    "UserUpdate",
    "audience",
    "authenticate",
    "authenticate_admin",
    "claims_of",
    "get",
    "update",
]

_RECENT_SIGN_IN = timedelta(hours=24)
_RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class UserUpdate:
    """``PUT /user``; a None member was not sent."""

    email: str = ""
    phone: str = ""
    password: str | None = field(default=None, repr=False)
    current_password: str | None = field(default=None, repr=False)
    nonce: str = field(default="", repr=False)
    data: Mapping[str, object] | None = None
    app_metadata: Mapping[str, object] | None = None
    channel: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""


def get(plane: AuthPlane, caller: Caller, aud_header: str | None = None) -> User:
    """Return the caller's account; raises ``wrong_audience`` as GoTrue does."""
    claimed = caller.claims.get("aud")
    first = claimed[0] if isinstance(claimed, list) and claimed else claimed
    if first != audience(plane, aud_header, caller.claims):
        raise refuse("wrong_audience")
    return caller.user


async def update(
    plane: AuthPlane,
    caller: Caller,
    request: UserUpdate,
    client: ClientInfo,
    origin: Origin | None = None,
) -> User:
    """Change the caller's account and return it.

    Metadata is merged, null removes a member. A new password signs the other sessions out. A new
    e-mail address or phone number is applied at once where GoTrue would (anonymous users under
    autoconfirm; phones under SMS autoconfirm); elsewhere its owner has to confirm it: the tokens
    are written first, the change second, the messages leave last. Raises the rows of ``PUT /user``
    and those of asking for a message.
    """
    request = await _normalised(plane, request)
    _check_rights(caller, request, plane.settings)
    change = _contact_change(caller.user, request, plane.settings)
    if request.password is not None:
        await _check_password(plane, caller, request)
        new_hash = await hashed(plane, caller.user.id, request.password) if request.password else ""
        session_id = caller.session.id if caller.session else None
        change = replace(change, password_hash=new_hash, keep_session=session_id)
    change = replace(change, user_metadata=request.data, app_metadata=request.app_metadata)
    pending = await _ask_owners(plane, caller.user, request, change, origin, client)
    changed = await plane.accounts.update_user(
        caller.user.id,
        change,
        actor_of(caller.user),
        client,
        plane.clock(),
        audit=plane.settings.audit_log_postgres,
    )
    for send in pending:
        await send()
    if request.password:
        notify(plane, "password_changed", changed, client)
    _notify_contact(plane, caller.user, changed, client)
    return changed


def _notify_contact(plane: AuthPlane, before: User, after: User, client: ClientInfo) -> None:
    """Tell of a contact that changed at once; the old address is told of the new one."""
    if before.email and after.email != before.email:
        old = before.email
        notify(plane, "email_changed", after, client, to=old, OldEmail=old)
    if after.phone != before.phone:
        notify(plane, "phone_changed", after, client, OldPhone=before.phone, Phone=after.phone)


def actor_of(user: User) -> Actor:
    """Return how ``user`` appears in the audit log: the phone number wins over the address."""
    return Actor(id=user.id, username=user.phone or user.email, via_sso=user.is_sso_user)


async def _normalised(plane: AuthPlane, request: UserUpdate) -> UserUpdate:
    require_storable_json(request.data)
    require_storable_json(request.app_metadata)
    if request.password is not None:
        await require_strong(plane, request.password)
    email = email_address(request.email) if request.email else ""
    phone = phone_number(request.phone) if request.phone else ""
    return replace(request, email=email, phone=phone)


def _check_rights(caller: Caller, request: UserUpdate, settings: AuthSettings) -> None:
    user = caller.user
    if request.app_metadata is not None and user.role not in settings.admin_roles:
        raise refuse("app_metadata_admin_only")
    contact = (request.email and request.email != user.email) or (
        request.phone and request.phone != user.phone
    )
    level = caller.session.aal if caller.session else "aal1"
    if (request.password or contact) and user.has_verified_factor() and level != "aal2":
        raise refuse("insufficient_aal")
    if user.is_anonymous and request.password and not (request.email or request.phone):
        raise refuse("anonymous_password")
    if user.is_sso_user and (request.password or contact or request.nonce):
        raise refuse("sso_managed")


def _contact_change(user: User, request: UserUpdate, settings: AuthSettings) -> UserChange:
    """Return what of address and number is applied at once."""
    at_once = user.is_anonymous and settings.mailer_autoconfirm
    email = request.email if request.email != user.email and at_once else ""
    phone = request.phone if request.phone != user.phone and settings.sms_autoconfirm else ""
    return UserChange(
        email=email or None,
        phone=phone or None,
        confirm_email=bool(email),
        confirm_phone=bool(phone),
    )


async def _ask_owners(
    plane: AuthPlane,
    user: User,
    request: UserUpdate,
    change: UserChange,
    origin: Origin | None,
    client: ClientInfo,
) -> list[Callable[[], Awaitable[object]]]:
    """Write tokens for what has to be confirmed and return what sends the messages."""
    pending: list[Callable[[], Awaitable[object]]] = []
    if request.email and request.email != user.email and not change.email:
        where = origin or Origin(plane.settings.site_url, "")
        challenge = one_time.challenge(request.code_challenge, request.code_challenge_method)
        mails = await change_contact.ask_for_email(
            plane, user, request.email, challenge, where, client
        )
        pending.append(partial(change_contact.send_email_change, plane, user, mails))
    if request.phone and request.phone != user.phone and not change.phone:
        code = await change_contact.ask_for_phone(plane, user, request.phone, client)
        channel = request.channel
        pending.append(partial(change_contact.send_phone_change, plane, user, code, channel))
    return pending


async def _check_password(plane: AuthPlane, caller: Caller, request: UserUpdate) -> None:
    """Apply the rules about who may set a new password."""
    settings, session = plane.settings, caller.session
    if settings.password_needs_reauthentication:
        recent = session and plane.clock() <= session.created_at + _RECENT_SIGN_IN
        if not recent:
            if not request.nonce:
                raise refuse("reauthentication_needed")
            await check_nonce(plane, caller.user, request.nonce)
    known = await plane.accounts.credentials(caller.user.id)
    stored = known.password_hash if known else None
    if not stored:
        return
    recovering = session and any(entry.method == _RECOVERY for entry in session.amr)
    if settings.password_needs_current and not recovering:
        await _check_current(plane, caller.user.id, request.current_password, stored)
    if await matches(plane, caller.user.id, request.password or "", stored):
        raise refuse("same_password")


async def _check_current(plane: AuthPlane, user_id: str, given: str | None, stored: str) -> None:
    if not given:
        raise refuse("current_password_required")
    passwords.require_length(given)
    if not await matches(plane, user_id, given, stored):
        raise refuse("current_password_invalid")
