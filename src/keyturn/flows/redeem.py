"""Using a one-time token: ``/verify`` by link, by hash and by code, and the code of a PKCE flow."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from keyturn.accounts import one_time
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import email_address, phone_number, storable
from keyturn.accounts.user import User
from keyturn.flows import messages as sending
from keyturn.flows.issue import first_token, grant, new_session
from keyturn.flows.notifications import notify
from keyturn.flows.plane import AuthPlane, Granted
from keyturn.flows.ports.accounts import ClientInfo, NewSession
from keyturn.flows.ports.messages import Claim, Redeemed

_CONFIRM, _RECOVER = "confirmation_token", "recovery_token"
_CHANGE = ("email_change_token_current", "email_change_token_new")
EMAIL_TYPES = {
    "signup": (_CONFIRM,),
    "invite": (_CONFIRM,),
    "recovery": (_RECOVER,),
    "magiclink": (_RECOVER,),
    "email_change": _CHANGE,
    "email": (_CONFIRM, _RECOVER),
}
PHONE_TYPES = {"sms": (_CONFIRM,), "phone_change": ("phone_change_token",)}
_FLOW_METHODS = {"signup": "email/signup", "email": "email/signup"}
_CHANGES = {"email_change": "email_changed", "phone_change": "phone_changed"}
_HASH = re.compile(r"(pkce_)?[0-9a-f]{56}")
_LONGEST_CODE = 64
_PROVIDERS_LIFE = 600
"""Seconds for which Twilio Verify takes a code; it decides, and no code is good for longer."""


@dataclass(frozen=True, slots=True)
class Verify:
    """``POST /verify``: a code with its address or number, or the hash of a link."""

    type: str = ""
    token: str = field(default="", repr=False)
    token_hash: str = field(default="", repr=False)
    email: str = ""
    phone: str = ""
    aud: str | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """What following a link gave: a session, a code for PKCE, or neither (one of two addresses)."""

    granted: Granted | None = None
    auth_code: str | None = field(default=None, repr=False)


async def verify(plane: AuthPlane, shown: Verify, client: ClientInfo) -> Granted | None:
    """Sign the bearer of a token in; None after the first of two confirmations of a new address.

    Raises ``otp_expired`` (a code), ``link_expired`` (a hash), ``verify_banned`` and the rows about
    malformed requests.
    """
    claim = await _claim_of(plane, shown)
    followed = await _redeem(plane, claim, shown.type, client, by_hash=bool(shown.token_hash))
    return followed.granted


async def follow(plane: AuthPlane, token: str, kind: str, client: ClientInfo) -> Followed:
    """Use the link of a mail (``GET /verify``); a PKCE token gives a code instead of a session.

    Raises what :func:`verify` raises, and ``no_flow_state``.
    """
    if not kind:
        raise refuse("verify_needs_type")
    if not token:
        raise refuse("verify_needs_token")
    if kind not in EMAIL_TYPES or kind == "email":
        raise refuse("verify_email_type")
    flow_method = None
    if token.startswith(one_time.PKCE_PREFIX):
        flow_method = _FLOW_METHODS.get(kind, kind)
    claim = _hash_claim(plane, token, kind, flow_method)
    return await _redeem(plane, claim, kind, client, by_hash=True)


async def exchange(plane: AuthPlane, code: str, verifier: str, client: ClientInfo) -> Granted:
    """Use the code of a PKCE flow (``grant_type=pkce``); of a sign-in with a provider, the
    provider's tokens come along.

    Raises ``pkce_needs_both``, ``no_flow_state``, ``flow_state_expired``, ``bad_code_verifier`` and
    ``user_banned``.
    """
    if not (code and verifier):
        raise refuse("pkce_needs_both")
    if not (storable(code) and storable(verifier)):
        raise refuse("no_flow_state")
    messages = sending.messages_of(plane)
    session = new_session(plane, "", "")
    now = plane.clock()
    used = await messages.store.exchange(
        code,
        one_time.challenges_of(verifier),
        messages.settings.flow_life,
        session,
        client,
        now,
        audit=plane.settings.audit_log_postgres,
    )
    if used.verdict != "ok":
        raise refuse(used.verdict)
    return await _granted(plane, used, session, client)


async def _claim_of(plane: AuthPlane, shown: Verify) -> Claim:
    if not shown.type:
        raise refuse("verify_needs_type")
    if bool(shown.token) == bool(shown.token_hash):
        raise refuse("verify_only_hash" if shown.token else "verify_needs_token")
    if shown.token_hash:
        if shown.email or shown.phone:
            raise refuse("verify_only_hash")
        return _hash_claim(plane, shown.token_hash, shown.type)
    if bool(shown.email) == bool(shown.phone):
        raise refuse("verify_only_one")
    return await _phone_claim(plane, shown) if shown.phone else _email_claim(plane, shown)


def _hash_claim(
    plane: AuthPlane, token_hash: str, kind: str, flow_method: str | None = None
) -> Claim:
    """Return the claim of a link; the hash alone names the account."""
    types = EMAIL_TYPES.get(kind)
    if types is None:
        raise refuse("verify_email_type")
    # Old links may have been broken by hyphens, which GoTrue takes out.
    prefix = one_time.PKCE_PREFIX if token_hash.startswith(one_time.PKCE_PREFIX) else ""
    clean = prefix + token_hash.removeprefix(one_time.PKCE_PREFIX).replace("-", "")
    settings = sending.messages_of(plane).settings
    return Claim(
        types=types,
        hashes=(clean,) if _HASH.fullmatch(clean) else (),
        phone=False,
        life=settings.otp_life,
        secure_email_change=settings.secure_email_change,
        flow_method=flow_method,
    )


def _email_claim(plane: AuthPlane, shown: Verify) -> Claim:
    types = EMAIL_TYPES.get(shown.type)
    if types is None:
        raise refuse("verify_type" if shown.type not in PHONE_TYPES else "verify_email_type")
    settings = sending.messages_of(plane).settings
    email = email_address(shown.email)
    return Claim(
        types=types,
        hashes=_hashes(email, shown.token),
        identifier=email,
        aud=_aud(plane, shown),
        phone=False,
        life=settings.otp_life,
        secure_email_change=settings.secure_email_change,
    )


async def _phone_claim(plane: AuthPlane, shown: Verify) -> Claim:
    types = PHONE_TYPES.get(shown.type)
    if types is None:
        raise refuse("verify_type" if shown.type not in EMAIL_TYPES else "verify_sms_type")
    settings = sending.messages_of(plane).settings
    phone = phone_number(shown.phone)
    fixed = settings.test_code(phone, plane.clock())
    if fixed is not None and fixed != shown.token:
        raise refuse("otp_expired")
    right = await sending.sms_code_right(plane, phone, shown.token)
    if right is False:
        raise refuse("otp_expired")
    return Claim(
        types=types,
        hashes=_hashes(phone, shown.token),
        identifier=phone,
        aud=_aud(plane, shown),
        phone=True,
        accepted=fixed is not None or right is True,
        life=_PROVIDERS_LIFE if right else settings.sms_otp_life,
    )


def _hashes(relates_to: str, code: str) -> tuple[str, ...]:
    """Return both forms of the hash: a code of a PKCE mail may be typed, too."""
    clean = code.replace("-", "")
    if len(clean) > _LONGEST_CODE or not clean.isascii():
        return ()
    plain = one_time.token_hash(relates_to, clean)
    return plain, one_time.PKCE_PREFIX + plain


def _aud(plane: AuthPlane, shown: Verify) -> str:
    aud = shown.aud or plane.settings.jwt_aud
    return aud if storable(aud) else ""


async def _redeem(
    plane: AuthPlane, claim: Claim, kind: str, client: ClientInfo, *, by_hash: bool
) -> Followed:
    method = "recovery" if kind == "recovery" else "otp"
    session = new_session(plane, method, "")
    store = sending.messages_of(plane).store
    audit = plane.settings.audit_log_postgres
    told = _CHANGES.get(kind)
    before = ("", "")
    if told and sending.messages_of(plane).settings.notifies(told):
        before = await store.owner(claim)
    used = await store.redeem(claim, session, client, plane.clock(), audit=audit)
    if used.verdict == "single_confirmation":
        return Followed()
    if used.verdict != "ok":
        expired = used.verdict == "otp_expired" and by_hash
        raise refuse("link_expired" if expired else used.verdict)
    if used.user is not None:
        _notify(plane, told, before, used.user, client)
    if used.auth_code is not None:
        return Followed(auth_code=used.auth_code)
    return Followed(granted=await _granted(plane, used, session, client))


def _notify(
    plane: AuthPlane, told: str | None, before: tuple[str, str], user: User, client: ClientInfo
) -> None:
    """Tell of a new contact; ``before`` is the old address and number."""
    email, phone = before
    if told == "email_changed" and email and email != user.email:
        notify(plane, told, user, client, to=email, OldEmail=email)
    if told == "phone_changed" and phone != user.phone:
        notify(plane, told, user, client, OldPhone=phone, Phone=user.phone)


async def _granted(
    plane: AuthPlane, used: Redeemed, session: NewSession, client: ClientInfo
) -> Granted:
    if used.user is None or used.session is None:
        raise refuse("otp_expired")
    token = first_token(session)
    granted = await grant(plane, used.user, used.session, token, plane.clock(), client=client)
    if used.provider_token is None:
        return granted
    return msgspec.structs.replace(
        granted,
        provider_token=used.provider_token,
        provider_refresh_token=used.provider_refresh_token,
    )
