"""``GET /settings``: what sign-in pages may offer."""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.accounts.settings import AuthSettings
from keyturn.authserver import shapes
from keyturn.authserver.contract import declares
from keyturn.authserver.exchange import JSON, Exchange, Reply

PROVIDERS: Final = (
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "kakao",
    "keycloak",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "slack",
    "slack_oidc",
    "snapchat",
    "spotify",
    "twitch",
    "twitter",
    "workos",
    "x",
    "zoom",
)


class About:
    """Answers ``GET /settings`` (gotrue.md §4.2)."""

    def __init__(self, settings: AuthSettings) -> None:
        offered = {
            "anonymous_users": settings.anonymous_users_enabled,
            **{name: name in settings.external.providers for name in PROVIDERS},
            "email": settings.external_email_enabled,
            "phone": settings.external_phone_enabled,
        }
        self._body = msgspec.json.encode(
            {
                "external": offered,
                "disable_signup": settings.disable_signup,
                "mailer_autoconfirm": settings.mailer_autoconfirm,
                "phone_autoconfirm": settings.sms_autoconfirm,
                "sms_provider": settings.sms_provider,
                "saml_enabled": False,
                "saml_private_key_next_configured": False,
                "passkeys_enabled": settings.webauthn.passkeys,
            }
        )

    @declares(gives=shapes.SETTINGS)
    async def settings(self, exchange: Exchange) -> Reply:
        """Return the public settings."""
        del exchange
        return Reply(200, self._body, (JSON,))
