"""One running stack for the scenarios that only read or add to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from tests.support.app_page import app_pages
from tests.support.apps import Apps, apps_of
from tests.support.message_hooks import Taken, messages_taken
from tests.support.oidc import OidcProvider, oidc_provider
from tests.support.stack import Stack, free_port, running
from tests.support.tls import certificate

from keyturn.accounts.message_settings import NOTIFICATIONS

# Every way in is on, addresses are confirmed by mail, and what changes in an account is told.
EVERYTHING = {
    "GOTRUE_MAILER_AUTOCONFIRM": "false",
    "GOTRUE_SMTP_MAX_FREQUENCY": "0s",
    "GOTRUE_RATE_LIMIT_EMAIL_SENT": "10000",
    "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": "true",
    "GOTRUE_EXTERNAL_PHONE_ENABLED": "true",
    "GOTRUE_SMS_MAX_FREQUENCY": "0s",
    "GOTRUE_SMS_TEST_OTP": "15550000003:123456",
    "GOTRUE_MFA_PHONE_MAX_FREQUENCY": "0s",
    "GOTRUE_MFA_PHONE_ENROLL_ENABLED": "true",
    "GOTRUE_MFA_PHONE_VERIFY_ENABLED": "true",
    "GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED": "true",
    "GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED": "true",
    "GOTRUE_PASSKEY_ENABLED": "true",
    "GOTRUE_WEBAUTHN_RP_ID": "localhost",
    "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED": "true",
    "GOTRUE_OAUTH_SERVER_ENABLED": "true",
    "GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION": "true",
    "GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH": "/consent",
    **{f"GOTRUE_MAILER_NOTIFICATIONS_{name.upper()}_ENABLED": "true" for name in NOTIFICATIONS},
}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack as a newcomer gets it, with a table ``notes`` under row-level security."""
    with running(tmp_path_factory.mktemp("stack") / "data") as made:
        yield made


@pytest.fixture(scope="session")
def legacy_secret() -> str:
    """A shared HS256 secret as an old deployment has it, made for this run."""
    import secrets

    return secrets.token_urlsafe(40)


@pytest.fixture
def legacy_stack(tmp_path_factory: pytest.TempPathFactory, legacy_secret: str) -> Iterator[Stack]:
    """A stack that starts from an imported ``JWT_SECRET`` and legacy API keys."""
    folder = tmp_path_factory.mktemp("legacy") / "data"
    with running(folder, env={"GOTRUE_JWT_SECRET": legacy_secret}) as made:
        yield made


@dataclass(frozen=True)
class World:
    """A stack with everything on, its applications, and what its users have elsewhere."""

    apps: Apps
    provider: OidcProvider
    phones: Taken
    origin: str
    """Where the pages of the application are."""

    @property
    def auth_url(self) -> str:
        """Where the Auth server is, behind the gateway."""
        return f"{self.apps.stack.url}/auth/v1"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A stack with everything on; its provider *google* is a certified one that speaks TLS."""
    folder = tmp_path_factory.mktemp("world")
    port, tls = free_port(), certificate(folder, "localhost")
    site = free_port()
    google = {
        name: value
        for name, value in OidcProvider(f"https://localhost:{port}").variables.items()
        if name.startswith("GOTRUE_EXTERNAL_")
    }
    # The one certificate that this stack trusts: nothing here talks to anybody else.
    env = {**EVERYTHING, **google, "SSL_CERT_FILE": str(tls[0])}
    with ExitStack() as opened:
        phones = opened.enter_context(messages_taken())
        env |= phones.variables("SEND_SMS")
        env["GOTRUE_SITE_URL"] = env["GOTRUE_WEBAUTHN_RP_ORIGINS"] = f"http://localhost:{site}"
        stack = opened.enter_context(running(folder / "data", env=env, notes=False))
        callback = f"{stack.url}/auth/v1/callback"
        provider = opened.enter_context(oidc_provider(port, callback, tls))
        origin = opened.enter_context(app_pages(stack, site))
        yield World(opened.enter_context(apps_of(stack)), provider, phones, origin)
