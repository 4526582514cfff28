"""Refusals of the OAuth server outside RFC 6749: rows of :mod:`keyturn.accounts.errors`.

One line is name, HTTP status, ``error_code`` and GoTrue 2.196's sentence.
"""

from __future__ import annotations

from typing import Final

Line = tuple[str, int, str, str]

OAUTH_ROWS: Final[tuple[Line, ...]] = (
    ("oauth_server_off", 404, "feature_disabled", "OAuth server is disabled"),
    (
        "oauth_registration_off",
        403,
        "oauth_dynamic_client_registration_disabled",
        "Dynamic client registration is not enabled",
    ),
    ("client_id_required", 400, "validation_failed", "client_id is required"),
    ("client_id_format", 400, "validation_failed", "invalid client_id format"),
    ("oauth_client_not_found", 404, "oauth_client_not_found", "OAuth client not found"),
    ("authorize_client_format", 400, "oauth_client_not_found", "invalid client_id format"),
    ("authorize_client_unknown", 400, "oauth_client_not_found", "invalid client_id"),
    ("redirect_uri_required", 400, "validation_failed", "redirect_uri is required"),
    ("redirect_uri_invalid", 400, "validation_failed", "invalid redirect_uri"),
    (
        "public_client_secret",
        400,
        "validation_failed",
        "Cannot regenerate secret for public client",
    ),
    ("consent_origin", 400, "validation_failed", "unauthorized request origin"),
    ("consent_action", 400, "validation_failed", "action must be 'approve' or 'deny'"),
    # Keyturn: a token that an application holds must not consent in its user's name.
    (
        "consent_by_client",
        403,
        "no_authorization",
        "An OAuth client's token cannot manage what its user has authorized",
    ),
    (
        "authorization_not_found",
        404,
        "oauth_authorization_not_found",
        "authorization not found",
    ),
    (
        "authorization_not_pending",
        400,
        "validation_failed",
        "authorization request cannot be processed",
    ),
    ("grant_client_required", 400, "validation_failed", "client_id query parameter is required"),
    (
        "oauth_consent_not_found",
        404,
        "oauth_consent_not_found",
        "No active grant found for this client",
    ),
    ("saving_oauth_client", 500, "unexpected_failure", "Error saving OAuth client"),
    ("saving_authorization", 500, "unexpected_failure", "Error creating authorization"),
    ("id_token_unsigned", 500, "unexpected_failure", "Error generating ID token"),
)
