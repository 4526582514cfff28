"""Second factors and passkeys through the official clients, against a running stack."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from supabase import AuthApiError, create_client
from supabase.lib.client_options import SyncClientOptions
from tests.e2e.test_first_light import node
from tests.support.stack import Stack, running

from keyturn.accounts import totp

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("factors"), pytest.mark.timeout(240)]
ENVIRONMENT = {
    "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": "true",
    "GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED": "true",
    "GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED": "true",
    "GOTRUE_PASSKEY_ENABLED": "true",
    # Where the pages of the app are, as its authenticators see it.
    "GOTRUE_WEBAUTHN_RP_ID": "localhost",
    "GOTRUE_WEBAUTHN_RP_ORIGINS": "http://localhost:3000",
    "GOTRUE_OAUTH_SERVER_ENABLED": "true",
    "GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH": "/consent",
    "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED": "true",
    "GOTRUE_EXTERNAL_PHONE_ENABLED": "true",
    "GOTRUE_SMS_MAX_FREQUENCY": "0s",
    "GOTRUE_SMS_TEST_OTP": "15550000001:123456,15550000002:123456",
}


@pytest.fixture(scope="module")
def open_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with the ways to sign in that are off by default."""
    with running(tmp_path_factory.mktemp("factors") / "data", env=ENVIRONMENT) as made:
        yield made


def test_supabase_js(open_stack: Stack) -> None:
    done = node(open_stack, "multi_factor.test.mjs", "--test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped 0" in done.stdout, done.stdout


def test_the_rest_of_supabase_js(open_stack: Stack) -> None:
    done = node(open_stack, "the_rest.test.mjs", "--test")
    assert done.returncode == 0, done.stdout + done.stderr


def test_supabase_py(open_stack: Stack) -> None:
    with httpx.Client(timeout=20) as http:
        options = SyncClientOptions(httpx_client=http)
        app = create_client(open_stack.url, open_stack.info["publishable_key"], options=options)
        app.auth.sign_up({"email": "py-mfa@example.com", "password": "correct horse"})
        factor = app.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "Phone"})
        assert factor.totp is not None
        assert factor.totp.qr_code.startswith("data:image/svg+xml;utf-8,")
        with pytest.raises(AuthApiError, match="Invalid TOTP code"):
            app.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": "abcdef"})
        code = totp.code_at(factor.totp.secret, datetime.now(UTC))
        app.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code})
        level = app.auth.mfa.get_authenticator_assurance_level()
        assert (level.current_level, level.next_level) == ("aal2", "aal2")
        assert app.auth.mfa.list_factors().totp[0].id == factor.id
        app.auth.mfa.unenroll({"factor_id": factor.id})
        assert app.auth.mfa.list_factors().all == []
