"""What providers say about users, as they say it, and what of it is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from keyturn.accounts.custom_providers import CustomProvider, provider_of
from keyturn.accounts.errors import AuthError
from keyturn.accounts.provider_rows import PROVIDERS
from keyturn.accounts.providers import (
    ExternalSettings,
    Provider,
    ProviderSettings,
    profile_of,
)
from keyturn.adapters.provider_servers import HttpProviderServers
from keyturn.errors import Unreachable
from keyturn.flows.ports.external import ProviderTokens
from keyturn.flows.ports.http import HttpAnswer
from keyturn.secret import Secret

TOKENS = ProviderTokens("a-token")
FORM = "application/x-www-form-urlencoded"


def provider(name: str, **settings: Any) -> Provider:
    given = {"enabled": True, "client_ids": ("me",), "secret": Secret("s3cret"), **settings}
    return Provider(PROVIDERS[name], ProviderSettings(**given))


@dataclass
class Web:
    """Answers by URL and keeps what it was sent."""

    answers: Mapping[str, tuple[int, str, bytes]]
    sent: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        self.sent.append((method, url, dict(headers or {}), body or b""))
        if url not in self.answers:
            raise Unreachable("nobody there")
        status, kind, content = self.answers[url]
        return HttpAnswer(status, {"content-type": kind}, content, 0.0)


async def unverified(*given: object) -> Mapping[str, object]:
    raise AssertionError("nothing is verified here")


def servers(**answers: object) -> tuple[Web, HttpProviderServers]:
    pages = {
        url: (200, "application/json", json.dumps(document).encode())
        for url, document in answers.items()
    }
    web = Web(pages)
    return web, HttpProviderServers(web, unverified)


async def test_github_has_its_addresses_elsewhere() -> None:
    web, server = servers(
        **{
            "https://api.github.com/user": {
                "id": 583231,
                "login": "octocat",
                "name": "The Octocat",
                "avatar_url": "https://pictures.example.com/o.png",
                "email": None,
            },
            "https://api.github.com/user/emails": [
                {"email": "old@example.com", "verified": False, "primary": False},
                {"email": "Octo@Example.com", "verified": True, "primary": True},
            ],
        }
    )
    profile = await server.profile(provider("github"), TOKENS)
    assert profile.sub == "583231"
    assert (profile.primary.address, profile.primary.verified) == ("octo@example.com", True)
    assert profile.data == {
        "iss": "https://github.com",
        "sub": "583231",
        "name": "The Octocat",
        "full_name": "The Octocat",
        "email": "octo@example.com",
        "picture": "https://pictures.example.com/o.png",
        "avatar_url": "https://pictures.example.com/o.png",
        "user_name": "octocat",
        "preferred_username": "octocat",
        "provider_id": "583231",
        "email_verified": True,
        "phone_verified": False,
    }
    assert web.sent[0][2]["authorization"] == "Bearer a-token"


async def test_bitbucket_lists_under_values() -> None:
    _, server = servers(
        **{
            "https://api.bitbucket.org/2.0/user": {"uuid": "{1}", "display_name": "B"},
            "https://api.bitbucket.org/2.0/user/emails": {
                "values": [{"email": "b@example.com", "is_primary": True, "is_confirmed": True}]
            },
        }
    )
    profile = await server.profile(provider("bitbucket"), TOKENS)
    assert (profile.primary.address, profile.primary.verified) == ("b@example.com", True)


async def test_twitch_wants_its_client_id() -> None:
    user = {"id": "1", "login": "t", "email": "t@example.com", "display_name": "T"}
    web, server = servers(**{"https://api.twitch.tv/helix/users": {"data": [user]}})
    profile = await server.profile(provider("twitch"), TOKENS)
    assert (profile.sub, profile.primary.address) == ("1", "t@example.com")
    assert web.sent[0][2]["client-id"] == "me"


@pytest.mark.parametrize(
    ("name", "claims", "verified"),
    [
        ("keycloak", {"sub": "1", "email": "a@b.c", "email_verified": True}, True),
        ("keycloak", {"sub": "1", "email": "a@b.c", "email_verified": "true"}, True),
        ("keycloak", {"sub": "1", "email": "a@b.c", "email_verified": "yes"}, False),
        ("keycloak", {"sub": "1", "email": "a@b.c"}, False),
        ("azure", {"sub": "1", "email": "a@b.c", "email_verified": False}, True),
        ("azure", {"sub": "1", "email": "a@b.c", "xms_edov": True}, True),
        ("azure", {"sub": "1", "email": "a@b.c", "xms_edov": "1"}, True),
        ("azure", {"sub": "1", "email": "a@b.c", "xms_edov": False}, False),
        ("azure", {"sub": "1", "email": "a@b.c", "xms_edov": "0"}, False),
        ("azure", {"sub": "1", "email": "a@b.c", "xms_edov": [True]}, False),
        ("spotify", {"id": "1", "email": "a@b.c"}, False),
        ("figma", {"id": "1", "email": "a@b.c"}, True),
        ("kakao", {"id": 1, "kakao_account": {"email": "a@b.c", "is_email_verified": True}}, True),
        ("gitlab", {"id": 1, "email": "a@b.c", "confirmed_at": "2020-01-01T00:00:00Z"}, True),
        ("gitlab", {"id": 1, "email": "a@b.c", "confirmed_at": None}, False),
    ],
)
def test_what_counts_as_verified(name: str, claims: dict[str, Any], verified: bool) -> None:
    assert profile_of(provider(name), claims).primary.verified is verified


@pytest.mark.parametrize("claims", [{}, {"sub": None}, {"sub": True}, {"sub": {"a": 1}}])
def test_nobody(claims: dict[str, Any]) -> None:
    with pytest.raises(AuthError, match="no subject"):
        profile_of(provider("keycloak"), claims)


def test_no_address() -> None:
    with pytest.raises(AuthError) as raised:
        profile_of(provider("keycloak"), {"sub": "1"})
    assert raised.value.error_code == "email_address_not_provided"
    profile = profile_of(provider("keycloak", email_optional=True), {"sub": "1"})
    assert profile.primary.address == ""


async def test_a_form_answer_is_a_token_too() -> None:
    answer = (200, FORM, b"access_token=abc&scope=&token_type=bearer")
    web = Web({"https://github.com/login/oauth/access_token": answer})
    tokens = await HttpProviderServers(web, unverified).exchange(
        provider("github"), "code", "https://a.example/callback", ""
    )
    assert tokens.access_token == "abc"
    assert b"client_secret=s3cret" in web.sent[0][3]


async def test_a_secret_in_a_header() -> None:
    url = "https://accounts.spotify.com/api/token"
    web = Web({url: (200, "application/json", b'{"access_token": "abc", "refresh_token": "r"}')})
    tokens = await HttpProviderServers(web, unverified).exchange(
        provider("spotify"), "code", "https://a.example/callback", "verifier"
    )
    assert tokens.refresh_token == "r"
    assert web.sent[0][2]["authorization"].startswith("Basic ")
    assert b"s3cret" not in web.sent[0][3]
    assert b"code_verifier=verifier" in web.sent[0][3]


@pytest.mark.parametrize(
    "answer",
    [
        (400, "application/json", b'{"access_token": "abc"}'),
        (200, "application/json", b"[]"),
        (200, "application/json", b'{"access_token": 1}'),
        (200, "text/html", b"<html>"),
    ],
)
async def test_wrong_token_answers(answer: tuple[int, str, bytes]) -> None:
    web = Web({"https://github.com/login/oauth/access_token": answer})
    with pytest.raises(AuthError, match="Unable to exchange external code"):
        await HttpProviderServers(web, unverified).exchange(
            provider("github"), "code", "https://a.example/callback", ""
        )


async def test_a_discovery_document_of_somebody_else() -> None:
    url = "https://accounts.google.com/.well-known/openid-configuration"
    document = {"issuer": "https://evil.example", "authorization_endpoint": "https://evil.example/"}
    _, server = servers(**{url: document})
    with pytest.raises(AuthError):
        await server.authorize_url(provider("google"))


async def test_nobody_there() -> None:
    _, server = servers()
    with pytest.raises(AuthError, match="Error getting user profile"):
        await server.profile(provider("github"), TOKENS)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_rows_are_complete(name: str) -> None:
    row = PROVIDERS[name]
    assert row.issuer or (row.authorize and row.token and (row.userinfo or row.profile_in_token))
    assert row.base == "" or row.base.startswith("https://")
    for address in (row.authorize, row.token, row.userinfo, row.emails, row.issuer):
        assert address == "" or address.startswith(("https://", "/"))
    off = ExternalSettings(providers={})
    with pytest.raises(AuthError, match="provider is not enabled"):
        off.find(PROVIDERS, name)


def test_only_the_listed_claims_are_kept() -> None:
    custom = CustomProvider(
        provider_type="oauth2", identifier="custom:a", custom_claims_allowlist=("groups", "gone")
    )
    claims = {"sub": "1", "email": "a@b.c", "groups": ["admins"], "nonce": "n", "tenant": "t"}
    profile = profile_of(provider_of(custom, Secret("s3cret")), claims)
    assert profile.data["custom_claims"] == {"groups": ["admins"]}
    none = CustomProvider(provider_type="oauth2", identifier="custom:a")
    assert "custom_claims" not in profile_of(provider_of(none, Secret("s3cret")), claims).data
