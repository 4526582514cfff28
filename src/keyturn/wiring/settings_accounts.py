"""Settings of the account flows, under GoTrue's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_row import setting as _row

ACCOUNTS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Access tokens": (
        _row(
            "GOTRUE_JWT_EXP",
            read.token_life,
            "3600",
            "accounts.jwt_exp ring.max_token_life",
            "Life of an access token. 0 means 3600.",
        ),
        _row(
            "GOTRUE_JWT_ISSUER",
            read.text,
            None,
            "accounts.issuer",
            "`iss` of tokens and issuer of the discovery document. Unset: tokens carry none, as "
            "GoTrue's, and the document names `API_EXTERNAL_URL`.",
        ),
        _row(
            "GOTRUE_JWT_AUD",
            read.text,
            "authenticated",
            "accounts.jwt_aud",
            "Audience of new users and of requests that name none. GoTrue's default is empty.",
        ),
        _row(
            "GOTRUE_JWT_DEFAULT_GROUP_NAME",
            read.text,
            "authenticated",
            "accounts.default_group",
            "`role` of new users. GoTrue's default is empty.",
        ),
        _row(
            "GOTRUE_JWT_ADMIN_ROLES",
            read.name_set,
            "service_role,supabase_admin",
            "accounts.admin_roles",
            "Roles that may call `/admin`.",
        ),
    ),
    "Sign-up and sign-in": (
        _row(
            "GOTRUE_SITE_URL",
            read.text,
            "http://localhost:3000",
            "accounts.site_url",
            "Where the application is: links lead there in the end. Its host names the account in "
            "authenticator apps.",
        ),
        _row(
            "GOTRUE_DISABLE_SIGNUP",
            read.boolean,
            "false",
            "accounts.disable_signup",
            "Refuse new users; administrators can still create them.",
        ),
        _row(
            "GOTRUE_EXTERNAL_EMAIL_ENABLED",
            read.boolean,
            "true",
            "accounts.external_email_enabled",
            "Sign-up and sign-in by e-mail address.",
        ),
        _row(
            "GOTRUE_EXTERNAL_PHONE_ENABLED",
            read.boolean,
            "false",
            "accounts.external_phone_enabled",
            "Sign-up and sign-in by phone number.",
        ),
        _row(
            "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED",
            read.boolean,
            "false",
            "accounts.anonymous_users_enabled",
            "Sign-up without any identity.",
        ),
        _row(
            "GOTRUE_MAILER_AUTOCONFIRM",
            read.boolean,
            "false",
            "accounts.mailer_autoconfirm",
            "Take e-mail addresses as confirmed. While off, sign-up by e-mail sends a "
            "confirmation, for which there has to be `GOTRUE_SMTP_HOST`.",
        ),
        _row(
            "GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS",
            read.boolean,
            "false",
            "accounts.allow_unverified_email_sign_ins",
            "Let users sign in before their address is confirmed.",
        ),
        _row(
            "GOTRUE_SMS_AUTOCONFIRM",
            read.boolean,
            "false",
            "accounts.sms_autoconfirm",
            "Take phone numbers as confirmed. While off, sign-up by phone sends a code, for which "
            "there has to be `GOTRUE_SMS_PROVIDER`.",
        ),
    ),
    "Passwords": (
        _row(
            "GOTRUE_PASSWORD_MIN_LENGTH",
            read.password_length,
            "6",
            "accounts.password_min_length",
            "Least length; a value below 6 means 6.",
        ),
        _row(
            "GOTRUE_PASSWORD_REQUIRED_CHARACTERS",
            read.character_sets,
            None,
            "accounts.password_required_characters",
            "Sets of characters, parted by `:` (`\\:` is a colon); a password needs one of each.",
        ),
        _row(
            "GOTRUE_PASSWORD_HIBP_ENABLED",
            read.boolean,
            "false",
            "accounts.hibp_enabled",
            "Refuse passwords that have been in leaks: five digits of their SHA-1 go to Have I "
            "Been Pwned.",
        ),
        _row(
            "GOTRUE_PASSWORD_HIBP_FAIL_CLOSED",
            read.boolean,
            "false",
            "accounts.hibp_fail_closed",
            "Refuse passwords while it cannot be asked.",
        ),
        _row(
            "GOTRUE_PASSWORD_HIBP_USER_AGENT",
            read.text,
            "https://github.com/supabase/gotrue",
            "accounts.hibp_user_agent",
            "Who it is told is asking.",
        ),
        _row(
            "KEYTURN_PASSWORD_HIBP_URL",
            read.address,
            None,
            "accounts.hibp_url",
            "Another service with the same range API, such as a mirror of your own.",
        ),
        _row(
            "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION",
            read.boolean,
            "false",
            "accounts.password_needs_reauthentication",
            "A session older than 24 h may not change the password without a nonce.",
        ),
        _row(
            "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD",
            read.boolean,
            "false",
            "accounts.password_needs_current",
            "Changing the password takes the current one.",
        ),
        _row(
            "KEYTURN_BCRYPT_COST",
            read.bcrypt_cost,
            "10",
            "accounts.bcrypt_cost",
            "Cost of new password hashes; GoTrue always uses 10.",
        ),
    ),
    "Sessions and refresh tokens": (
        _row(
            "GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED",
            read.boolean,
            "true",
            "accounts.refresh_rotation",
            "Reuse of a spent refresh token ends its session.",
        ),
        _row(
            "GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL",
            read.seconds,
            "0",
            "accounts.refresh_reuse_interval",
            "For how long a spent refresh token may be used again by a racing request.",
        ),
        _row(
            "GOTRUE_SECURITY_REFRESH_TOKEN_ALLOW_REUSE",
            read.boolean,
            "false",
            "accounts.refresh_allow_reuse",
            "Version 2 tokens may be reused at any time.",
        ),
        _row(
            "GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION",
            read.token_version,
            "0",
            "accounts.refresh_algorithm_version",
            "Form of new refresh tokens: 0 and 1 are rows of a table, 2 is authenticated by a key "
            "of the session.",
        ),
        _row(
            "GOTRUE_SECURITY_REFRESH_TOKEN_UPGRADE_PERCENTAGE",
            read.percentage,
            "0",
            "accounts.refresh_upgrade_percentage",
            "Share of old sessions that move to version 2 when they refresh.",
        ),
        _row(
            "GOTRUE_SESSIONS_TIMEBOX",
            read.switchable_duration,
            None,
            "accounts.sessions_timebox",
            "A session ends this long after sign-in.",
        ),
        _row(
            "GOTRUE_SESSIONS_INACTIVITY_TIMEOUT",
            read.switchable_duration,
            None,
            "accounts.sessions_inactivity",
            "A session ends this long after its last refresh.",
        ),
        _row(
            "GOTRUE_SESSIONS_ALLOW_LOW_AAL",
            read.switchable_duration,
            None,
            "accounts.sessions_low_aal",
            "How long a user with a verified second factor may stay without using it.",
        ),
        _row(
            "GOTRUE_SESSIONS_SINGLE_PER_USER",
            read.boolean,
            "false",
            "accounts.sessions_single_per_user",
            "Only the session with the latest sign-in can refresh.",
        ),
        _row(
            "GOTRUE_SESSIONS_TAGS",
            read.words,
            None,
            "accounts.sessions_tags",
            "Kinds of session, each single on its own.",
        ),
    ),
}
