"""Every knob that the account flows read, with GoTrue's defaults.

The environment is read in wiring; here are only values. ``None`` for a duration means *off*.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from keyturn.accounts.hooks import HookSettings
from keyturn.accounts.limits import LimitSettings
from keyturn.accounts.mfa import MfaSettings, WebAuthnSettings
from keyturn.accounts.oauth_server import OAuthServerSettings
from keyturn.accounts.providers import ExternalSettings


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Behaviour of sign-up, sign-in, refresh and user changes (GoTrue 2.196 names in comments)."""

    issuer: str = ""  # JWT_ISSUER; empty: no ``iss`` claim
    jwt_exp: int = 3600  # JWT_EXP, seconds
    jwt_aud: str = "authenticated"  # JWT_AUD
    default_group: str = "authenticated"  # JWT_DEFAULT_GROUP_NAME: ``role`` of new users
    admin_roles: frozenset[str] = frozenset({"service_role", "supabase_admin"})  # JWT_ADMIN_ROLES

    site_url: str = "http://localhost:3000"  # SITE_URL: the application that users are sent to

    disable_signup: bool = False  # DISABLE_SIGNUP
    external_email_enabled: bool = True  # EXTERNAL_EMAIL_ENABLED
    external_phone_enabled: bool = False  # EXTERNAL_PHONE_ENABLED
    anonymous_users_enabled: bool = False  # EXTERNAL_ANONYMOUS_USERS_ENABLED
    mailer_autoconfirm: bool = False  # MAILER_AUTOCONFIRM; False: e-mail sign-ups are refused
    sms_provider: str = ""  # SMS_PROVIDER, which /settings tells
    sms_autoconfirm: bool = False  # SMS_AUTOCONFIRM; False: phone sign-ups are refused
    allow_unverified_email_sign_ins: bool = False  # MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS

    password_min_length: int = 6  # PASSWORD_MIN_LENGTH; never below 6, never above 72
    hibp_enabled: bool = False  # PASSWORD_HIBP_ENABLED
    hibp_fail_closed: bool = False  # PASSWORD_HIBP_FAIL_CLOSED
    hibp_user_agent: str = "https://github.com/supabase/gotrue"  # PASSWORD_HIBP_USER_AGENT
    hibp_url: str = ""  # instead of api.pwnedpasswords.com
    password_required_characters: tuple[str, ...] = ()  # PASSWORD_REQUIRED_CHARACTERS, split at ':'
    bcrypt_cost: int = 10
    password_needs_reauthentication: bool = (
        False  # SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION
    )
    password_needs_current: bool = False  # SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD

    refresh_rotation: bool = True  # SECURITY_REFRESH_TOKEN_ROTATION_ENABLED
    refresh_reuse_interval: int = 0  # SECURITY_REFRESH_TOKEN_REUSE_INTERVAL, seconds
    refresh_allow_reuse: bool = False  # SECURITY_REFRESH_TOKEN_ALLOW_REUSE; v2 tokens only
    refresh_algorithm_version: int = 0  # SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: 0/1 or 2
    refresh_upgrade_percentage: int = 0  # SECURITY_REFRESH_TOKEN_UPGRADE_PERCENTAGE, 0–100

    sessions_timebox: timedelta | None = None  # SESSIONS_TIMEBOX
    sessions_inactivity: timedelta | None = None  # SESSIONS_INACTIVITY_TIMEOUT
    sessions_low_aal: timedelta | None = None  # SESSIONS_ALLOW_LOW_AAL
    sessions_single_per_user: bool = False  # SESSIONS_SINGLE_PER_USER
    sessions_tags: tuple[str, ...] = ()  # SESSIONS_TAGS

    audit_log_postgres: bool = True  # not AUDIT_LOG_DISABLE_POSTGRES

    manual_linking: bool = False  # SECURITY_MANUAL_LINKING_ENABLED
    mfa: MfaSettings = field(default_factory=MfaSettings)  # MFA_*
    hooks: HookSettings = field(default_factory=HookSettings)  # HOOK_*
    oauth_server: OAuthServerSettings = field(default_factory=OAuthServerSettings)
    external: ExternalSettings = field(default_factory=ExternalSettings)  # EXTERNAL_<PROVIDER>_*
    limits: LimitSettings = field(default_factory=LimitSettings)  # RATE_LIMIT_*
    webauthn: WebAuthnSettings = field(default_factory=WebAuthnSettings)  # PASSKEY_*, WEBAUTHN_*

    @property
    def site_host(self) -> str:
        """Host and port of the application: how it introduces itself to authenticator apps."""
        return urlsplit(self.site_url).netloc

    @property
    def site_origin(self) -> str:
        """Origin of the application, as browsers name it."""
        parts = urlsplit(self.site_url)
        return f"{parts.scheme}://{parts.netloc}"
