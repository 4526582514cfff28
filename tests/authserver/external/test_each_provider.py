"""The providers with habits of their own, over HTTP: a double of each checks what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from tests.support.oauth import answered
from tests.support.web_double import WebDouble, web_double

from keyturn.accounts import oauth1

ADA = "ada@example.com"
OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]


@dataclass
class Case:
    """One provider: where it is asked, what it answers, and who has then signed in."""

    name: str
    authorize: str
    token: str
    sub: str
    full_name: str
    scope: str | None
    pages: dict[str, object]
    token_answer: dict[str, object] = field(default_factory=dict)
    custom_claims: dict[str, object] | None = None


LOCALE = {"preferredLocale": {"country": "GB", "language": "en"}}
CASES = (
    Case(
        "fly",
        "/oauth/authorize",
        "/oauth/token",
        "u1",
        "ada",
        "read",
        {
            "GET /oauth/token/info": {
                "user_id": "u1",
                "user_name": "ada",
                "email": "ada@example.com",
                "resource_owner_id": "o1",
                "organizations": [{"id": "o1", "role": "admin"}],
            }
        },
        custom_claims={
            "resource_owner_id": "o1",
            "organizations": [{"id": "o1", "role": "admin"}],
        },
    ),
    Case(
        "linkedin",
        "/oauth/v2/authorization",
        "/oauth/v2/accessToken",
        "l1",
        "Ada Lovelace",
        "r_emailaddress r_liteprofile",
        {
            "GET /v2/me": {
                "id": "l1",
                "firstName": {"localized": {"en_GB": "Ada"}, **LOCALE},
                "lastName": {"localized": {"en_GB": "Lovelace"}, **LOCALE},
            },
            "GET /v2/emailAddress": {
                "elements": [{"handle": "h", "handle~": {"emailAddress": "ada@example.com"}}]
            },
        },
    ),
    Case(
        "slack",
        "/oauth/authorize",
        "/api/oauth.access",
        "U1",
        "Ada",
        "profile email openid",
        {
            "GET /api/openid.connect.userInfo": {
                "sub": "not this",
                "https://slack.com/user_id": "U1",
                "https://slack.com/team_id": "T1",
                "email": "ada@example.com",
                "name": "Ada",
            }
        },
        custom_claims={"https://slack.com/team_id": "T1"},
    ),
    Case(
        "snapchat",
        "/accounts/oauth2/auth",
        "/accounts/oauth2/token",
        "s1",
        "Ada",
        " ".join(
            f"https://auth.snapchat.com/oauth2/api/user.{part}"
            for part in ("external_id", "display_name", "bitmoji.avatar")
        ),
        {
            "GET /v1/me": {
                "data": {
                    "me": {"externalId": "s1", "displayName": "Ada", "email": "ada@example.com"}
                }
            }
        },
    ),
    Case(
        "workos",
        "/sso/authorize",
        "/sso/token",
        "prof_1",
        "Ada Lovelace",
        None,
        {},
        {
            "profile": {
                "id": "prof_1",
                "email": "ada@example.com",
                "first_name": "Ada",
                "last_name": "Lovelace",
                "connection_id": "c1",
                "organization_id": "o1",
            }
        },
        {"connection_id": "c1", "organization_id": "o1"},
    ),
)


def variables(name: str, double: WebDouble) -> dict[str, str]:
    prefix = f"GOTRUE_EXTERNAL_{name.upper()}_"
    return {
        f"{prefix}ENABLED": "true",
        f"{prefix}CLIENT_ID": "me",
        f"{prefix}SECRET": "a-secret",
        f"{prefix}URL": double.url,
        "API_EXTERNAL_URL": "http://auth.test",
    }


async def user_of(auth: Any, target: str) -> Any:
    told = parse_qs(urlsplit(target).fragment)
    assert "access_token" in told, target
    headers = {"Authorization": f"Bearer {told['access_token'][0]}"}
    return (await auth.http.get("/user", headers=headers)).json()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_oauth2(open_server: OpenAuth, case: Case) -> None:
    async with web_double() as double:
        double.says(f"POST {case.token}", {"access_token": "a-token", **case.token_answer})
        for what, document in case.pages.items():
            double.says(what, document)
        async with open_server(**variables(case.name, double)) as auth:
            out = await auth.http.get("/authorize", params={"provider": case.name})
            page = urlsplit(out.headers["location"])
            assert f"{page.scheme}://{page.netloc}{page.path}" == double.url + case.authorize
            sent = answered(out.headers["location"])
            assert sent.get("scope") == case.scope
            query = {"state": sent["state"], "code": "a-code"}
            back = await auth.http.get("/callback", params=query)
            user = await user_of(auth, back.headers["location"])
        asked = double.asked[0]
        assert (asked.method, asked.path) == ("POST", case.token)
        assert (asked.form["code"], asked.form["client_secret"]) == ("a-code", "a-secret")
        for request in double.asked[1:]:
            assert request.headers["authorization"] == "Bearer a-token"
    assert user["email"] == "ada@example.com"
    assert user["email_confirmed_at"]
    [identity] = user["identities"]
    assert (identity["provider"], identity["id"]) == (case.name, case.sub)
    assert identity["identity_data"]["full_name"] == case.full_name
    assert identity["identity_data"].get("custom_claims") == case.custom_claims


async def test_workos_is_told_whose_connection(open_server: OpenAuth) -> None:
    async with web_double() as double, open_server(**variables("workos", double)) as auth:
        query = {"provider": "workos", "workos_provider": "GoogleOAuth", "organization": "org_1"}
        out = await auth.http.get("/authorize", params=query)
        sent = answered(out.headers["location"])
        assert (sent["provider"], sent["organization"]) == ("GoogleOAuth", "org_1")
        assert "scope" not in sent


async def test_github_enterprise_has_its_api_below_its_own_address(open_server: OpenAuth) -> None:
    async with web_double() as double:
        double.says("POST /login/oauth/access_token", {"access_token": "a-token"})
        double.says("GET /api/v3/user", {"id": 1, "login": "ada"})
        emails = [{"email": "ada@example.com", "verified": True, "primary": True}]
        double.says("GET /api/v3/user/emails", emails)
        async with open_server(**variables("github", double)) as auth:
            out = await auth.http.get("/authorize", params={"provider": "github"})
            query = {"state": answered(out.headers["location"])["state"], "code": "c"}
            back = await auth.http.get("/callback", params=query)
            assert (await user_of(auth, back.headers["location"]))["email"] == "ada@example.com"


async def test_an_api_at_an_address_of_its_own(open_server: OpenAuth) -> None:
    async with web_double() as double, web_double() as api:
        double.says("POST /oauth/token", {"access_token": "a-token"})
        profile = {"id": 7, "email": "ada@example.com", "confirmed_at": "2020-01-01T00:00:00Z"}
        api.says("GET /api/v4/user", profile)
        given = {**variables("gitlab", double), "GOTRUE_EXTERNAL_GITLAB_API_URL": api.url}
        async with open_server(**given) as auth:
            out = await auth.http.get("/authorize", params={"provider": "gitlab"})
            query = {"state": answered(out.headers["location"])["state"], "code": "c"}
            back = await auth.http.get("/callback", params=query)
            assert (await user_of(auth, back.headers["location"]))["email"] == "ada@example.com"
        assert [request.path for request in double.asked] == ["/oauth/token"]


def oauth_of(header: str) -> dict[str, str]:
    """Read an OAuth 1.0a header."""
    assert header.startswith("OAuth ")
    pairs = (part.split("=", 1) for part in header[6:].split(", "))
    return {name: unquote(text.strip('"')) for name, text in pairs}


def signed(double: WebDouble, method: str, target: str, header: str, secret: str) -> bool:
    """Check a signature as the provider would: sign again with what the header says."""
    told = oauth_of(header)
    signing = oauth1.Signing(
        consumer="me",
        consumer_secret="a-secret",
        nonce=told["oauth_nonce"],
        now=int(told["oauth_timestamp"]),
        token=told.get("oauth_token", ""),
        token_secret=secret,
    )
    names = ("oauth_callback", "oauth_verifier")
    further = {name: told[name] for name in names if name in told}
    again = oauth1.authorization(signing, method, double.url + target, further)
    return oauth_of(again)["oauth_signature"] == told["oauth_signature"]


def twitter() -> dict[str, Any]:
    def form(text: str) -> Any:
        return lambda request: (200, "text/html", text.encode())

    begun = "oauth_token=req1&oauth_token_secret=reqsecret&oauth_callback_confirmed=true"
    return {
        "POST /oauth/request_token": form(begun),
        "POST /oauth/access_token": form("oauth_token=acc1&oauth_token_secret=accsecret"),
    }


async def test_twitter_speaks_oauth_1(open_server: OpenAuth) -> None:
    async with web_double(answers=twitter()) as double:
        profile = {"id_str": "42", "name": "Ada", "screen_name": "ada", "email": "ada@example.com"}
        double.says("GET /1.1/account/verify_credentials.json", profile)
        async with open_server(**variables("twitter", double)) as auth:
            out = await auth.http.get("/authorize", params={"provider": "twitter"})
            page = out.headers["location"]
            assert page == f"{double.url}/oauth/authenticate?oauth_token=req1"
            callback = oauth_of(double.asked[0].headers["authorization"])["oauth_callback"]
            assert callback.startswith("http://auth.test/callback?state=")
            state = answered(callback)["state"]
            query = {"state": state, "oauth_token": "req1", "oauth_verifier": "v1"}
            wrong = {**query, "oauth_token": "of somebody else"}
            refused = await auth.http.get("/callback", params=wrong)
            assert "error_code=bad_oauth_state" in refused.headers["location"]
            back = await auth.http.get("/callback", params=query)
            user = await user_of(auth, back.headers["location"])
            told = parse_qs(urlsplit(back.headers["location"]).fragment)
            assert told["provider_token"] == ["acc1"]
        secrets = ("", "reqsecret", "accsecret")
        assert len(double.asked) == 3
        for request, secret in zip(double.asked, secrets, strict=True):
            header = request.headers["authorization"]
            assert signed(double, request.method, request.target, header, secret)
        assert oauth_of(double.asked[1].headers["authorization"])["oauth_verifier"] == "v1"
        assert double.asked[2].query["include_email"] == "true"
    assert user["email"] == "ada@example.com"
    [identity] = user["identities"]
    assert (identity["provider"], identity["id"]) == ("twitter", "42")


async def test_twitter_when_the_user_says_no(open_server: OpenAuth) -> None:
    async with web_double(answers=twitter()) as double:
        async with open_server(**variables("twitter", double)) as auth:
            await auth.http.get("/authorize", params={"provider": "twitter"})
            callback = oauth_of(double.asked[0].headers["authorization"])["oauth_callback"]
            query = {"state": answered(callback)["state"], "denied": "req1"}
            back = await auth.http.get("/callback", params=query)
            assert "error=access_denied" in back.headers["location"]
        double.says("POST /oauth/request_token", b"no", status=401)
        async with open_server(**variables("twitter", double)) as auth:
            refused = await auth.http.get("/authorize", params={"provider": "twitter"})
            assert refused.json()["error_code"] == "unexpected_failure"


def test_a_signature_of_the_providers_own_documentation() -> None:
    """X's "Creating a signature" page: the published example and its result."""
    signing = oauth1.Signing(
        consumer="xvz1evFS4wEEPTGEFPHBog",
        consumer_secret="kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
        now=1318622958,
        token="370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
        token_secret="LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    )
    body = "status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21"
    url = f"https://api.twitter.com/1.1/statuses/update.json?include_entities=true&{body}"
    header = oauth1.authorization(signing, "POST", url)
    assert oauth_of(header)["oauth_signature"] == "hCtSmYh+iHYCEqBWrE7C7hYmtUk="
