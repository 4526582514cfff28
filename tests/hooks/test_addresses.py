"""How hooks are named in the environment, and what of that is refused."""

from __future__ import annotations

import pytest

from keyturn.accounts.hooks import FunctionHook, HttpHook, hook_address
from keyturn.wiring.settings import BadSettings, load

GOOD = "v1,whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.example.com/auth?x=1",
        "http://localhost:3000/hook",
        "http://127.0.0.1/hook",
        "http://[::1]:8080/hook",
        "http://host.docker.internal:54321/functions/v1/hook",
    ],
)
def test_web_addresses(address: str) -> None:
    assert hook_address(address) == HttpHook(address)


def test_a_function() -> None:
    found = hook_address("pg-functions://postgres/public/custom_access_token_hook")
    assert found == FunctionHook("public", "custom_access_token_hook")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hook",
        "http://hooks.example.com/auth",
        "http://localhost.example.com/",
        "ftp://localhost/",
        "https://",
        "http://[::1",
        "pg-functions://postgres/public",
        "pg-functions://postgres/public/a/b",
        'pg-functions://postgres/public/a"; drop table auth.users; --',
        "pg-functions://postgres/public/a%22b",
        "pg-functions://postgres/public/" + "a" * 64,
    ],
)
def test_refused_addresses(address: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        hook_address(address)


def environment(**variables: str) -> dict[str, str]:
    return {f"GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_{name}": text for name, text in variables.items()}


def test_a_hook_that_is_off_is_not_called_whatever_its_address() -> None:
    given = environment(URI="https://example.com/", SECRETS=GOOD)
    assert load(given).accounts.hooks.custom_access_token is None


def test_several_secrets() -> None:
    given = environment(ENABLED="true", URI="https://example.com/", SECRETS=f"{GOOD}|{GOOD}")
    target = load(given).accounts.hooks.custom_access_token
    assert isinstance(target, HttpHook)
    assert len(target.keys) == 2
    assert "QUFB" not in repr(target)


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, "_URI"),
        ({"URI": "https://example.com/"}, "_SECRETS"),
        ({"URI": "http://example.com/", "SECRETS": GOOD}, "expected https"),
        ({"URI": "https://example.com/", "SECRETS": "v1,whsec_!"}, "base64"),
        ({"URI": "https://example.com/", "SECRETS": "v1,whsec_QUFB"}, "24 to 64 bytes"),
        ({"URI": "https://example.com/", "SECRETS": "plain"}, "v1,whsec_"),
        ({"URI": "https://example.com/", "SECRETS": "v1a,whpk_AA:whsk_AA"}, "asymmetric"),
    ],
)
def test_refused_settings(variables: dict[str, str], wanted: str) -> None:
    with pytest.raises(BadSettings, match=wanted) as raised:
        load(environment(ENABLED="true", **variables))
    assert "QUFB" not in str(raised.value)


def test_a_function_takes_no_secret() -> None:
    given = environment(ENABLED="true", URI="pg-functions://postgres/public/hook")
    assert load(given).accounts.hooks.custom_access_token == FunctionHook("public", "hook")
