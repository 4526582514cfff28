"""WebAuthn ceremonies: what browsers are asked to do, and whether what they answer is right.

The work is done by the ``webauthn`` library; here are the parameters that GoTrue uses and the
forms of its columns. A challenge is kept as go-webauthn's session data, so that GoTrue could
finish what this server began.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
import webauthn
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

CHALLENGE_BYTES: Final = 32
_TIMEOUT_MS: Final = 300_000
_BROKEN: Final = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What the library raises for answers that are wrong or hostile."""


class CeremonyFailed(Exception):
    """The browser's answer does not prove what it should."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """For whom credentials are made: a domain, a name to show, and the pages that may ask."""

    id: str
    name: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential just made; ``public_key`` is COSE."""

    credential_id: bytes
    public_key: bytes
    aaguid: str
    sign_count: int
    transports: tuple[str, ...]
    attestation_type: str
    backup_eligible: bool
    backed_up: bool
    user_verified: bool


@dataclass(frozen=True, slots=True)
class Used:
    """A credential that was used."""

    sign_count: int
    backed_up: bool


class SessionData(msgspec.Struct, omit_defaults=True):
    """go-webauthn's session data: base64url ``challenge``, base64 ``user_id``."""

    challenge: str
    rpId: str  # noqa: N815
    expires: str
    userVerification: str  # noqa: N815
    user_id: str | None = None
    allowed_credentials: list[str] = field(default_factory=list)

    @property
    def octets(self) -> bytes:
        """The challenge itself."""
        return base64url_to_bytes(self.challenge)


def session_data(
    party: RelyingParty, challenge: bytes, expires: datetime, user_id: str | None = None
) -> str:
    """Return what has to be remembered of a ceremony, as JSON."""
    handle = base64.b64encode(user_id.encode()).decode() if user_id else None
    kept = SessionData(
        bytes_to_base64url(challenge), party.id, expires.isoformat(), "preferred", handle
    )
    return msgspec.json.encode(kept).decode()


def parse_session(text: str) -> SessionData:
    """Return what :func:`session_data` wrote."""
    return msgspec.json.decode(text, type=SessionData)


def creation_options(
    party: RelyingParty, user_id: str, name: str, challenge: bytes, known: Iterable[bytes]
) -> dict[str, Any]:
    """Return ``PublicKeyCredentialCreationOptionsJSON``: a discoverable key, no attestation.

    ``known``: credential ids that the user already has.
    """
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_name=name,
        user_display_name=name,
        user_id=user_id.encode(),
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
    )
    return _json(webauthn.options_to_json(options))


def request_options(
    party: RelyingParty, challenge: bytes, allowed: Iterable[bytes] = ()
) -> dict[str, Any]:
    """Return ``PublicKeyCredentialRequestOptionsJSON``; no ``allowed``: any passkey will do."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in allowed],
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return _json(webauthn.options_to_json(options))


def verify_creation(party: RelyingParty, challenge: bytes, answer: bytes) -> NewCredential:
    """Check a ``RegistrationResponseJSON``; raises :class:`CeremonyFailed`."""
    try:
        raw = _json(answer)
        made = webauthn.verify_registration_response(
            credential=raw,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
        )
        transports = tuple(str(one)[:32] for one in (raw["response"].get("transports") or [])[:8])
    except _BROKEN as problem:
        raise CeremonyFailed(str(problem)) from problem
    return NewCredential(
        made.credential_id,
        made.credential_public_key,
        made.aaguid,
        made.sign_count,
        transports,
        AttestationFormat(made.fmt).value,
        made.credential_device_type == CredentialDeviceType.MULTI_DEVICE,
        made.credential_backed_up,
        made.user_verified,
    )


def verify_request(
    party: RelyingParty, challenge: bytes, answer: bytes, public_key: bytes, sign_count: int
) -> Used:
    """Check an ``AuthenticationResponseJSON``; raises :class:`CeremonyFailed`.

    A counter that does not grow fails too: the authenticator may have been copied.
    """
    try:
        used = webauthn.verify_authentication_response(
            credential=_json(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
        )
    except _BROKEN as problem:
        raise CeremonyFailed(str(problem)) from problem
    return Used(used.new_sign_count, used.credential_backed_up)


def credential_id(answer: bytes) -> bytes:
    """Return the id of the credential that ``answer`` is about; raises :class:`CeremonyFailed`."""
    try:
        return base64url_to_bytes(_json(answer)["rawId"])
    except _BROKEN as problem:
        raise CeremonyFailed("no rawId") from problem


def user_handle(answer: bytes) -> str | None:
    """Return the user id that the authenticator keeps with the credential, or None."""
    try:
        return base64url_to_bytes(_json(answer)["response"]["userHandle"]).decode()
    except _BROKEN:
        return None


def factor_column(made: NewCredential) -> dict[str, object]:
    """Return a credential as ``mfa_factors.web_authn_credential`` holds it (go-webauthn's JSON)."""
    return {
        "id": _b64(made.credential_id),
        "publicKey": _b64(made.public_key),
        "attestationType": made.attestation_type,
        "transport": list(made.transports),
        "flags": {
            "userPresent": True,
            "userVerified": made.user_verified,
            "backupEligible": made.backup_eligible,
            "backupState": made.backed_up,
        },
        "authenticator": {
            "AAGUID": _b64(bytes.fromhex(made.aaguid.replace("-", ""))),
            "signCount": made.sign_count,
            "cloneWarning": False,
            "attachment": "",
        },
    }


def of_factor_column(text: str) -> tuple[bytes, bytes, int]:
    """Return id, public key and counter of what :func:`factor_column` or GoTrue wrote."""
    kept: Mapping[str, Any] = _json(text)
    count = int(kept.get("authenticator", {}).get("signCount", 0))
    return base64.b64decode(kept["id"]), base64.b64decode(kept["publicKey"]), count


def counted_column(text: str, used: Used) -> dict[str, object]:
    """Return the column ``text`` after a use: counter and backup state as they are now."""
    kept = _json(text)
    authenticator = {**kept.get("authenticator", {}), "signCount": used.sign_count}
    flags = {**kept.get("flags", {}), "backupState": used.backed_up}
    return {**kept, "authenticator": authenticator, "flags": flags}


def _json(text: str | bytes) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
