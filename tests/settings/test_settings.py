"""The environment is read by one table, completely, and never silently ignored."""

from __future__ import annotations

import ipaddress
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.accounts.hooks import HookSettings
from keyturn.accounts.limits import LimitSettings
from keyturn.accounts.message_settings import MessageSettings
from keyturn.accounts.mfa import MfaSettings, WebAuthnSettings
from keyturn.accounts.oauth_server import OAuthServerSettings
from keyturn.accounts.provider_rows import PROVIDERS
from keyturn.accounts.providers import ProviderSettings
from keyturn.accounts.settings import AuthSettings
from keyturn.authserver.options import ServerOptions
from keyturn.keyring.policy import RingPolicy
from keyturn.secret_access import reveal
from keyturn.wiring import settings_docs
from keyturn.wiring.settings import (
    BadSettings,
    CaptchaSettings,
    ColumnSettings,
    DeliverySettings,
    ProcessSettings,
    load,
)
from keyturn.wiring.settings_parse import BadValue, boolean, character_sets, duration
from keyturn.wiring.settings_table import TABLE

ROOT = Path(__file__).parents[2]
GROUPS: dict[str, type] = {
    "process": ProcessSettings,
    "server": ServerOptions,
    "accounts": AuthSettings,
    "ring": RingPolicy,
    "messages": MessageSettings,
    "delivery": DeliverySettings,
    "columns": ColumnSettings,
    "mfa": MfaSettings,
    "oauth": OAuthServerSettings,
    "limits": LimitSettings,
    "webauthn": WebAuthnSettings,
    "captcha": CaptchaSettings,
}
NESTED = {"mfa", "hooks", "limits", "oauth_server", "external", "webauthn"}
"""Fields of the account settings that are groups of their own."""
HOOK_PARTS = ("enabled", "uri", "secrets")


def fields_of(group: str) -> set[str]:
    """Return what variables of ``group`` may land in; three variables make a hook."""
    if group == "hooks":
        hooks = fields(HookSettings)
        return {f"{field.name}_{part}" for field in hooks for part in HOOK_PARTS}
    if group == "external":
        each = {field.name for field in fields(ProviderSettings)}
        own = {"flow_life", "custom_enabled", "most_custom", "redirect_url", "ios_bundle_id"}
        return own | {f"{name}/{part}" for name in PROVIDERS for part in each}
    return {field.name for field in fields(GROUPS[group])}


def test_nothing_set_gives_the_documented_defaults() -> None:
    settings = load({})
    assert (settings.process.host, settings.process.port) == ("127.0.0.1", 9999)
    assert settings.accounts == AuthSettings()
    assert settings.ring == RingPolicy()
    assert settings.server == ServerOptions()
    assert settings.issuer == "http://localhost:9999"


def test_every_row_lands_in_a_field_that_exists() -> None:
    for row in TABLE:
        for place in row.lands:
            group, name = place.split(".")
            assert name in fields_of(group), row.name


def test_every_field_of_the_flows_can_be_set() -> None:
    landed = {place for row in TABLE for place in row.lands}
    for field in fields(AuthSettings):
        assert field.name in NESTED or f"accounts.{field.name}" in landed
    for field in fields(MessageSettings):
        assert f"messages.{field.name}" in landed


def test_names_are_unique() -> None:
    names = [name for row in TABLE for name in row.names]
    assert len(names) == len(set(names))


def test_the_official_compose_file_is_understood() -> None:
    settings = load(
        {
            "GOTRUE_API_HOST": "0.0.0.0",
            "GOTRUE_API_PORT": "9999",
            "API_EXTERNAL_URL": "http://localhost:8000/auth/v1/",
            "GOTRUE_DB_DRIVER": "postgres",
            "GOTRUE_DB_DATABASE_URL": "postgres://supabase_auth_admin:pw@db:5432/postgres",
            "GOTRUE_SITE_URL": "http://localhost:3000",
            "GOTRUE_URI_ALLOW_LIST": "",
            "GOTRUE_DISABLE_SIGNUP": "false",
            "GOTRUE_JWT_ADMIN_ROLES": "service_role",
            "GOTRUE_JWT_AUD": "authenticated",
            "GOTRUE_JWT_DEFAULT_GROUP_NAME": "authenticated",
            "GOTRUE_JWT_EXP": "1800",
            "GOTRUE_JWT_SECRET": "a-secret-of-at-least-thirty-two-bytes",
            "GOTRUE_JWT_ISSUER": "http://localhost:8000/auth/v1",
            "GOTRUE_EXTERNAL_EMAIL_ENABLED": "true",
            "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": "false",
            "GOTRUE_MAILER_AUTOCONFIRM": "true",
            "GOTRUE_SMTP_HOST": "mail.example.com",
            "GOTRUE_MAILER_URLPATHS_INVITE": "/verify",
            "GOTRUE_EXTERNAL_PHONE_ENABLED": "true",
            "GOTRUE_SMS_AUTOCONFIRM": "true",
        }
    )
    assert settings.process.host == "0.0.0.0"
    assert settings.server.external_url == "http://localhost:8000/auth/v1"
    assert settings.accounts.admin_roles == {"service_role"}
    assert settings.accounts.jwt_exp == settings.ring.max_token_life == 1800
    assert settings.accounts.mailer_autoconfirm
    assert settings.accounts.sms_autoconfirm
    assert settings.issuer == "http://localhost:8000/auth/v1"
    assert not settings.unknown
    assert not settings.idle
    assert settings.delivery.smtp_host == "mail.example.com"


def test_unknown_names_are_reported_with_what_was_perhaps_meant() -> None:
    settings = load(
        {
            "GOTRUE_JWT_EXPP": "1",
            "GOTRUE_FROBNICATE": "1",
            "KEYTURN_WORKRES": "4",
            "KEYTURN_OTHER_PART": "x",
            "PATH": "/bin",
        }
    )
    assert settings.unknown == {
        "GOTRUE_JWT_EXPP": "GOTRUE_JWT_EXP",
        "GOTRUE_FROBNICATE": None,
        "KEYTURN_WORKRES": "KEYTURN_WORKERS",
    }


def test_all_mistakes_are_named_together_and_no_value_is_shown() -> None:
    with pytest.raises(BadSettings) as caught:
        load(
            {
                "GOTRUE_JWT_EXP": "soon-is-my-password",
                "GOTRUE_DISABLE_SIGNUP": "maybe",
                "PORT": "70000",
                "GOTRUE_DB_DRIVER": "mysql",
            }
        )
    message = caught.value.message
    for name in ("GOTRUE_JWT_EXP", "GOTRUE_DISABLE_SIGNUP", "PORT", "GOTRUE_DB_DRIVER"):
        assert name in message
    assert "soon-is-my-password" not in message
    assert "70000" not in message


def test_the_first_name_wins_over_its_aliases() -> None:
    both = {"GOTRUE_API_PORT": "1111", "PORT": "2222", "API_PORT": "3333"}
    assert load(both).process.port == 1111
    assert load({**both, "GOTRUE_API_PORT": ""}).process.port == 2222
    assert load({"API_PORT": "3333"}).process.port == 3333


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"  spaces stay\n")
    found = load({"GOTRUE_JWT_SECRET_FILE": str(path)}).process.legacy_secret
    assert found is not None
    assert reveal(found) == b"  spaces stay"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * (1 << 20) + b"yy"])
def test_an_unusable_secret_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSettings, match="GOTRUE_JWT_SECRET_FILE"):
        load({"GOTRUE_JWT_SECRET_FILE": str(path)})


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="both set"):
        load({"GOTRUE_JWT_SECRET": "a", "GOTRUE_JWT_SECRET_FILE": str(tmp_path)})


def test_settings_show_no_secret() -> None:
    settings = load(
        {
            "GOTRUE_JWT_SECRET": "hunter2-the-jwt-secret",
            "KEYTURN_DATABASE_URL": "postgres://u:hunter2@h/d",
            "KEYTURN_MASTER_KEY": "hunter2-the-master-key",
            "GOTRUE_JWT_KEYS": '["hunter2"]',
        }
    )
    assert "hunter2" not in repr(settings)


def test_one_variable_can_land_in_two_places() -> None:
    settings = load({"KEYTURN_JWKS_MAX_AGE": "90s", "KEYTURN_PUBLISH_BEFORE_SIGN": "3m"})
    assert settings.server.jwks_max_age == timedelta(seconds=90)
    assert (settings.ring.jwks_max_age, settings.ring.publish_before_sign) == (90, 180)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("10s", 10),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("300ms", 0.3),
        ("2us", 0.000002),
        ("1m30.5s", 90.5),
        (".5s", 0.5),
        ("+5s", 5),
        ("-5s", -5),
    ],
)
def test_durations_are_those_of_go(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "s", "1d", "1h 30m", "h1", "1e3s", "10s-", "٣s", "9" * 30 + "h"]
)
def test_what_go_refuses_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        duration(text)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int) -> None:
    expected = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    assert duration(f"{hours}h{minutes}m{seconds}s") == expected


@given(st.text(max_size=20))
def test_no_text_breaks_the_reader_of_durations(text: str) -> None:
    try:
        duration(text)
    except BadValue:
        return


@given(st.dictionaries(st.sampled_from([row.name for row in TABLE]), st.text(max_size=30)))
def test_no_environment_breaks_the_loader(environment: dict[str, str]) -> None:
    try:
        settings = load(environment)
    except BadSettings:
        return
    assert settings.process.port >= 0


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_true_is_spelled_as_in_go(text: str) -> None:
    assert boolean(text)


def test_character_sets_may_contain_an_escaped_colon() -> None:
    assert character_sets("abc:123:\\:;") == ("abc", "123", ":;")


def test_networks_and_addresses_become_networks() -> None:
    trusted = load({"KEYTURN_TRUSTED_PROXIES": "10.1.2.3, fd00::/8"}).server.trusted_proxies
    assert trusted == (ipaddress.ip_network("10.1.2.3/32"), ipaddress.ip_network("fd00::/8"))


def test_the_reference_is_what_the_table_says() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    assert page == settings_docs.render()
    for row in TABLE:
        assert f"`{row.name}`" in page
