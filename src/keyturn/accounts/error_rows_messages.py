"""Refusals about one-time tokens, mail, SMS and PKCE: rows of :mod:`keyturn.accounts.errors`.

One line is name, HTTP status, ``error_code`` and GoTrue 2.196's sentence.
"""

from __future__ import annotations

from typing import Final

Line = tuple[str, int, str, str]

_VALIDATION: Final = "validation_failed"
_PKCE_CHARACTERS: Final = (
    "code challenge can only contain alphanumeric characters, hyphens, periods, underscores and "
    "tildes"
)
_NO_MAILER_CHANGE: Final = (
    "A new e-mail address has to be confirmed by mail, and this server has no mail server to hand "
    "it to: set GOTRUE_SMTP_HOST, or let an administrator make the change"
)
_EXPIRED_LINK: Final = "Email link is invalid or has expired"

MESSAGE_ROWS: Final[tuple[Line, ...]] = (
    # asking for a message
    ("too_soon", 429, "over_email_send_rate_limit", "For security purposes, please wait"),
    ("too_soon_sms", 429, "over_sms_send_rate_limit", "For security purposes, please wait"),
    ("mail_limit", 429, "over_email_send_rate_limit", "email rate limit exceeded"),
    ("sms_limit", 429, "over_sms_send_rate_limit", "SMS rate limit exceeded"),
    ("mail_not_sent", 500, "unexpected_failure", "Error sending email"),
    ("sms_not_sent", 422, "sms_send_failed", "Error sending sms OTP"),
    ("otp_signups", 422, "otp_disabled", "Signups not allowed for otp"),
    ("otp_one_of", 400, _VALIDATION, "One of email or phone must be set"),
    ("otp_only_one", 400, _VALIDATION, "Only an email address or phone number should be provided"),
    ("otp_channel", 400, _VALIDATION, "Channel should only be specified with Phone OTP"),
    ("sms_channel", 400, _VALIDATION, "Invalid channel, supported values are 'sms' or 'whatsapp'"),
    ("phone_unsupported", 400, "phone_provider_disabled", "Unsupported phone provider"),
    ("recover_needs_email", 400, _VALIDATION, "Password recovery requires an email"),
    ("magic_link_needs_email", 422, _VALIDATION, "Password recovery requires an email"),
    ("resend_type", 400, _VALIDATION,
     "Missing one of these types: signup, email_change, sms, phone_change"),
    ("resend_needs_email", 400, _VALIDATION, "Type provided requires an email address"),
    ("resend_needs_phone", 400, _VALIDATION, "Type provided requires a phone number"),
    ("resend_only_one", 400, _VALIDATION,
     "Only an email address or phone number should be provided."),
    ("resend_missing", 400, _VALIDATION, "Missing email address or phone number"),
    ("resend_email_off", 400, "email_provider_disabled", "Email logins are disabled"),
    ("resend_phone_off", 400, "phone_provider_disabled", "Phone logins are disabled"),
    ("reauthenticate_needs_contact", 400, _VALIDATION,
     "Reauthentication requires the user to have an email or a phone number"),
    ("reauthenticate_email", 422, "email_not_confirmed", "Please verify your email first."),
    ("reauthenticate_phone", 422, "phone_not_confirmed", "Please verify your phone first."),
    # Keyturn: autoconfirm, which `no_mailer` advises, would not help here
    ("no_mailer_change", 400, "email_provider_disabled",
     _NO_MAILER_CHANGE),
    # using one
    ("otp_expired", 403, "otp_expired", "Token has expired or is invalid"),
    ("link_expired", 403, "otp_expired", _EXPIRED_LINK),
    ("verify_banned", 403, "user_banned", "User is banned"),
    ("verify_needs_type", 400, _VALIDATION, "Verify requires a verification type"),
    ("verify_needs_token", 400, _VALIDATION, "Verify requires a token or a token hash"),
    ("verify_only_hash", 400, _VALIDATION, "Only the token_hash and type should be provided"),
    ("verify_only_one", 400, _VALIDATION,
     "Only an email address or phone number should be provided on verify"),
    ("verify_email_type", 400, _VALIDATION, "Invalid email verification type"),
    ("verify_sms_type", 400, _VALIDATION, "Invalid sms verification type"),
    ("verify_type", 400, _VALIDATION, "Unsupported verification type"),
    # PKCE
    ("pkce_incomplete", 400, _VALIDATION,
     "PKCE flow requires code_challenge_method and code_challenge"),
    ("pkce_length", 400, _VALIDATION,
     "code challenge has to be between 43 and 128 characters"),
    ("pkce_characters", 400, _VALIDATION, _PKCE_CHARACTERS),
    ("pkce_method", 400, _VALIDATION, "unsupported code_challenge method"),
    ("pkce_needs_both", 400, _VALIDATION,
     "invalid request: both auth code and code verifier should be non-empty"),
    ("no_flow_state", 404, "flow_state_not_found",
     "invalid flow state, no valid flow state found"),
    ("flow_state_expired", 422, "flow_state_expired",
     "invalid flow state, flow state has expired"),
    ("bad_code_verifier", 400, "bad_code_verifier",
     "code challenge does not match previously saved code verifier"),
    # administrators
    ("link_user_not_found", 404, "user_not_found", "User with this email not found"),
    ("link_type", 400, _VALIDATION, "Invalid email action link type requested"),
    ("link_secure_change_off", 400, _VALIDATION,
     "Enable secure email change to generate link for current email"),
)  # fmt: skip
