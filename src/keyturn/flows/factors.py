"""Second factors: enrolling, challenging, verifying and removing them (gotrue.md §4.2 *MFA*)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from keyturn.accounts import qr, refresh_tokens, totp
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import phone_number, require_storable, uuid4_from, uuid_text
from keyturn.accounts.mfa import KINDS, METHODS
from keyturn.accounts.sessions import Session
from keyturn.accounts.user import Factor, User
from keyturn.flows.hooks import mfa_attempt
from keyturn.flows.notifications import notify
from keyturn.flows.plane import AuthPlane, Caller, Granted
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.factors import Evidence, NewChallenge, NewFactor, Proof
from keyturn.flows.refresh import granted

_UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104  (what the column holds when nothing is known)
_LONGEST_LABEL = 255


@dataclass(frozen=True, slots=True)
class Enrolment:
    """``POST /factors``."""

    type: str
    friendly_name: str = ""
    issuer: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A factor just enrolled; a TOTP factor comes with its secret, to be shown once."""

    id: str
    type: str
    friendly_name: str
    phone: str = ""
    secret: str = field(default="", repr=False)
    uri: str = field(default="", repr=False)
    qr_code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Challenged:
    """A challenge; ``expires_at`` is in Unix seconds."""

    id: str
    type: str
    expires_at: int


async def enroll(
    plane: AuthPlane, caller: Caller, request: Enrolment, client: ClientInfo
) -> Enrolled:
    """Record an unverified factor; one write.

    Raises the rows of ``POST /factors``: ``…_enroll_off``, ``factor_name_conflict``,
    ``too_many_factors``, ``enroll_needs_aal2``, ``factor_phone_…``, ``factor_type``.
    """
    session = require_session(caller)
    if request.type not in KINDS:
        raise refuse("factor_type")
    if not plane.settings.mfa.may_enroll(request.type):
        raise refuse(f"{request.type}_enroll_off")
    require_storable(request.friendly_name)
    factor_id = uuid4_from(plane.entropy(16))
    enrolled = _prepared(plane, caller.user, request, factor_id)
    sealed = plane.columns.seal(factor_id, enrolled.secret) if enrolled.secret else None
    phone = phone_number(request.phone) if request.type == "phone" else None
    verdict = await plane.factors.enroll(
        caller.user,
        NewFactor(factor_id, request.type, request.friendly_name, secret=sealed, phone=phone),
        session.aal,
        plane.settings.mfa,
        client,
        plane.clock(),
        audit=plane.settings.audit_log_postgres,
    )
    if verdict == "factor_name_conflict":
        raise refuse(verdict, name_conflict(request.friendly_name))
    if verdict != "ok":
        raise refuse(verdict)
    return enrolled


def _prepared(plane: AuthPlane, user: User, request: Enrolment, factor_id: str) -> Enrolled:
    if request.type != "totp":
        if request.type == "phone" and not request.phone:
            raise refuse("factor_phone_required")
        return Enrolled(factor_id, request.type, request.friendly_name, phone=request.phone)
    issuer = request.issuer or plane.settings.site_host
    require_storable(issuer)
    if len(issuer) > _LONGEST_LABEL:
        raise refuse("text_too_long")
    secret = totp.new_secret(plane.entropy(totp.SECRET_BYTES))
    uri = totp.uri(issuer, user.email or user.phone or user.id, secret)
    return Enrolled(
        factor_id, "totp", request.friendly_name, secret=secret, uri=uri, qr_code=qr.svg(uri)
    )


async def challenge(
    plane: AuthPlane, caller: Caller, factor_id: str, client: ClientInfo
) -> Challenged:
    """Record a challenge of one's own factor; one write.

    Raises ``factor_id_not_uuid``, ``factor_not_found`` and ``…_verify_off``.
    """
    factor = owned(caller.user, factor_id)
    require_verifiable(plane, factor)
    now = plane.clock()
    made = NewChallenge(uuid4_from(plane.entropy(16)), factor.id)
    audit = plane.settings.audit_log_postgres
    if not await plane.factors.challenge(caller.user.id, made, client, now, audit=audit):
        raise refuse("factor_not_found")
    return Challenged(made.id, factor.factor_type, expiry(plane, now))


@dataclass(frozen=True, slots=True)
class Attempt:
    """``POST /factors/{id}/verify`` with a code."""

    challenge_id: str
    code: str = field(default="", repr=False)


async def verify(
    plane: AuthPlane, caller: Caller, factor_id: str, attempt: Attempt, client: ClientInfo
) -> Granted:
    """Check a code and lift the session to ``aal2``; one read and one write.

    The session's refresh token is replaced, its other sessions at ``aal1`` end. Raises the rows
    of ``POST /factors/{id}/verify``.
    """
    factor = owned(caller.user, factor_id)
    if not attempt.code:
        raise refuse("code_required")
    require_verifiable(plane, factor)
    evidence = await sound_evidence(plane, caller, factor, attempt.challenge_id, client)
    proof = await _totp_proof(plane, caller, factor, evidence, attempt.code, client)
    return await lift(plane, caller, factor, evidence, proof, client)


async def _totp_proof(
    plane: AuthPlane,
    caller: Caller,
    factor: Factor,
    evidence: Evidence,
    code: str,
    client: ClientInfo,
) -> Proof:
    stored = evidence.secret or ""
    secret = plane.columns.open(factor.id, stored)
    if secret is None:
        raise refuse("column_unreadable")
    valid = totp.matches(code, secret, plane.clock())
    await report_attempt(plane, caller, factor, client, valid=valid)
    if not valid:
        raise refuse("totp_wrong")
    renewed = plane.columns.seal(factor.id, secret) if plane.columns.outdated(stored) else None
    return Proof("totp", METHODS["totp"], secret=renewed)


async def report_attempt(
    plane: AuthPlane, caller: Caller, factor: Factor, client: ClientInfo, *, valid: bool
) -> None:
    """Tell the hook that a factor was tried; it may reject even what was right."""
    tried = (factor.id, factor.factor_type)
    await mfa_attempt(plane, caller.user.id, tried, client, valid=valid)


async def sound_evidence(
    plane: AuthPlane, caller: Caller, factor: Factor, challenge_id: str, client: ClientInfo
) -> Evidence:
    """Return the evidence of a challenge that is this factor's, unused, fresh and ours.

    Raises ``challenge_not_found``, ``factor_ip_mismatch`` and ``challenge_expired``.
    """
    wanted = uuid_text(challenge_id)
    if wanted is None:
        raise refuse("challenge_not_found")
    found = await plane.factors.evidence(caller.user.id, factor.id, wanted)
    if found is None:
        raise refuse("factor_not_found")
    if found.challenge_id is None or found.created_at is None:
        raise refuse("challenge_not_found")
    if found.verified_at is not None or found.ip != (client.ip or _UNKNOWN_ADDRESS):
        raise refuse("factor_ip_mismatch")
    if found.created_at + plane.settings.mfa.challenge_life < plane.clock():
        await plane.factors.drop_challenge(found.challenge_id)
        raise refuse(
            "challenge_expired",
            f"MFA challenge {found.challenge_id} has expired, verify against another challenge "
            "or create a new challenge.",
        )
    return found


async def lift(
    plane: AuthPlane,
    caller: Caller,
    factor: Factor,
    evidence: Evidence,
    proof: Proof,
    client: ClientInfo,
) -> Granted:
    """Write a proven factor down and return the session's new tokens."""
    session = require_session(caller)
    now = plane.clock()
    outcome = await plane.factors.verify(
        caller.user.id,
        session.id,
        factor.id,
        evidence.challenge_id or "",
        proof,
        refresh_tokens.new_simple(plane.entropy(refresh_tokens.V1_ENTROPY)),
        client,
        now,
        audit=plane.settings.audit_log_postgres,
    )
    lifted = await granted(plane, outcome, now, client)
    if factor.status != "verified":
        kind = factor.factor_type
        notify(plane, "mfa_factor_enrolled", caller.user, client, FactorType=kind)
    return lifted


async def unenroll(plane: AuthPlane, caller: Caller, factor_id: str, client: ClientInfo) -> str:
    """Remove a factor and return its id; sessions that it lifted fall back to ``aal1``.

    Raises ``unenroll_needs_aal2`` (422) for a verified factor, ``factor_not_found``.
    """
    session = require_session(caller)
    factor = owned(caller.user, factor_id)
    if factor.status == "verified" and session.aal != "aal2":
        raise refuse("unenroll_needs_aal2")
    audit = plane.settings.audit_log_postgres
    if not await plane.factors.unenroll(
        caller.user.id, factor.id, session.id, client, plane.clock(), audit=audit
    ):
        raise refuse("factor_not_found")
    if factor.status == "verified":
        kind = factor.factor_type
        notify(plane, "mfa_factor_unenrolled", caller.user, client, FactorType=kind)
    return factor.id


def owned(user: User, factor_id: str) -> Factor:
    """Return the factor of ``user``; raises ``factor_id_not_uuid``, ``factor_not_found``."""
    wanted = uuid_text(factor_id)
    if wanted is None:
        raise refuse("factor_id_not_uuid")
    found = next((factor for factor in user.factors if factor.id == wanted), None)
    if found is None:
        raise refuse("factor_not_found")
    return found


def require_verifiable(plane: AuthPlane, factor: Factor) -> None:
    """Raise ``…_verify_off`` when factors of this kind cannot be verified."""
    if not plane.settings.mfa.may_verify(factor.factor_type):
        raise refuse(f"{factor.factor_type}_verify_off")


def require_session(caller: Caller) -> Session:
    """Return the caller's session; a token without one has no level to lift."""
    if caller.session is None:
        raise refuse("factor_needs_session")
    return caller.session


def require_permanent(caller: Caller) -> None:
    """Raise ``not_for_anonymous`` for an anonymous user."""
    if caller.user.is_anonymous:
        raise refuse("not_for_anonymous")


def expiry(plane: AuthPlane, now: datetime) -> int:
    """Return until when a challenge of ``now`` can be answered, in Unix seconds."""
    return int((now + plane.settings.mfa.challenge_life).timestamp())


def name_conflict(name: str) -> str:
    """Return GoTrue's sentence about a name that is taken."""
    return f'A factor with the friendly name "{name}" for this user already exists'
