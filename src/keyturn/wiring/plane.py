"""Puts the account flows on a database: which adapter stands for which port."""

from __future__ import annotations

from keyturn.accounts.captcha import PROVIDERS
from keyturn.accounts.settings import AuthSettings
from keyturn.adapters import system
from keyturn.adapters.captcha import SiteVerify
from keyturn.adapters.column_cipher import Columns
from keyturn.adapters.http_client import StandardHttpClient
from keyturn.adapters.leaked_passwords import HIBP, PwnedPasswords
from keyturn.adapters.postgres.account_store import PostgresAccountStore
from keyturn.adapters.postgres.custom_provider_store import PostgresCustomProviderStore
from keyturn.adapters.postgres.external_store import PostgresExternalStore
from keyturn.adapters.postgres.factor_store import PostgresFactorStore
from keyturn.adapters.postgres.oauth_store import PostgresOAuthStore
from keyturn.adapters.postgres.passkey_store import PostgresPasskeyStore
from keyturn.adapters.postgres.pool import Pool
from keyturn.adapters.postgres.rate_limiter import PostgresRateLimiter
from keyturn.adapters.postgres.session_store import PostgresSessionStore
from keyturn.clock import Clock
from keyturn.flows.plane import AuthPlane
from keyturn.flows.ports.guards import CaptchaService, LeakedPasswords
from keyturn.flows.ports.hashing import PasswordHasher
from keyturn.flows.ports.ring import RingSource
from keyturn.secret import Secret
from keyturn.secret_access import reveal
from keyturn.wiring.hooks import open_hooks
from keyturn.wiring.providers import provider_servers
from keyturn.wiring.settings import BadSettings, CaptchaSettings, ColumnSettings

_HIBP_SECONDS = 5.0
_LARGEST_ANSWER = 64 * 1024
_DECRYPTION_KEYS = "GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS"
_KEY_ID = "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID"
_KEY = "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY"


def auth_plane(
    settings: AuthSettings,
    pool: Pool,
    ring: RingSource,
    hasher: PasswordHasher,
    *,
    columns: ColumnSettings | None = None,
    captcha: CaptchaSettings | None = None,
    clock: Clock = system.now,
) -> AuthPlane:
    """Return the plane on ``pool``, which connects as ``supabase_auth_admin``."""
    return AuthPlane(
        settings=settings,
        accounts=PostgresAccountStore(pool),
        factors=PostgresFactorStore(pool),
        columns=column_cipher(columns or ColumnSettings()),
        sessions=PostgresSessionStore(pool),
        limiter=PostgresRateLimiter(pool),
        passkeys=PostgresPasskeyStore(pool),
        captcha=captcha_service(captcha or CaptchaSettings()),
        leaked=leaked_passwords(settings),
        ring=ring,
        hasher=hasher,
        hooks=open_hooks(pool),
        oauth=PostgresOAuthStore(pool),
        external=PostgresExternalStore(pool),
        providers=provider_servers(),
        custom_providers=PostgresCustomProviderStore(pool),
        clock=clock,
        entropy=system.entropy,
    )


def captcha_service(settings: CaptchaSettings) -> CaptchaService | None:
    """Return the service that checks captchas; None when none is asked for.

    Raises ``BadSettings`` when it is on without a secret.
    """
    if not settings.enabled:
        return None
    if settings.secret is None:
        raise BadSettings("A captcha takes GOTRUE_SECURITY_CAPTCHA_SECRET.")
    http = StandardHttpClient(timeout=settings.timeout.total_seconds(), max_bytes=_LARGEST_ANSWER)
    return SiteVerify(http, settings.url or PROVIDERS[settings.provider], settings.secret)


def leaked_passwords(settings: AuthSettings) -> LeakedPasswords | None:
    """Return what knows leaked passwords; None when it is not asked."""
    if not settings.hibp_enabled:
        return None
    http = StandardHttpClient(timeout=_HIBP_SECONDS)
    return PwnedPasswords(http, settings.hibp_user_agent, settings.hibp_url or HIBP)


def column_cipher(settings: ColumnSettings) -> Columns:
    """Return the cipher of encrypted columns.

    Raises ``BadSettings`` when encryption is on without a key, ``BadColumnKey`` for a bad key.
    """
    keys = dict(_older(settings.older))
    if settings.key_id and settings.key is not None:
        keys[settings.key_id] = settings.key
    if settings.encrypt and not (settings.key_id and settings.key is not None):
        raise BadSettings(f"Encrypting columns takes {_KEY_ID} and {_KEY}.")
    return Columns(keys, settings.key_id if settings.encrypt else None, system.entropy)


def _older(keys: Secret | None) -> list[tuple[str, Secret]]:
    """Read ``id:key,id:key``."""
    found = []
    for part in (reveal(keys).decode() if keys is not None else "").split(","):
        name, colon, key = part.strip().partition(":")
        if part.strip() and not (name and colon and key):
            raise BadSettings(f"{_DECRYPTION_KEYS}: expected id:key,id:key.")
        if name:
            found.append((name, Secret(key)))
    return found
