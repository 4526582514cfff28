"""Phone numbers as second factors: a code is sent, and typed in again (gotrue.md §4.2 *MFA*)."""

from __future__ import annotations

import hmac
import math
from datetime import datetime

from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import storable, uuid4_from
from keyturn.accounts.mfa import METHODS
from keyturn.accounts.user import Factor
from keyturn.flows import hooks
from keyturn.flows import messages as sending
from keyturn.flows.factors import (
    Attempt,
    Challenged,
    expiry,
    lift,
    owned,
    report_attempt,
    require_verifiable,
    sound_evidence,
)
from keyturn.flows.plane import AuthPlane, Caller, Granted
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.factors import NewChallenge, Proof
from keyturn.flows.ports.messages import MessageNotSent

_KIND = "phone"
_CHANNELS = frozenset({"", "sms", "whatsapp"})
_CODE_ENTROPY = 16


async def challenge(
    plane: AuthPlane, caller: Caller, factor_id: str, channel: str, client: ClientInfo
) -> Challenged:
    """Send a code to the factor's number and record the challenge.

    Raises ``factor_not_found``, ``phone_verify_off``, ``phone_channel``, ``phone_too_soon``
    (429), ``phone_no_sms`` (422) when nothing can send it, and ``sms_not_sent`` (422). A test
    number (``SMS_TEST_OTP``) gets no message and has its fixed code, as at sign-in.
    """
    factor = owned(caller.user, factor_id)
    require_verifiable(plane, factor)
    if channel not in _CHANNELS:
        raise refuse("phone_channel")
    now = plane.clock()
    _require_pause(plane, factor, now)
    fixed = _test_code(plane, factor, now)
    code = fixed or _new_code(plane)
    challenge_id = uuid4_from(plane.entropy(16))
    if fixed is None:
        await _send(plane, caller, factor, code, channel, client)
    made = NewChallenge(challenge_id, factor.id, otp_code=plane.columns.seal(challenge_id, code))
    audit = plane.settings.audit_log_postgres
    if not await plane.factors.challenge(caller.user.id, made, client, now, audit=audit):
        raise refuse("factor_not_found")
    return Challenged(challenge_id, _KIND, expiry(plane, now))


async def _send(
    plane: AuthPlane,
    caller: Caller,
    factor: Factor,
    code: str,
    channel: str,
    client: ClientInfo,
) -> None:
    """Hand the code to the hook, else to the provider."""
    phone = factor.phone or ""
    about = {"otp": code, "sms_type": "mfa", "phone": phone}
    if await hooks.send_sms(plane, caller.user, about, client):
        return
    if plane.messages is None or plane.messages.sms is None:
        raise refuse("phone_no_sms")
    template = plane.settings.mfa.phone_template
    text = template.replace("{{ .Code }}", code).replace("{{.Code}}", code)
    try:
        await plane.messages.sms.send(phone, text, channel or "sms")
    except MessageNotSent as problem:
        raise refuse("sms_not_sent", f"Error sending message: {problem.message}") from problem


def _require_pause(plane: AuthPlane, factor: Factor, now: datetime) -> None:
    if factor.last_challenged_at is None:
        return
    left = (factor.last_challenged_at + plane.settings.mfa.phone_pause - now).total_seconds()
    if left >= 0:
        seconds = max(1, math.ceil(left))
        raise refuse(
            "phone_too_soon",
            f"For security purposes, you can only request this after {seconds} seconds.",
        )


def _test_code(plane: AuthPlane, factor: Factor, now: datetime) -> str | None:
    if plane.messages is None:
        return None
    return plane.messages.settings.test_code(factor.phone or "", now)


def _new_code(plane: AuthPlane) -> str:
    length = plane.settings.mfa.phone_code_length
    number = int.from_bytes(plane.entropy(_CODE_ENTROPY), "big") % 10**length
    return f"{number:0{length}}"


async def verify(
    plane: AuthPlane, caller: Caller, factor_id: str, attempt: Attempt, client: ClientInfo
) -> Granted:
    """Check a code and lift the session to ``aal2``, as ``factors.verify`` does.

    Raises ``code_required``, ``phone_code_wrong`` (422) and the rows of challenges.
    """
    factor = owned(caller.user, factor_id)
    if not attempt.code:
        raise refuse("code_required")
    require_verifiable(plane, factor)
    evidence = await sound_evidence(plane, caller, factor, attempt.challenge_id, client)
    code = plane.columns.open(evidence.challenge_id or "", evidence.otp_code or "")
    if code is None:
        raise refuse("column_unreadable")
    given = attempt.code if storable(attempt.code) else ""
    valid = await sending.sms_code_right(plane, factor.phone or "", given)
    if valid is None:
        valid = bool(code) and hmac.compare_digest(given.encode(), code.encode())
    await report_attempt(plane, caller, factor, client, valid=valid)
    if not valid:
        raise refuse("phone_code_wrong")
    proof = Proof(_KIND, METHODS[_KIND])
    return await lift(plane, caller, factor, evidence, proof, client)
