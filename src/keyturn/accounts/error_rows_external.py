"""Refusals of sign-in with other providers: rows of :mod:`keyturn.accounts.errors`.

One line is name, HTTP status, ``error_code`` and GoTrue 2.196's sentence.
"""

from __future__ import annotations

from typing import Final

Line = tuple[str, int, str, str]

EXTERNAL_ROWS: Final[tuple[Line, ...]] = (
    ("custom_providers_off", 404, "feature_disabled", "Custom OAuth providers are disabled"),
    ("custom_provider_not_found", 404, "custom_provider_not_found", "Custom provider not found"),
    ("custom_provider_exists", 409, "conflict", "A provider with this identifier already exists"),
    (
        "over_custom_provider_quota",
        400,
        "over_custom_provider_quota",
        "Maximum number of custom providers reached",
    ),
    ("saving_custom_provider", 500, "unexpected_failure", "Error saving custom provider"),
    ("provider_disabled", 400, "provider_disabled", "Provider is not enabled"),
    ("oauth_state_missing", 400, "bad_oauth_callback", "OAuth state parameter missing"),
    ("oauth_state_invalid", 400, "bad_oauth_state", "OAuth state parameter is invalid"),
    ("oauth_state_expired", 400, "bad_oauth_state", "OAuth state has expired"),
    ("oauth_state_used", 400, "flow_state_already_used", "State has already been used"),
    (
        "oauth_code_missing",
        400,
        "bad_oauth_callback",
        "OAuth callback with missing authorization code missing",
    ),
    ("external_exchange", 500, "unexpected_failure", "Unable to exchange external code"),
    (
        "external_profile",
        500,
        "unexpected_failure",
        "Error getting user profile from external provider",
    ),
    (
        "external_no_subject",
        500,
        "unexpected_failure",
        "Error getting user profile from external provider: no subject",
    ),
    (
        "external_no_email",
        500,
        "email_address_not_provided",
        "Error getting user email from external provider",
    ),
    ("external_signup_disabled", 422, "signup_disabled", "Signups not allowed for this instance"),
    ("external_banned", 403, "user_banned", "User is banned"),
    (
        "external_several",
        500,
        "unexpected_failure",
        (
            "Multiple accounts with the same email address in the same linking domain detected: "
            "default"
        ),
    ),
    (
        "external_unverified",
        422,
        "provider_email_needs_verification",
        (
            "Unverified email with the provider. Verify the email with the provider in order to "
            "sign in"
        ),
    ),
    ("invited_user_not_found", 404, "user_not_found", "User identified by token not found"),
    ("invite_not_found", 404, "invite_not_found", "Invite not found"),
    (
        "invite_email_differs",
        400,
        "validation_failed",
        "Invited email does not match emails from external provider",
    ),
    ("link_target_gone", 403, "user_not_found", "User from sub claim in JWT does not exist"),
    (
        "link_email_exists",
        400,
        "email_exists",
        "A user with this email address has already been registered",
    ),
    (
        "identity_is_linked",
        422,
        "identity_already_exists",
        "Identity is already linked",
    ),
    (
        "identity_exists",
        422,
        "identity_already_exists",
        "Identity is already linked to another user",
    ),
)
