"""Every environment variable that `keyturn serve` reads: one row each.

``docs/reference/settings.md`` is rendered from this table. GoTrue's names come with GoTrue's
defaults (gotrue.md §1.1, §3.2, §6); where ours differs, the meaning says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_row import Setting

_KINDS: Final[Mapping[Callable[[str], object], str]] = {
    read.text: "text",
    read.secret: "secret",
    read.boolean: "true or false",
    read.inverted: "true or false",
    read.positive: "number ≥ 1",
    read.seconds: "seconds",
    read.percentage: "0–100",
    read.port: "port",
    read.switchable_duration: "duration",
    read.waiting_time: "duration",
    read.timeout: "duration",
    read.words: "comma list",
    read.name_set: "comma list",
    read.address: "URL",
    read.networks: "comma list of addresses and CIDR blocks",
    read.character_sets: "sets parted by `:`",
    read.token_life: "seconds",
    read.password_length: "6–72",
    read.pool_size: "number",
    read.bcrypt_cost: "4–20",
    read.token_version: "0, 1 or 2",
}


def _row(
    name: str,
    reads: Callable[[str], object],
    default: str | None,
    lands: str,
    meaning: str,
    *aliases: str,
) -> Setting:
    """One line of the table; ``lands`` is a blank-separated list of ``group.field``."""
    words = getattr(reads, "allowed", ())
    kind = _KINDS.get(reads) or " or ".join(f"`{word}`" for word in words)
    return Setting(name, reads, default, tuple(lands.split()), meaning, kind, aliases)


SECTIONS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Server": (
        _row(
            "GOTRUE_API_HOST",
            read.text,
            "127.0.0.1",
            "process.host",
            "Address to listen on. GoTrue's default is every address; ours is this machine.",
            "API_HOST",
        ),
        _row(
            "GOTRUE_API_PORT",
            read.port,
            "9999",
            "process.port",
            "Port to listen on; 0 takes a free one.",
            "PORT",
            "API_PORT",
        ),
        _row(
            "API_EXTERNAL_URL",
            read.address,
            None,
            "server.external_url",
            "Where clients reach this server. Default: `http://localhost:` and the port.",
            "GOTRUE_API_EXTERNAL_URL",
            "GOTRUE_API_API_EXTERNAL_URL",
        ),
        _row(
            "GOTRUE_API_MAX_REQUEST_DURATION",
            read.timeout,
            "10s",
            "server.max_request_duration",
            "A request that takes longer is answered 504 `request_timeout`.",
        ),
        _row(
            "GOTRUE_API_REQUEST_ID_HEADER",
            read.text,
            None,
            "server.request_id_header",
            "Request header whose value becomes the request id in logs and in 5xx bodies.",
            "REQUEST_ID_HEADER",
        ),
        _row(
            "GOTRUE_CORS_ALLOWED_HEADERS",
            read.words,
            None,
            "server.cors_allowed_headers",
            "Request headers that browsers may send beyond GoTrue's own list.",
        ),
        _row(
            "KEYTURN_TRUSTED_PROXIES",
            read.networks,
            "127.0.0.0/8,::1/128",
            "server.trusted_proxies",
            "Peers whose `X-Forwarded-For` is believed. The rightmost address that is not one of "
            "them is the client.",
        ),
        _row(
            "KEYTURN_WORKERS",
            read.positive,
            "1",
            "process.workers",
            "Worker processes that share the port.",
        ),
        _row(
            "KEYTURN_SHUTDOWN_GRACE",
            read.waiting_time,
            "10s",
            "process.grace",
            "How long requests may finish after SIGTERM.",
        ),
    ),
    "Database": (
        _row(
            "KEYTURN_DATABASE_URL",
            read.secret,
            None,
            "process.database_url",
            "PostgreSQL, as role `supabase_auth_admin`. Required, unless a stack started by "
            "`keyturn up` runs in `KEYTURN_DATA_DIR`.",
            "GOTRUE_DB_DATABASE_URL",
            "DATABASE_URL",
        ),
        _row(
            "GOTRUE_DB_DRIVER",
            read.one_of("postgres"),
            "postgres",
            "",
            "PostgreSQL is the only database.",
        ),
        _row(
            "GOTRUE_DB_NAMESPACE",
            read.one_of("auth"),
            "auth",
            "",
            "The schema that holds GoTrue's tables is always `auth`.",
            "DB_NAMESPACE",
        ),
        _row(
            "GOTRUE_DB_MAX_POOL_SIZE",
            read.pool_size,
            "10",
            "process.pool_size",
            "Connections of each worker. 0 (unlimited in GoTrue) means 10.",
        ),
    ),
    "Signing keys": (
        _row(
            "KEYTURN_MASTER_KEY",
            read.secret,
            None,
            "",
            "Seals private keys in the database: 32 random bytes in base64 or hex; a comma list "
            "during its own rotation (the first seals, all open). A file must have mode 0600. "
            "Default: `master.key` in `KEYTURN_DATA_DIR`, made by the first start.",
        ),
        _row(
            "KEYTURN_DATA_DIR",
            read.text,
            None,
            "process.data_dir",
            "Folder with `master.key` and, while `keyturn up` runs, `state.json`. "
            "Default: `.keyturn` here.",
        ),
        _row(
            "KEYTURN_SIGNING_ALG",
            read.one_of("ES256", "RS256", "EdDSA"),
            "ES256",
            "process.signing_alg",
            "Algorithm of the keys that the first start makes. auth-js verifies ES256 and RS256 "
            "locally.",
        ),
        _row(
            "GOTRUE_JWT_SECRET",
            read.secret,
            None,
            "process.legacy_secret",
            "The HS256 secret of an existing deployment. The first start imports it as the key in "
            "use; later starts ignore it.",
        ),
        _row(
            "GOTRUE_JWT_KEYS",
            read.secret,
            None,
            "process.jwt_keys",
            "JSON array of private JWKs of an existing deployment. The first start imports them: "
            "the one with `sign` in its `key_ops` signs, the others verify.",
        ),
        _row(
            "KEYTURN_JWKS_MAX_AGE",
            read.waiting_time,
            "10m",
            "server.jwks_max_age ring.jwks_max_age",
            "`Cache-Control: max-age` of the JWKS.",
        ),
        _row(
            "KEYTURN_JWKS_HURRIED_MAX_AGE",
            read.waiting_time,
            "1m",
            "server.jwks_hurried_max_age",
            "The same after a revocation, for as long as an older copy may be cached.",
        ),
        _row(
            "KEYTURN_PUBLISH_BEFORE_SIGN",
            read.waiting_time,
            "20m",
            "ring.publish_before_sign",
            "How long a standby key must have been published before it may sign.",
        ),
        _row(
            "KEYTURN_CLOCK_LEEWAY",
            read.waiting_time,
            "1m",
            "ring.leeway",
            "Clock difference between this server and verifiers that retirement allows for.",
        ),
    ),
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
            "Take e-mail addresses as confirmed. While off, sign-up by e-mail is refused, because "
            "this version sends no mail.",
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
            "Take phone numbers as confirmed. While off, sign-up by phone is refused, because this "
            "version sends no SMS.",
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
    "Operation": (
        _row(
            "GOTRUE_AUDIT_LOG_DISABLE_POSTGRES",
            read.inverted,
            "false",
            "accounts.audit_log_postgres",
            "Write no rows to `auth.audit_log_entries`.",
        ),
        _row(
            "GOTRUE_LOG_LEVEL",
            read.one_of("debug", "info", "warn", "warning", "error"),
            "info",
            "process.log_level",
            "Least level that is logged; requests are `info`.",
            "LOG_LEVEL",
        ),
        _row(
            "KEYTURN_LOG_FORMAT",
            read.one_of("auto", "json", "text"),
            "auto",
            "process.log_format",
            "`auto` is text on a terminal and JSON elsewhere.",
        ),
        _row(
            "KEYTURN_METRICS_PORT",
            read.port,
            None,
            "process.metrics_port",
            "Port of the Prometheus endpoint `/metrics`. Unset: no metrics are kept.",
        ),
        _row(
            "KEYTURN_METRICS_HOST",
            read.text,
            "127.0.0.1",
            "process.metrics_host",
            "Address of the Prometheus endpoint.",
        ),
    ),
}

TABLE: Final[tuple[Setting, ...]] = tuple(row for rows in SECTIONS.values() for row in rows)
