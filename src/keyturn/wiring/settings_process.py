"""Settings of the process: where it listens, what it opens, which keys it starts with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.wiring import settings_parse as read
from keyturn.wiring.settings_row import Setting
from keyturn.wiring.settings_row import setting as _row

PROCESS: Final[Mapping[str, tuple[Setting, ...]]] = {
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
        _row(
            "GOTRUE_DB_CLEANUP_ENABLED",
            read.boolean,
            "false",
            "process.cleanup",
            "Remove what counts no longer, a day after: revoked refresh tokens, sessions that have "
            "ended, flows, challenges, factors that nobody verified.",
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
}
