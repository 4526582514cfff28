"""Every refusal of the Auth API as a row: HTTP status, ``error_code`` and sentence.

The words are GoTrue 2.196's, because clients match on them; rows marked *Keyturn* say something
GoTrue has no words for. Surfaces render the two body shapes; nothing here knows about HTTP bodies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from keyturn.accounts.error_rows_external import EXTERNAL_ROWS
from keyturn.accounts.error_rows_factors import FACTOR_ROWS
from keyturn.accounts.error_rows_hooks import HOOK_ROWS
from keyturn.accounts.error_rows_messages import MESSAGE_ROWS
from keyturn.accounts.error_rows_oauth import OAUTH_ROWS
from keyturn.errors import KeyturnError


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One refusal: ``name`` finds it here, ``code`` is what the client sees as ``error_code``."""

    name: str
    status: int
    code: str
    message: str


class AuthError(KeyturnError):
    """The Auth API refused the request."""

    code: ClassVar[str] = "auth"

    def __init__(self, row: ErrorRow, message: str | None = None, *, hint: str | None = None):
        """``message`` replaces the row's sentence; it must not contain a secret."""
        super().__init__(message or row.message, hint=hint)
        self.row = row
        self.status = row.status
        self.error_code = row.code


class WeakPassword(AuthError):
    """The password is below the policy; ``reasons`` ⊆ {"length", "characters"}."""

    def __init__(self, message: str, reasons: tuple[str, ...]) -> None:
        """``message`` joins one sentence per reason."""
        super().__init__(_ROWS["weak_password"], message)
        self.reasons = reasons


class OAuthRefusal(AuthError):
    """Answered as RFC 6749 §5.2 ``{"error", "error_description"}``, status 400, in any version."""

    def __init__(self, error: str, description: str) -> None:
        """``error`` is the RFC 6749 code, for instance ``invalid_client``."""
        super().__init__(ErrorRow(error, 400, error, description))
        self.error = error
        self.description = description


class DatabaseRefused(AuthError):
    """A trigger or constraint of the operator's own schema raised; ``detail`` is what it said.

    ``sqlstate``, ``raised``, ``pg_hint`` and ``pg_detail`` are PostgreSQL's fields: the old body
    shape shows them, as GoTrue does.
    """

    def __init__(self, row: ErrorRow, *, sqlstate: str, fields: Mapping[str, str | None]) -> None:
        """``fields`` has the keys ``message``, ``hint`` and ``detail``."""
        super().__init__(row)
        self.sqlstate = sqlstate
        self.raised = fields.get("message")
        self.pg_hint = fields.get("hint")
        self.pg_detail = fields.get("detail")


def refuse(name: str, message: str | None = None) -> AuthError:
    """Return the error of the row ``name``; an unknown name is a programming error (KeyError)."""
    return AuthError(_ROWS[name], message)


def row(name: str) -> ErrorRow:
    """Return the row ``name``."""
    return _ROWS[name]


def rows() -> tuple[ErrorRow, ...]:
    """Return all rows in the order of the table."""
    return tuple(_ROWS.values())


_REFRESH = "Invalid Refresh Token: "

_TABLE = (
    # bearer tokens (gotrue.md §1.4)
    ("no_authorization", 401, "no_authorization", "This endpoint requires a valid Bearer token"),
    ("bad_jwt", 403, "bad_jwt", "invalid JWT: unable to parse or verify signature"),
    ("missing_sub", 403, "bad_jwt", "invalid claim: missing sub claim"),
    ("sub_not_uuid", 400, "bad_jwt", "invalid claim: sub claim must be a UUID"),
    ("session_not_uuid", 403, "bad_jwt", "invalid claim: session_id claim must be a UUID"),
    ("jwt_user_not_found", 403, "user_not_found", "User from sub claim in JWT does not exist"),
    (
        "jwt_session_not_found",
        403,
        "session_not_found",
        "Session from session_id claim in JWT does not exist",
    ),
    ("jwt_session_over", 403, "session_expired", "Session is no longer valid"),
    ("jwt_user_banned", 403, "user_banned", "User is banned"),
    ("not_admin", 403, "not_admin", "User not allowed"),
    (
        "wrong_audience",
        400,
        "validation_failed",
        "Token audience doesn't match request audience",
    ),
    # shapes
    ("validation_failed", 400, "validation_failed", "The request is not valid"),
    (
        "text_not_storable",
        400,
        "validation_failed",
        "Text contains a character that cannot be stored",
    ),
    ("text_too_long", 400, "validation_failed", "A value is too long"),
    ("email_required", 400, "validation_failed", "An email address is required"),
    ("email_too_long", 400, "validation_failed", "An email address is too long"),
    (
        "email_invalid",
        400,
        "validation_failed",
        "Unable to validate email address: invalid format",
    ),
    (
        "phone_invalid",
        400,
        "validation_failed",
        "Invalid phone number format (E.164 required)",
    ),
    (
        "password_too_long",
        400,
        "validation_failed",
        "Password cannot be longer than 72 characters",
    ),
    # sign-up
    ("signup_disabled", 422, "signup_disabled", "Signups not allowed for this instance"),
    ("email_signups_disabled", 400, "email_provider_disabled", "Email signups are disabled"),
    ("phone_signups_disabled", 400, "phone_provider_disabled", "Phone signups are disabled"),
    (
        "signup_needs_password",
        400,
        "validation_failed",
        "Signup requires a valid password",
    ),
    (
        "signup_email_or_phone",
        400,
        "validation_failed",
        "Only an email address or phone number should be provided on signup.",
    ),
    ("phone_pkce", 400, "validation_failed", "PKCE not supported for phone signups"),
    ("user_already_exists", 422, "user_already_exists", "User already registered"),
    ("anonymous_disabled", 422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled"),
    ("weak_password", 422, "weak_password", "Password is too weak"),
    # Keyturn: GoTrue would send a mail or an SMS here; pretending that one was sent helps nobody.
    (
        "no_mailer",
        400,
        "email_provider_disabled",
        (
            "This needs an e-mail, and this server has no mail server to hand it to: set "
            "GOTRUE_SMTP_HOST, or GOTRUE_MAILER_AUTOCONFIRM=true where no confirmation is wanted"
        ),
    ),
    (
        "no_sms",
        400,
        "phone_provider_disabled",
        (
            "This needs an SMS, and this server has no provider to hand it to: set "
            "GOTRUE_SMS_PROVIDER, or GOTRUE_SMS_AUTOCONFIRM=true where no confirmation is wanted"
        ),
    ),
    ("saving_user", 500, "unexpected_failure", "Database error saving new user"),
    ("updating_user", 500, "unexpected_failure", "Error updating user"),
    ("deleting_user", 500, "unexpected_failure", "Database error deleting user"),
    # password grant
    ("invalid_credentials", 400, "invalid_credentials", "Invalid login credentials"),
    ("grant_needs_identifier", 400, "validation_failed", "missing email or phone"),
    ("email_logins_disabled", 422, "email_provider_disabled", "Email logins are disabled"),
    ("phone_logins_disabled", 422, "phone_provider_disabled", "Phone logins are disabled"),
    ("email_not_confirmed", 400, "email_not_confirmed", "Email not confirmed"),
    ("phone_not_confirmed", 400, "phone_not_confirmed", "Phone not confirmed"),
    ("user_banned", 400, "user_banned", "User is banned"),
    # refresh grant (gotrue.md §3.3)
    ("refresh_malformed", 400, "validation_failed", "Refresh token is not valid"),
    (
        "refresh_not_found",
        400,
        "refresh_token_not_found",
        _REFRESH + "Refresh Token Not Found",
    ),
    ("refresh_banned", 400, "user_banned", _REFRESH + "User Banned"),
    ("refresh_no_session", 400, "session_not_found", _REFRESH + "No Valid Session Found"),
    ("refresh_expired", 400, "session_expired", _REFRESH + "Session Expired"),
    (
        "refresh_inactive",
        400,
        "session_expired",
        _REFRESH + "Session Expired (Inactivity)",
    ),
    (
        "refresh_low_aal",
        400,
        "session_expired",
        _REFRESH + "Session Expired (Low AAL: User Needs MFA Verification)",
    ),
    (
        "refresh_newer_login",
        400,
        "session_expired",
        _REFRESH + "Session Expired (Revoked by Newer Login)",
    ),
    ("refresh_used", 400, "refresh_token_already_used", _REFRESH + "Already Used"),
    ("refresh_foreign", 400, "validation_failed", _REFRESH + "Not Issued By This Server"),
    (
        "refresh_conflict",
        409,
        "conflict",
        "Too many concurrent token refresh requests on the same session or refresh token",
    ),
    # sign-out
    ("logout_scope", 400, "validation_failed", "Unsupported logout scope"),
    # PUT /user
    (
        "app_metadata_admin_only",
        403,
        "not_admin",
        "Updating app_metadata requires admin privileges",
    ),
    (
        "insufficient_aal",
        401,
        "insufficient_aal",
        "AAL2 session is required to update email or password when MFA is enabled.",
    ),
    (
        "anonymous_password",
        422,
        "validation_failed",
        "Updating password of an anonymous user without an email or phone is not allowed",
    ),
    (
        "sso_managed",
        422,
        "user_sso_managed",
        "Updating email, phone, password of a SSO account only possible via SSO",
    ),
    (
        "email_exists",
        422,
        "email_exists",
        "A user with this email address has already been registered",
    ),
    (
        "phone_exists",
        422,
        "phone_exists",
        "A user with this phone number has already been registered",
    ),
    (
        "same_password",
        422,
        "same_password",
        "New password should be different from the old password.",
    ),
    (
        "reauthentication_needed",
        400,
        "reauthentication_needed",
        "Password update requires reauthentication",
    ),
    (
        "reauthentication_not_valid",
        422,
        "reauthentication_not_valid",
        "Nonce has expired or is invalid",
    ),
    (
        "current_password_required",
        400,
        "current_password_required",
        "Current password required when setting new password.",
    ),
    (
        "current_password_invalid",
        400,
        "current_password_invalid",
        "Current password required when setting new password.",
    ),
    # administrators
    ("user_id_not_uuid", 404, "validation_failed", "user_id must be an UUID"),
    ("user_not_found", 404, "user_not_found", "User not found"),
    (
        "admin_needs_identifier",
        400,
        "validation_failed",
        "Cannot create a user without either an email or phone",
    ),
    (
        "admin_password_or_hash",
        400,
        "validation_failed",
        "Only a password or a password hash should be provided",
    ),
    (
        "admin_id_not_uuid4",
        400,
        "validation_failed",
        "ID must conform to the uuid v4 format",
    ),
    ("user_exists", 422, "user_already_exists", "A user with this ID has already been registered"),
    *FACTOR_ROWS,
    *MESSAGE_ROWS,
    *EXTERNAL_ROWS,
    *HOOK_ROWS,
    *OAUTH_ROWS,
)

_ROWS: Mapping[str, ErrorRow] = {line[0]: ErrorRow(*line) for line in _TABLE}
