"""Passkeys: making them, signing in with them, looking after them (gotrue.md §4.2 *Passkeys*)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from keyturn.accounts import ceremonies
from keyturn.accounts.ceremonies import CeremonyFailed, NewCredential, RelyingParty
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import require_storable, uuid4_from, uuid_text
from keyturn.accounts.user import User
from keyturn.flows import admin_users
from keyturn.flows.issue import first_token, grant, new_session
from keyturn.flows.plane import Admin, AuthPlane, Caller, Granted
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.passkeys import Ceremony, Passkey, Presented

_REGISTRATION = "registration"
_AUTHENTICATION = "authentication"
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Options:
    """What a browser is asked; ``expires_at`` in Unix seconds."""

    challenge_id: str
    options: Mapping[str, object]
    expires_at: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A passkey just made."""

    id: str
    created_at: datetime
    credential: NewCredential


def relying_party(plane: AuthPlane) -> RelyingParty:
    """Return for whom credentials are made: as configured, else the application of SITE_URL."""
    settings = plane.settings.webauthn
    host = plane.settings.site_host.rpartition("@")[2]
    domain = settings.rp_id or host.partition(":")[0]
    origins = settings.origins or (plane.settings.site_origin,)
    return RelyingParty(domain, settings.rp_name or domain, origins)


def require_enabled(plane: AuthPlane) -> None:
    """Raise ``passkey_disabled`` (404) while passkeys are not offered."""
    if not plane.settings.webauthn.passkeys:
        raise refuse("passkey_disabled")


def require_level(caller: Caller) -> None:
    """Raise ``passkey_needs_aal2``: who has a second factor uses it to add or remove passkeys."""
    level = caller.session.aal if caller.session else "aal1"
    if caller.user.has_verified_factor() and level != "aal2":
        raise refuse("passkey_needs_aal2")


def _require_registrable(plane: AuthPlane, caller: Caller) -> None:
    require_enabled(plane)
    if caller.user.is_anonymous:
        raise refuse("not_for_anonymous")
    if caller.user.is_sso_user:
        raise refuse("passkey_sso")
    require_level(caller)


async def registration_options(plane: AuthPlane, caller: Caller) -> Options:
    """Begin to make a passkey; one read and one write.

    Raises ``passkey_disabled``, ``passkey_sso``, ``passkey_needs_aal2``, ``too_many_passkeys``.
    """
    _require_registrable(plane, caller)
    user = caller.user
    known = await plane.passkeys.of_user(user.id)
    if len(known) >= plane.settings.webauthn.most_passkeys:
        raise refuse("too_many_passkeys")
    challenge = plane.entropy(ceremonies.CHALLENGE_BYTES)
    options = ceremonies.creation_options(
        relying_party(plane), user.id, label(user), challenge, [one.credential_id for one in known]
    )
    return await _begin(plane, _REGISTRATION, options, challenge, user.id)


async def authentication_options(plane: AuthPlane) -> Options:
    """Begin to sign in with whichever passkey the browser has; raises ``passkey_disabled``."""
    require_enabled(plane)
    challenge = plane.entropy(ceremonies.CHALLENGE_BYTES)
    options = ceremonies.request_options(relying_party(plane), challenge)
    return await _begin(plane, _AUTHENTICATION, options, challenge, None)


async def _begin(
    plane: AuthPlane, kind: str, options: Mapping[str, object], challenge: bytes, user: str | None
) -> Options:
    now = plane.clock()
    expires = now + plane.settings.webauthn.challenge_life
    session = ceremonies.session_data(relying_party(plane), challenge, expires, user)
    ceremony_id = uuid4_from(plane.entropy(16))
    await plane.passkeys.start(ceremony_id, Ceremony(user, kind, session, expires), now)
    return Options(ceremony_id, options, int(expires.timestamp()))


async def register(
    plane: AuthPlane, caller: Caller, challenge_id: str, answer: bytes | None, client: ClientInfo
) -> Registered:
    """Check what the browser made and keep it; one read and one write.

    Raises ``ceremony_…``, ``credential_failed`` and ``passkey_exists``.
    """
    _require_registrable(plane, caller)
    wanted, answer = _ceremony_id(challenge_id), _answered(answer)
    ceremony = await plane.passkeys.ceremony(wanted)
    now = plane.clock()
    if ceremony is None or ceremony.user_id not in {None, caller.user.id}:
        raise refuse("ceremony_not_found")
    if ceremony.expires_at < now:
        raise refuse("ceremony_expired")
    if ceremony.type != _REGISTRATION:
        raise refuse("ceremony_type")
    challenge = ceremonies.parse_session(ceremony.session).octets
    try:
        made = ceremonies.verify_creation(relying_party(plane), challenge, answer)
    except CeremonyFailed:
        raise refuse("credential_failed") from None
    passkey_id = uuid4_from(plane.entropy(16))
    verdict = await plane.passkeys.add(
        caller.user.id,
        wanted,
        _row(passkey_id, made),
        plane.settings.webauthn.most_passkeys,
        client,
        now,
        audit=plane.settings.audit_log_postgres,
    )
    if verdict != "ok":
        raise refuse(verdict)
    return Registered(passkey_id, now, made)


def _row(passkey_id: str, made: NewCredential) -> dict[str, object]:
    return {
        "id": passkey_id,
        "credential_id": base64.b64encode(made.credential_id).decode(),
        "public_key": base64.b64encode(made.public_key).decode(),
        "attestation_type": made.attestation_type,
        "aaguid": made.aaguid,
        "sign_count": made.sign_count,
        "transports": list(made.transports),
        "backup_eligible": made.backup_eligible,
        "backed_up": made.backed_up,
    }


async def sign_in(
    plane: AuthPlane, challenge_id: str, answer: bytes | None, client: ClientInfo
) -> Granted:
    """Sign in with a passkey; two round trips. The challenge is used up by the first.

    Raises ``ceremony_…``, ``credential_failed`` (400) and, for accounts that may not sign in,
    ``passkey_email_unconfirmed``, ``passkey_phone_unconfirmed``, ``jwt_user_banned`` (403).
    """
    require_enabled(plane)
    wanted, answer = _ceremony_id(challenge_id), _answered(answer)
    try:
        shown = await plane.passkeys.present(wanted, ceremonies.credential_id(answer))
    except CeremonyFailed:
        raise refuse("credential_failed", "Invalid credential response") from None
    if shown is None:
        raise refuse("ceremony_not_found", "Challenge not found or already used")
    now = plane.clock()
    if shown.expires_at < now:
        raise refuse("ceremony_expired")
    user, used = _proven(plane, shown, answer)
    _require_usable(user, now)
    session = new_session(plane, "passkey", "passkey")
    opened = await plane.passkeys.sign_in(
        shown.passkey_id or "",
        user.id,
        used.sign_count,
        session,
        client,
        now,
        backed_up=used.backed_up,
        audit=plane.settings.audit_log_postgres,
    )
    if opened is None:  # it was deleted while we checked
        raise refuse("credential_failed")
    token = first_token(session)
    return await grant(plane, opened.user, opened.session, token, now, client=client)


def _proven(plane: AuthPlane, shown: Presented, answer: bytes) -> tuple[User, ceremonies.Used]:
    user, key = shown.user, shown.public_key
    if user is None or key is None or ceremonies.user_handle(answer) != user.id:
        raise refuse("credential_failed")
    challenge = ceremonies.parse_session(shown.session).octets
    try:
        party = relying_party(plane)
        return user, ceremonies.verify_request(party, challenge, answer, key, shown.sign_count)
    except CeremonyFailed:
        raise refuse("credential_failed") from None


def _require_usable(user: User, now: datetime) -> None:
    if user.deleted_at is not None:
        raise refuse("passkey_user_gone")
    if user.email and user.email_confirmed_at is None:
        raise refuse("passkey_email_unconfirmed")
    if user.phone and user.phone_confirmed_at is None:
        raise refuse("passkey_phone_unconfirmed")
    if user.banned_at(now):
        raise refuse("jwt_user_banned")


async def listing(plane: AuthPlane, user_id: str) -> list[Passkey]:
    """Return the passkeys of an account, oldest first."""
    require_enabled(plane)
    return await plane.passkeys.of_user(user_id)


async def rename(
    plane: AuthPlane, caller: Caller, passkey_id: str, name: str, client: ClientInfo
) -> Passkey:
    """Give a passkey a name of at most 120 bytes; raises ``passkey_not_found``, ``…_name_…``."""
    require_enabled(plane)
    wanted = _passkey_id(passkey_id)
    require_storable(name)
    if not name:
        raise refuse("passkey_name_required")
    if len(name.encode()) > _LONGEST_NAME:
        raise refuse("passkey_name_too_long")
    audit = plane.settings.audit_log_postgres
    if not await plane.passkeys.change(
        caller.user.id, wanted, name, None, client, plane.clock(), audit=audit
    ):
        raise refuse("passkey_not_found")
    found = await plane.passkeys.of_user(caller.user.id)
    renamed = next((one for one in found if one.id == wanted), None)
    if renamed is None:
        raise refuse("passkey_not_found")
    return renamed


async def delete(plane: AuthPlane, caller: Caller, passkey_id: str, client: ClientInfo) -> None:
    """Delete a passkey; raises ``passkey_not_found`` (404) and ``passkey_needs_aal2``."""
    require_enabled(plane)
    require_level(caller)
    await _delete(plane, caller.user.id, passkey_id, None, client)


async def admin_listing(plane: AuthPlane, user_id: str) -> list[Passkey]:
    """Return the passkeys of an account; raises what ``admin_users.get`` raises."""
    require_enabled(plane)
    user = await admin_users.get(plane, user_id)
    return await plane.passkeys.of_user(user.id)


async def admin_delete(
    plane: AuthPlane, admin: Admin, user_id: str, passkey_id: str, client: ClientInfo
) -> None:
    """Delete a passkey of an account; raises ``passkey_not_found`` (404)."""
    require_enabled(plane)
    user = await admin_users.get(plane, user_id)
    await _delete(plane, user.id, passkey_id, admin, client)


async def _delete(
    plane: AuthPlane, user_id: str, passkey_id: str, admin: Admin | None, client: ClientInfo
) -> None:
    actor = admin_users.actor(admin) if admin else None
    wanted, audit = _passkey_id(passkey_id), plane.settings.audit_log_postgres
    now = plane.clock()
    if not await plane.passkeys.change(user_id, wanted, None, actor, client, now, audit=audit):
        raise refuse("passkey_not_found")


def label(user: User) -> str:
    """Return how authenticators show the account."""
    return user.email or user.phone or user.id


def _ceremony_id(text: str) -> str:
    if not text:
        raise refuse("validation_failed", "challenge_id is required")
    wanted = uuid_text(text)
    if wanted is None:
        raise refuse("validation_failed", "challenge_id must be a valid UUID")
    return wanted


def _answered(answer: bytes | None) -> bytes:
    if answer is None:
        raise refuse("validation_failed", "credential is required")
    return answer


def _passkey_id(text: str) -> str:
    wanted = uuid_text(text)
    if wanted is None:
        raise refuse("passkey_not_found")
    return wanted
