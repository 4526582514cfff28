"""Asking the operator's hooks; each verb does nothing, and costs nothing, while its hook is off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from keyturn.accounts.errors import refuse
from keyturn.accounts.hook_claims import accepted_claims
from keyturn.accounts.hooks import HOOK_NAMES, HookAnswer, HookTarget, unreadable
from keyturn.accounts.identifiers import uuid4_from
from keyturn.accounts.timestamps import rfc3339
from keyturn.accounts.user import User, user_json
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.accounts import ClientInfo, NewUser

_ZERO_TIME: Final = "0001-01-01T00:00:00Z"
PASSWORD_REJECTED: Final = "Further password verification attempts will be rejected."  # noqa: S105
MFA_REJECTED: Final = "Further MFA verification attempts will be rejected."


async def custom_claims(
    plane: AuthPlane,
    user_id: str,
    claims: dict[str, object],
    method: str,
    client: ClientInfo | None,
) -> dict[str, object]:
    """Return what the custom access token hook makes of ``claims``.

    ``method`` is the AMR method that led here, ``token_refresh`` for a refresh. Raises
    ``HookFailed``, also for claims that are no longer an access token's.
    """
    target = plane.settings.hooks.custom_access_token
    if target is None:
        return claims
    given = {"user_id": user_id, "claims": claims, "authentication_method": method}
    answer = await _ask(plane, "custom_access_token", target, given, client)
    latest = claims["exp"]
    return accepted_claims(answer.members, latest if isinstance(latest, int) else 0)


async def password_attempt(
    plane: AuthPlane, user_id: str, client: ClientInfo, *, valid: bool
) -> None:
    """Tell the hook about a password that was compared; raises ``invalid_credentials`` on *reject*.

    The hook may ask that the user is signed out everywhere.
    """
    target = plane.settings.hooks.password_verification_attempt
    if target is None:
        return
    given = {"user_id": user_id, "valid": valid}
    answer = await _ask(plane, "password_verification_attempt", target, given, client)
    decision = answer.decision(PASSWORD_REJECTED)
    if decision.rejected:
        if decision.log_out:
            await _sign_out_everywhere(plane, user_id, client)
        raise refuse("invalid_credentials", decision.message)


async def mfa_attempt(
    plane: AuthPlane,
    user_id: str,
    factor: tuple[str, str],
    client: ClientInfo,
    *,
    valid: bool,
) -> None:
    """Tell the hook about a second factor (id, type) that was tried.

    On *reject* the user is signed out everywhere and ``mfa_verification_rejected`` is raised.
    """
    target = plane.settings.hooks.mfa_verification_attempt
    if target is None:
        return
    given = {
        "user_id": user_id,
        "factor_id": factor[0],
        "factor_type": factor[1],
        "valid": valid,
    }
    answer = await _ask(plane, "mfa_verification_attempt", target, given, client)
    decision = answer.decision(MFA_REJECTED)
    if decision.rejected:
        await _sign_out_everywhere(plane, user_id, client)
        raise refuse("mfa_verification_rejected", decision.message)


async def before_user_created(plane: AuthPlane, new: NewUser, client: ClientInfo) -> None:
    """Show the hook an account that is about to be made; raises ``HookFailed`` when it objects."""
    target = plane.settings.hooks.before_user_created
    if target is not None:
        await _ask(plane, "before_user_created", target, {"user": _shown(new)}, client)


async def after_user_created(plane: AuthPlane, user: User, client: ClientInfo) -> None:
    """Show the hook an account that was made; raises ``HookFailed`` when it objects."""
    target = plane.settings.hooks.after_user_created
    if target is not None:
        await _ask(plane, "after_user_created", target, {"user": user_json(user)}, client)


async def send_email(
    plane: AuthPlane, user: User, email_data: Mapping[str, object], client: ClientInfo | None
) -> bool:
    """Hand a mail over to the hook; False while it is off, and the mail is still to be sent."""
    target = plane.settings.hooks.send_email
    if target is None:
        return False
    given = {"user": user_json(user), "email_data": email_data}
    await _ask(plane, "send_email", target, given, client)
    return True


async def send_sms(
    plane: AuthPlane, user: User, sms: Mapping[str, object], client: ClientInfo | None
) -> bool:
    """Hand a text message over to the hook; False while it is off."""
    target = plane.settings.hooks.send_sms
    if target is None:
        return False
    await _ask(plane, "send_sms", target, {"user": user_json(user), "sms": sms}, client)
    return True


async def _ask(
    plane: AuthPlane,
    name: str,
    target: HookTarget,
    members: Mapping[str, object],
    client: ClientInfo | None,
) -> HookAnswer:
    metadata = {
        "uuid": uuid4_from(plane.entropy(16)),
        "time": rfc3339(plane.clock()),
        "name": HOOK_NAMES[name],
    }
    if client is not None and client.ip:
        metadata["ip_address"] = client.ip
    raw = await plane.hooks.call(target, msgspec.json.encode({"metadata": metadata, **members}))
    answer = HookAnswer(_members(raw))
    answer.raise_error()
    return answer


def _members(raw: bytes | None) -> Mapping[str, object]:
    if not raw:
        return {}
    try:
        found: dict[str, object] | None = msgspec.json.decode(raw, type=dict[str, object] | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise unreadable() from None
    return found or {}


async def _sign_out_everywhere(plane: AuthPlane, user_id: str, client: ClientInfo) -> None:
    audit = plane.settings.audit_log_postgres
    await plane.accounts.sign_out(user_id, None, "global", client, plane.clock(), audit=audit)


def _shown(new: NewUser) -> dict[str, object]:
    """Return the account as GoTrue's user that has not been saved yet."""
    return {
        "id": new.id,
        "aud": new.aud,
        "role": new.role,
        "email": new.email,
        "phone": new.phone,
        "app_metadata": new.app_metadata,
        "user_metadata": new.user_metadata,
        "identities": [],
        "created_at": _ZERO_TIME,
        "updated_at": _ZERO_TIME,
        "is_anonymous": new.is_anonymous,
    }
