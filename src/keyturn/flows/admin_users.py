"""What administrators do with accounts: create, list, get, change, ban, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from keyturn.accounts import passwords
from keyturn.accounts.durations import parse_duration
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import (
    email_address,
    phone_number,
    require_storable,
    require_storable_json,
    uuid4_from,
    uuid4_text,
    uuid_text,
)
from keyturn.accounts.user import User
from keyturn.flows import paging
from keyturn.flows.paging import Page
from keyturn.flows.password_strength import require_strong
from keyturn.flows.plane import Admin, AuthPlane
from keyturn.flows.ports.accounts import Actor, ClientInfo, NewUser, UserChange, UserQuery
from keyturn.flows.stored_passwords import hashed
from keyturn.flows.user import actor_of

_NIL_UUID = "00000000-0000-0000-0000-000000000000"
_INVENTED_PASSWORD_BYTES = 48
_SORTS = {"": True, "created_at": True, "created_at desc": True, "created_at asc": False}


@dataclass(frozen=True, slots=True)
class AdminUser:
    """``POST /admin/users`` and ``PUT /admin/users/{id}``; a None member was not sent."""

    id: str = ""
    aud: str = ""
    role: str = ""
    email: str = ""
    phone: str = ""
    password: str | None = field(default=None, repr=False)
    password_hash: str = field(default="", repr=False)
    email_confirm: bool = False
    phone_confirm: bool = False
    user_metadata: Mapping[str, object] | None = None
    app_metadata: Mapping[str, object] | None = None
    ban_duration: str = ""


@dataclass(frozen=True, slots=True)
class UserListing:
    """A page of accounts, and how many there are."""

    users: list[User]
    aud: str
    total: int
    page: Page


@dataclass(frozen=True, slots=True)
class ListQuery:
    """``GET /admin/users``: the members are the query's texts, empty when absent.

    ``matching`` is the ``filter`` parameter: part of an e-mail address or full name, or an id.
    """

    page: str = ""
    per_page: str = ""
    matching: str = ""
    sort: str = ""
    aud: str | None = None


async def create(plane: AuthPlane, admin: Admin, request: AdminUser, client: ClientInfo) -> User:
    """Create an account as it is given; no mail, no session.

    Raises ``admin_needs_identifier``, ``email_exists``, ``phone_exists``, ``user_exists`` and the
    rows about malformed members.
    """
    if not request.email and not request.phone:
        raise refuse("admin_needs_identifier")
    request = _normalised(request)
    now = plane.clock()
    providers = [name for name in ("email", "phone") if getattr(request, name)]
    user_id = uuid4_text(request.id) if request.id else uuid4_from(plane.entropy(16))
    about = {"sub": user_id, "email_verified": False, "phone_verified": False}
    app = {"provider": providers[0], "providers": providers, **_present(request.app_metadata)}
    new = NewUser(
        id=user_id,
        aud=request.aud or plane.settings.jwt_aud,
        role=(request.role or plane.settings.default_group).strip(),
        email=request.email,
        phone=request.phone,
        password_hash=await _new_hash(plane, user_id, request),
        user_metadata=_present(request.user_metadata),
        app_metadata=app,
        identity_data=about,
        confirm_email=request.email_confirm,
        confirm_phone=request.phone_confirm,
        banned_until=_ban(request.ban_duration, now)[0],
    )
    return await plane.accounts.create_user(
        new, actor(admin), client, now, audit=plane.settings.audit_log_postgres
    )


async def list_users(plane: AuthPlane, query: ListQuery) -> UserListing:
    """Return a page of the accounts of an audience, newest first unless ``sort`` says otherwise.

    Raises ``validation_failed`` for pages and sorts that are none.
    """
    require_storable(query.matching, query.aud or "")
    page = paging.read(query.page, query.per_page)
    order = " ".join(query.sort.lower().split())
    if order not in _SORTS:
        raise refuse("validation_failed", f"Bad Sort Parameters: bad field for sort {order[:64]!r}")
    aud = query.aud or plane.settings.jwt_aud
    found = await plane.accounts.list_users(
        UserQuery(aud, page.number, page.size, query.matching, descending=_SORTS[order])
    )
    return UserListing(found.users, aud, found.total, page)


async def get(plane: AuthPlane, user_id: str) -> User:
    """Return one account; raises ``user_id_not_uuid`` (404) and ``user_not_found`` (404)."""
    user, _ = await plane.accounts.caller(_id(user_id), None)
    if user is None:
        raise refuse("user_not_found")
    return user


async def update(
    plane: AuthPlane, admin: Admin, user_id: str, request: AdminUser, client: ClientInfo
) -> User:
    """Change an account; metadata is merged, a new password ends all sessions.

    Raises what :func:`create` raises, ``WeakPassword``, and ``user_not_found``.
    """
    target = _id(user_id)
    request = _normalised(request)
    if request.password is not None:
        await require_strong(plane, request.password)
    now = plane.clock()
    banned_until, lift = _ban(request.ban_duration, now)
    change = UserChange(
        email=request.email or None,
        phone=request.phone or None,
        password_hash=await _changed_hash(plane, target, request),
        user_metadata=request.user_metadata,
        app_metadata=request.app_metadata,
        role=request.role.strip() or None,
        confirm_email=request.email_confirm,
        confirm_phone=request.phone_confirm,
        banned_until=banned_until,
        lift_ban=lift,
    )
    audit = plane.settings.audit_log_postgres
    return await plane.accounts.update_user(target, change, actor(admin), client, now, audit=audit)


async def delete(
    plane: AuthPlane, admin: Admin, user_id: str, client: ClientInfo, *, soft: bool = False
) -> None:
    """Delete an account with all that hangs on it.

    ``soft`` keeps a row that says nothing about the person, so that foreign keys of the
    operator's tables stay whole. Raises ``user_not_found``.
    """
    audit = plane.settings.audit_log_postgres
    await plane.accounts.delete_user(
        _id(user_id), actor(admin), client, plane.clock(), soft=soft, audit=audit
    )


def _normalised(request: AdminUser) -> AdminUser:
    require_storable(request.aud, request.role)
    require_storable_json(request.user_metadata)
    require_storable_json(request.app_metadata)
    if request.password and request.password_hash:
        raise refuse("admin_password_or_hash")
    if request.password:
        passwords.require_length(request.password)
    if request.password_hash:
        passwords.require_hash(request.password_hash)
    email = email_address(request.email) if request.email else ""
    phone = phone_number(request.phone) if request.phone else ""
    return replace(request, email=email, phone=phone)


async def _new_hash(plane: AuthPlane, user_id: str, request: AdminUser) -> str:
    """Return the given hash, or that of the given password, or of one that nobody knows."""
    if request.password_hash:
        return plane.columns.seal(user_id, request.password_hash)
    invented = plane.entropy(_INVENTED_PASSWORD_BYTES).hex()[: passwords.LIMIT_BYTES]
    return await hashed(plane, user_id, request.password or invented)


async def _changed_hash(plane: AuthPlane, user_id: str, request: AdminUser) -> str | None:
    if request.password_hash:
        return plane.columns.seal(user_id, request.password_hash)
    return await hashed(plane, user_id, request.password) if request.password else None


def _ban(duration: str, now: datetime) -> tuple[datetime | None, bool]:
    """Return until when, and whether a ban is lifted; ``none`` and ``0s`` lift it."""
    if not duration:
        return None, False
    try:
        length = timedelta() if duration == "none" else parse_duration(duration)
        return (now + length, False) if length > timedelta() else (None, True)
    except (ValueError, OverflowError) as wrong:
        raise refuse("validation_failed", f"invalid format for ban duration: {wrong}") from None


def actor(admin: Admin) -> Actor:
    """Return how ``admin`` appears in the audit log; an API key goes by its role."""
    if admin.user is not None:
        return actor_of(admin.user)
    return Actor(id=_NIL_UUID, username=str(admin.claims.get("role", "")))


def _present(metadata: Mapping[str, object] | None) -> dict[str, object]:
    """Return ``metadata`` without null members, which a patch would have removed."""
    return {key: value for key, value in (metadata or {}).items() if value is not None}


def _id(text: str) -> str:
    user_id = uuid_text(text)
    if user_id is None:
        raise refuse("user_id_not_uuid")
    return user_id
