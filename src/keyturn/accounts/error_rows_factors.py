"""Refusals about identities, second factors and passkeys: rows of :mod:`keyturn.accounts.errors`.

One line is name, HTTP status, ``error_code`` and GoTrue 2.196's sentence.
"""

from __future__ import annotations

from typing import Final

Line = tuple[str, int, str, str]

_TOO_MANY: Final = "Maximum number of verified factors reached, unenroll to continue"

FACTOR_ROWS: Final[tuple[Line, ...]] = (
    # identities
    ("manual_linking_disabled", 404, "manual_linking_disabled", "Manual linking is disabled"),
    ("identity_id_not_uuid", 404, "validation_failed", "identity_id must be an UUID"),
    (
        "unexpected_audience",
        403,
        "unexpected_audience",
        "Token audience doesn't match request audience",
    ),
    (
        "single_identity",
        422,
        "single_identity_not_deletable",
        "User must have at least 1 identity after unlinking",
    ),
    ("identity_not_found", 422, "identity_not_found", "Identity doesn't exist"),
    (
        "identity_email_conflict",
        422,
        "email_conflict_identity_not_deletable",
        "Unable to unlink identity due to email conflict",
    ),
    # what stands before a request
    ("over_request_rate", 429, "over_request_rate_limit", "Request rate limit reached"),
    ("captcha_failed", 400, "captcha_failed", "captcha protection: request disallowed"),
    (
        "password_check_failed",
        500,
        "unexpected_failure",
        "Unable to perform password strength check with HaveIBeenPwned.org.",
    ),
    (
        "captcha_unreachable",
        500,
        "unexpected_failure",
        "captcha verification process failed",
    ),
    # sessions of others
    ("session_id_not_uuid", 404, "validation_failed", "session_id must be an UUID"),
    ("session_not_found", 404, "session_not_found", "Session not found"),
    # second factors
    (
        "not_for_anonymous",
        403,
        "no_authorization",
        "Anonymous user not allowed to perform these actions",
    ),
    (
        "factor_needs_session",
        403,
        "session_not_found",
        "A valid session and a registered user are required to enroll a factor",
    ),
    (
        "factor_type",
        400,
        "validation_failed",
        "factor_type needs to be totp, phone, or webauthn",
    ),
    ("totp_enroll_off", 422, "mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP"),
    ("phone_enroll_off", 422, "mfa_phone_enroll_not_enabled", "MFA enroll is disabled for Phone"),
    (
        "webauthn_enroll_off",
        422,
        "mfa_webauthn_enroll_not_enabled",
        "MFA enroll is disabled for WebAuthn",
    ),
    (
        "totp_verify_off",
        422,
        "mfa_totp_verify_not_enabled",
        "MFA verification is disabled for TOTP",
    ),
    (
        "phone_verify_off",
        422,
        "mfa_phone_verify_not_enabled",
        "MFA verification is disabled for Phone",
    ),
    (
        "webauthn_verify_off",
        422,
        "mfa_webauthn_verify_not_enabled",
        "MFA verification is disabled for WebAuthn",
    ),
    (
        "factor_phone_required",
        400,
        "validation_failed",
        "Phone number required to enroll Phone factor",
    ),
    (
        "factor_phone_verified",
        422,
        "mfa_verified_factor_exists",
        "A verified phone factor already exists, unenroll the existing factor to continue",
    ),
    (
        "factor_name_conflict",
        422,
        "mfa_factor_name_conflict",
        "A factor with this friendly name for this user already exists",
    ),
    ("too_many_factors", 422, "too_many_enrolled_mfa_factors", _TOO_MANY),
    ("enrolling_factor", 500, "unexpected_failure", "Database error saving the factor"),
    ("enroll_needs_aal2", 403, "insufficient_aal", "AAL2 required to enroll a new factor"),
    ("factor_id_not_uuid", 404, "validation_failed", "factor_id must be an UUID"),
    ("factor_not_found", 404, "mfa_factor_not_found", "Factor not found"),
    (
        "challenge_not_found",
        422,
        "mfa_factor_not_found",
        "MFA factor with the provided challenge ID not found",
    ),
    (
        "factor_ip_mismatch",
        422,
        "mfa_ip_address_mismatch",
        "Challenge and verify IP addresses mismatch.",
    ),
    (
        "challenge_expired",
        422,
        "mfa_challenge_expired",
        "The MFA challenge has expired, verify against another or create a new challenge.",
    ),
    ("code_required", 400, "validation_failed", "Code needs to be non-empty"),
    ("totp_wrong", 422, "mfa_verification_failed", "Invalid TOTP code entered"),
    (
        "unenroll_needs_aal2",
        422,
        "insufficient_aal",
        "AAL2 required to unenroll verified factor",
    ),
    (
        "phone_channel",
        400,
        "validation_failed",
        (
            "Invalid channel, supported values are 'sms' or 'whatsapp'. 'whatsapp' is only "
            "supported if Twilio or Twilio Verify is used as the provider."
        ),
    ),
    (
        "phone_too_soon",
        429,
        "over_sms_send_rate_limit",
        "For security purposes, you can only request this after a pause.",
    ),
    # Keyturn: GoTrue answers 500 here.
    (
        "phone_no_sms",
        422,
        "sms_send_failed",
        "Nothing sends text messages here: set GOTRUE_SMS_PROVIDER or GOTRUE_HOOK_SEND_SMS_URI",
    ),
    ("phone_code_wrong", 422, "mfa_verification_failed", "Invalid MFA Phone code entered"),
    ("webauthn_required", 400, "validation_failed", "WebAuthn config required"),
    ("webauthn_type", 400, "validation_failed", "WebAuthn type must be create or request"),
    ("credential_required", 400, "validation_failed", "credential_response required"),
    # Keyturn: GoTrue answers a wrong credential with 500.
    (
        "credential_rejected",
        422,
        "mfa_verification_failed",
        "Failed to validate WebAuthn MFA response",
    ),
    # passkeys
    ("passkey_disabled", 404, "passkey_disabled", "Passkeys are disabled"),
    ("passkey_sso", 422, "validation_failed", "SSO users cannot register passkeys"),
    (
        "passkey_needs_aal2",
        403,
        "insufficient_aal",
        "AAL2 required to manage passkeys when MFA is enabled",
    ),
    ("too_many_passkeys", 422, "too_many_passkeys", "Maximum number of passkeys reached"),
    ("passkey_not_found", 404, "validation_failed", "Passkey not found"),
    ("passkey_name_required", 400, "validation_failed", "friendly_name is required"),
    (
        "passkey_name_too_long",
        400,
        "validation_failed",
        "friendly_name must be 120 characters or less",
    ),
    ("passkey_exists", 422, "webauthn_credential_exists", "This credential is already registered"),
    ("ceremony_not_found", 400, "webauthn_challenge_not_found", "Challenge not found"),
    ("ceremony_expired", 400, "webauthn_challenge_expired", "Challenge has expired"),
    ("ceremony_type", 400, "validation_failed", "Invalid challenge type"),
    (
        "credential_failed",
        400,
        "webauthn_verification_failed",
        "Credential verification failed",
    ),
    ("passkey_user_gone", 403, "user_not_found", "User not found"),
    ("passkey_email_unconfirmed", 403, "email_not_confirmed", "Email not confirmed"),
    ("passkey_phone_unconfirmed", 403, "phone_not_confirmed", "Phone not confirmed"),
    # Keyturn: the key that the column was encrypted with is not in the settings.
    (
        "column_unreadable",
        500,
        "unexpected_failure",
        "Database error verifying MFA TOTP secret",
    ),
)
