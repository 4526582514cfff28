"""What administrators do with the second factors of an account."""

from __future__ import annotations

import msgspec

from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import phone_number, require_storable
from keyturn.accounts.user import Factor
from keyturn.flows import admin_users
from keyturn.flows.factors import owned
from keyturn.flows.plane import Admin, AuthPlane
from keyturn.flows.ports.accounts import ClientInfo


async def listing(plane: AuthPlane, user_id: str) -> tuple[Factor, ...]:
    """Return the factors of an account, oldest first; raises what ``admin_users.get`` raises."""
    return (await admin_users.get(plane, user_id)).factors


async def change(
    plane: AuthPlane,
    admin: Admin,
    user_id: str,
    factor_id: str,
    *,
    friendly_name: str,
    phone: str,
    client: ClientInfo,
) -> Factor:
    """Rename a factor, or give a phone factor another number; empty texts change nothing.

    Raises ``factor_id_not_uuid``, ``factor_not_found``, ``phone_invalid``,
    ``factor_name_conflict``.
    """
    user = await admin_users.get(plane, user_id)
    factor = owned(user, factor_id)
    require_storable(friendly_name)
    wanted = {"friendly_name": friendly_name} if friendly_name else {}
    if phone and factor.factor_type == "phone":
        wanted["phone"] = phone_number(phone)
    now = plane.clock()
    audit = plane.settings.audit_log_postgres
    actor = admin_users.actor(admin)
    if not await plane.factors.admin_change(
        user.id, factor.id, wanted, actor, client, now, audit=audit
    ):
        raise refuse("factor_not_found")
    return msgspec.structs.replace(factor, updated_at=now, **wanted)


async def delete(
    plane: AuthPlane, admin: Admin, user_id: str, factor_id: str, client: ClientInfo
) -> Factor:
    """Remove a factor and return what it was; the sessions that it lifted fall back.

    Raises ``factor_id_not_uuid``, ``factor_not_found``.
    """
    user = await admin_users.get(plane, user_id)
    factor = owned(user, factor_id)
    audit = plane.settings.audit_log_postgres
    actor = admin_users.actor(admin)
    if not await plane.factors.admin_delete(
        user.id, factor.id, actor, client, plane.clock(), audit=audit
    ):
        raise refuse("factor_not_found")
    return factor
