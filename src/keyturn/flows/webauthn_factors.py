"""Security keys as second factors: challenge and verification (gotrue.md §4.2 *MFA*)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from keyturn.accounts import ceremonies
from keyturn.accounts.ceremonies import CeremonyFailed
from keyturn.accounts.errors import refuse
from keyturn.accounts.identifiers import uuid4_from
from keyturn.accounts.mfa import METHODS
from keyturn.flows.factors import (
    expiry,
    lift,
    owned,
    report_attempt,
    require_verifiable,
    sound_evidence,
)
from keyturn.flows.passkeys import label, relying_party
from keyturn.flows.plane import AuthPlane, Caller, Granted
from keyturn.flows.ports.accounts import ClientInfo
from keyturn.flows.ports.factors import Evidence, NewChallenge, Proof

_KIND = "webauthn"


@dataclass(frozen=True, slots=True)
class KeyChallenge:
    """A challenge; ``type`` is ``create`` for a new factor and ``request`` for a verified one."""

    id: str
    expires_at: int
    type: str
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class KeyAttempt:
    """``POST /factors/{id}/verify`` with the browser's answer as JSON."""

    challenge_id: str
    type: str
    answer: bytes | None = field(default=None, repr=False)


async def challenge(
    plane: AuthPlane, caller: Caller, factor_id: str, client: ClientInfo
) -> KeyChallenge:
    """Ask the browser to make a key for an unverified factor, or to use that of a verified one.

    Raises ``factor_not_found`` and ``webauthn_verify_off``.
    """
    factor = owned(caller.user, factor_id)
    require_verifiable(plane, factor)
    known = await plane.factors.credentials(caller.user.id)
    party, random = relying_party(plane), plane.entropy(ceremonies.CHALLENGE_BYTES)
    if factor.status == "verified":
        kind, allowed = "request", [_id_of(known[factor.id])] if factor.id in known else []
        options = ceremonies.request_options(party, random, allowed)
    else:
        kind, taken = "create", [_id_of(one) for one in known.values()]
        options = ceremonies.creation_options(
            party, caller.user.id, label(caller.user), random, taken
        )
    now = plane.clock()
    expires = now + plane.settings.mfa.challenge_life
    session = ceremonies.session_data(party, random, expires, caller.user.id)
    made = NewChallenge(uuid4_from(plane.entropy(16)), factor.id, session_data=session)
    audit = plane.settings.audit_log_postgres
    if not await plane.factors.challenge(caller.user.id, made, client, now, audit=audit):
        raise refuse("factor_not_found")
    return KeyChallenge(made.id, expiry(plane, now), kind, {"publicKey": options})


def _id_of(column: str) -> bytes:
    return ceremonies.of_factor_column(column)[0]


async def verify(
    plane: AuthPlane, caller: Caller, factor_id: str, attempt: KeyAttempt, client: ClientInfo
) -> Granted:
    """Check the browser's answer and lift the session to ``aal2``.

    Raises ``webauthn_required``, ``webauthn_type``, ``credential_required``,
    ``credential_rejected`` (422) and the rows of challenges.
    """
    factor = owned(caller.user, factor_id)
    require_verifiable(plane, factor)
    if attempt.type not in {"create", "request"}:
        raise refuse("webauthn_type")
    if attempt.answer is None:
        raise refuse("credential_required")
    evidence = await sound_evidence(plane, caller, factor, attempt.challenge_id, client)
    try:
        proof = _proof(plane, evidence, attempt.type, attempt.answer)
    except CeremonyFailed:
        await report_attempt(plane, caller, factor, client, valid=False)
        raise refuse("credential_rejected") from None
    await report_attempt(plane, caller, factor, client, valid=True)
    return await lift(plane, caller, factor, evidence, proof, client)


def _proof(plane: AuthPlane, evidence: Evidence, kind: str, answer: bytes) -> Proof:
    """Return what is proven; a factor with a key is only proven by that key."""
    challenge = ceremonies.parse_session(evidence.session_data or "{}").octets
    party, column = relying_party(plane), evidence.credential
    last: dict[str, object] = {
        "challenge": {"id": evidence.challenge_id},
        "type": kind,
        "credential_response": msgspec.Raw(answer),
    }
    if column is None and kind == "create":
        made = ceremonies.verify_creation(party, challenge, answer)
        return Proof(
            _KIND,
            METHODS[_KIND],
            credential=ceremonies.factor_column(made),
            aaguid=made.aaguid,
            last_challenge=last,
        )
    if column is None or kind == "create":
        raise CeremonyFailed("the factor is in another state")
    credential_id, public_key, count = ceremonies.of_factor_column(column)
    if ceremonies.credential_id(answer) != credential_id:
        raise CeremonyFailed("another key")
    used = ceremonies.verify_request(party, challenge, answer, public_key, count)
    return Proof(
        _KIND,
        METHODS[_KIND],
        credential=ceremonies.counted_column(column, used),
        last_challenge=last,
    )
