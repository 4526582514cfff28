"""GoTrue's variables that change nothing here, with the reason: reported at start, not ignored."""

from __future__ import annotations

import re
from typing import Final

from keyturn.wiring.settings_row import Idle

IDLE: Final[tuple[Idle, ...]] = (
    Idle(r"SMTP_LOGGING_ENABLED", "what is sent is counted, not logged"),
    Idle(
        r"MAILER_(EMAIL_)?BACKGROUND_SENDING\w*",
        "mails that could tell who has an account always leave after the answer",
    ),
    Idle(
        r"MAILER_(EMAIL_VALIDATION|EXTENDED_VALIDATION|TEMPLATE_\w+|ALLOWED|BLOCKED)\w*",
        "this version checks the form of addresses only",
    ),
    Idle(r"RATE_LIMIT_SSO", "no SAML: `/sso` is refused before it is counted, as in GoTrue"),
    Idle(r"EXTERNAL_WEB3_\w+", "web3 is off: the grant is refused"),
    Idle(
        r"EXTERNAL_ALLOWED_ID_TOKEN_ISSUERS",
        "an ID token counts for a provider that is on, and for its client ids; add others by API",
    ),
    Idle(r"EXTERNAL_SKIP_NONCE_CHECK", "each provider has a variable of its own"),
    Idle(r"MFA_ENABLED", "GoTrue does not use it either; GOTRUE_MFA_TOTP_* decide"),
    Idle(r"SAML_\w+", "this version has no SAML"),
    Idle(r"WEBHOOK_\w+", "GoTrue no longer uses it either; GOTRUE_HOOK_* name the hooks"),
    Idle(r"EXPERIMENTAL_\w+", "this version has no such experiment"),
    Idle(
        r"PASSWORD_HIBP_BLOOM_\w+", "answers of Have I Been Pwned are kept for an hour as they are"
    ),
    Idle(
        r"JWT_KEY_ID|JWT_VALID_?METHODS",
        "the keys of the ring say which kid and algorithm are accepted",
    ),
    Idle(r"JWT_ADMIN_GROUP_NAME", "deprecated; GOTRUE_JWT_ADMIN_ROLES decides"),
    Idle(r"OPERATOR_TOKEN|COOKIE_\w+", "GoTrue no longer uses it either"),
    Idle(
        r"DB_(MAX_IDLE_POOL_SIZE|CONN_\w+|HEALTH_CHECK_PERIOD|ADVISOR_\w+)",
        "the pool keeps GOTRUE_DB_MAX_POOL_SIZE connections",
    ),
    Idle(r"DB_MIGRATIONS_PATH", "migrations come with Keyturn and leave schema auth alone"),
    Idle(r"INDEX_WORKER_\w+", "Keyturn's migrations make the indexes"),
    Idle(r"RELOADING_\w+", "key changes need no reload; other settings are read at start"),
    Idle(r"(METRICS|TRACING|PROFILER)_\w+", "set KEYTURN_METRICS_PORT for Prometheus"),
    Idle(r"LOG_(?!LEVEL)\w+", "logs go to stderr in the form of KEYTURN_LOG_FORMAT"),
    Idle(r"AUDIT_LOG_(?!DISABLE_POSTGRES)\w+", "audit lines go to auth.audit_log_entries"),
    Idle(r"API_ENDPOINT", "GoTrue does not use it either"),
)

_COMPILED: Final = tuple((re.compile(row.pattern), row.why) for row in IDLE)
_PREFIX: Final = "GOTRUE_"


def why_idle(name: str) -> str | None:
    """Return why GoTrue's variable ``name`` changes nothing here; None when GoTrue has none."""
    bare = name.removeprefix(_PREFIX)
    if bare == name:
        return None
    return next((why for pattern, why in _COMPILED if pattern.fullmatch(bare)), None)
