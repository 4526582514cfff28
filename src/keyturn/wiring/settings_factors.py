"""Settings of second factors, identities and encrypted columns, under GoTrue's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_row import setting as _row

FACTORS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Second factors": (
        _row(
            "GOTRUE_MFA_TOTP_ENROLL_ENABLED",
            read.boolean,
            "true",
            "mfa.totp_enroll",
            "Users may add authenticator apps.",
        ),
        _row(
            "GOTRUE_MFA_TOTP_VERIFY_ENABLED",
            read.boolean,
            "true",
            "mfa.totp_verify",
            "Authenticator apps can be verified.",
        ),
        _row(
            "GOTRUE_MFA_PHONE_ENROLL_ENABLED",
            read.boolean,
            "false",
            "mfa.phone_enroll",
            "Users may add phone numbers. Codes go through the SMS provider or its hook.",
        ),
        _row(
            "GOTRUE_MFA_PHONE_VERIFY_ENABLED",
            read.boolean,
            "false",
            "mfa.phone_verify",
            "Phone numbers can be verified.",
        ),
        _row(
            "GOTRUE_MFA_PHONE_OTP_LENGTH",
            read.mfa_code_length,
            "6",
            "mfa.phone_code_length",
            "Digits of a code.",
        ),
        _row(
            "GOTRUE_MFA_PHONE_TEMPLATE",
            read.text,
            "Your code is {{ .Code }}",
            "mfa.phone_template",
            "What the message says.",
        ),
        _row(
            "GOTRUE_MFA_PHONE_MAX_FREQUENCY",
            read.waiting_time,
            "1m",
            "mfa.phone_pause",
            "Pause between two codes to one factor.",
        ),
        _row(
            "GOTRUE_MFA_MAX_ENROLLED_FACTORS",
            read.positive,
            "10",
            "mfa.most_enrolled",
            "Most factors of a user, verified or not.",
        ),
        _row(
            "GOTRUE_MFA_MAX_VERIFIED_FACTORS",
            read.positive,
            "10",
            "mfa.most_verified",
            "Most verified factors of a user.",
        ),
        _row(
            "GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION",
            read.lifetime,
            "300",
            "mfa.challenge_life",
            "How long a challenge can be answered.",
        ),
        _row(
            "GOTRUE_MFA_FACTOR_EXPIRY_DURATION",
            read.lifetime,
            "300s",
            "mfa.factor_life",
            "A factor that was neither verified nor challenged for this long is removed when the "
            "user enrols another.",
        ),
    ),
    "Passkeys and security keys": (
        _row(
            "GOTRUE_PASSKEY_ENABLED",
            read.boolean,
            "false",
            "webauthn.passkeys",
            "Users may add passkeys and sign in with them.",
        ),
        _row(
            "GOTRUE_PASSKEY_MAX_PASSKEYS_PER_USER",
            read.positive,
            "10",
            "webauthn.most_passkeys",
            "Most passkeys of a user.",
        ),
        _row(
            "GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED",
            read.boolean,
            "false",
            "mfa.webauthn_enroll",
            "Users may add security keys as second factors.",
        ),
        _row(
            "GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED",
            read.boolean,
            "false",
            "mfa.webauthn_verify",
            "Security keys can be verified.",
        ),
        _row(
            "GOTRUE_WEBAUTHN_RP_ID",
            read.text,
            None,
            "webauthn.rp_id",
            "Domain that credentials belong to; unset: the host of `GOTRUE_SITE_URL`. Changing it "
            "makes all credentials useless.",
        ),
        _row(
            "GOTRUE_WEBAUTHN_RP_DISPLAY_NAME",
            read.text,
            None,
            "webauthn.rp_name",
            "Name that authenticators show; unset: the domain.",
        ),
        _row(
            "GOTRUE_WEBAUTHN_RP_ORIGINS",
            read.words,
            None,
            "webauthn.origins",
            "Origins whose pages may use credentials; unset: that of `GOTRUE_SITE_URL`.",
        ),
        _row(
            "GOTRUE_WEBAUTHN_CHALLENGE_EXPIRY_DURATION",
            read.lifetime,
            "5m",
            "webauthn.challenge_life",
            "How long a browser may take to answer.",
        ),
    ),
    "Identities and columns": (
        _row(
            "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED",
            read.boolean,
            "false",
            "accounts.manual_linking",
            "Users may unlink identities of their account.",
        ),
        _row(
            "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT",
            read.boolean,
            "false",
            "columns.encrypt",
            "Encrypt passwords, TOTP secrets and keys of new sessions in their columns.",
        ),
        _row(
            "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID",
            read.text,
            None,
            "columns.key_id",
            "Name of the key that encrypts.",
        ),
        _row(
            "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY",
            read.secret,
            None,
            "columns.key",
            "The key that encrypts: base64url of 32 bytes.",
        ),
        _row(
            "GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS",
            read.secret,
            None,
            "columns.older",
            "Keys that decrypt, as `id:key,id:key`; the one that encrypts must be among them or "
            "in the two variables above.",
        ),
    ),
}
