"""What the rules about second factors and passkeys depend on, with GoTrue's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

KINDS: Final = ("totp", "phone", "webauthn")

METHODS: Final[Mapping[str, str]] = {
    "totp": "totp",
    "phone": "mfa/phone",
    "webauthn": "mfa/webauthn",
}
"""The AMR method that proving a factor of each kind adds to the session."""


@dataclass(frozen=True, slots=True)
class MfaSettings:
    """Which factors may be enrolled and verified, how many, for how long (GoTrue's names)."""

    totp_enroll: bool = True  # MFA_TOTP_ENROLL_ENABLED
    totp_verify: bool = True  # MFA_TOTP_VERIFY_ENABLED
    phone_enroll: bool = False  # MFA_PHONE_ENROLL_ENABLED
    phone_verify: bool = False  # MFA_PHONE_VERIFY_ENABLED
    webauthn_enroll: bool = False  # MFA_WEB_AUTHN_ENROLL_ENABLED
    webauthn_verify: bool = False  # MFA_WEB_AUTHN_VERIFY_ENABLED
    phone_code_length: int = 6  # MFA_PHONE_OTP_LENGTH
    phone_template: str = "Your code is {{ .Code }}"  # MFA_PHONE_TEMPLATE
    phone_pause: timedelta = timedelta(minutes=1)  # MFA_PHONE_MAX_FREQUENCY
    most_enrolled: int = 10  # MFA_MAX_ENROLLED_FACTORS
    most_verified: int = 10  # MFA_MAX_VERIFIED_FACTORS
    challenge_life: timedelta = timedelta(seconds=300)  # MFA_CHALLENGE_EXPIRY_DURATION
    factor_life: timedelta = timedelta(seconds=300)  # MFA_FACTOR_EXPIRY_DURATION

    def may_enroll(self, kind: str) -> bool:
        """Tell whether new factors of ``kind`` are allowed."""
        return bool(getattr(self, f"{kind}_enroll"))

    def may_verify(self, kind: str) -> bool:
        """Tell whether factors of ``kind`` can be challenged and verified."""
        return bool(getattr(self, f"{kind}_verify"))


@dataclass(frozen=True, slots=True)
class WebAuthnSettings:
    """Whether passkeys are offered, and who is the relying party (GoTrue's names)."""

    passkeys: bool = False  # PASSKEY_ENABLED
    most_passkeys: int = 10  # PASSKEY_MAX_PASSKEYS_PER_USER
    rp_id: str = ""  # WEBAUTHN_RP_ID; empty: the host of SITE_URL
    rp_name: str = ""  # WEBAUTHN_RP_DISPLAY_NAME; empty: the same
    origins: tuple[str, ...] = ()  # WEBAUTHN_RP_ORIGINS; empty: that of SITE_URL
    challenge_life: timedelta = timedelta(seconds=300)  # WEBAUTHN_CHALLENGE_EXPIRY_DURATION
