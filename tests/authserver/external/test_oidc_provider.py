"""Signing in with a real OpenID Connect provider: out, back, and which account it leads to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.support.messages import MailServer, link_in, mail_server
from tests.support.oauth import VERIFIER, answered, s256
from tests.support.oidc import CALLBACK, CLIENT_ID, CLIENT_SECRET, OidcProvider, oidc_provider

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
APP = "http://localhost:3000/welcome"
ADA = "ada|ada@example.com|true"
UNVERIFIED = {"GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS": "true"}


@pytest.fixture
def provider(unused_port: int) -> Iterator[OidcProvider]:
    with oidc_provider(unused_port) as running:
        yield running


def fragment(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).fragment).items()}


async def depart(auth: Any, account: str, **query: str) -> str:
    given = {"provider": "google", "redirect_to": APP, "login_hint": account, **query}
    answer = await auth.http.get("/authorize", params=given)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


async def sign_in(auth: Any, provider: OidcProvider, account: str, **query: str) -> str:
    """Go the whole way; return where the application is called back."""
    back = provider.visit(await depart(auth, account, **query))
    assert back.startswith("http://auth.test/callback?")
    answer = await auth.http.get(back.removeprefix("http://auth.test"))
    assert answer.status_code == 302
    return str(answer.headers["location"])


async def user_of(auth: Any, told: dict[str, str]) -> Any:
    headers = {"Authorization": f"Bearer {told['access_token']}"}
    return (await auth.http.get("/user", headers=headers)).json()


async def test_without_pkce(open_server: OpenAuth, provider: OidcProvider) -> None:
    async with open_server(**provider.variables) as auth:
        assert (await auth.http.get("/settings")).json()["external"]["google"] is True
        out = await depart(auth, ADA, scopes="address")
        sent = answered(out)
        assert out.startswith(f"{provider.issuer}/auth?")
        assert (sent["client_id"], sent["redirect_uri"]) == (CLIENT_ID, "http://auth.test/callback")
        assert sent["scope"].split() == ["openid", "email", "profile", "address"]
        target = await sign_in(auth, provider, ADA)
        assert target.startswith(f"{APP}#")
        told = fragment(target)
        assert {"access_token", "refresh_token", "provider_token", "expires_at"} <= set(told)
        user = await user_of(auth, told)
        assert user["email"] == "ada@example.com"
        assert user["email_confirmed_at"]
        assert user["app_metadata"] == {"provider": "google", "providers": ["google"]}
        assert user["user_metadata"]["full_name"] == "User ada"
        [identity] = user["identities"]
        assert (identity["provider"], identity["id"]) == ("google", ADA)
        again = await user_of(auth, fragment(await sign_in(auth, provider, ADA)))
        assert again["id"] == user["id"]
        assert len(again["identities"]) == 1


async def test_with_pkce(open_server: OpenAuth, provider: OidcProvider) -> None:
    async with open_server(**provider.variables) as auth:
        challenge = {"code_challenge": s256(VERIFIER), "code_challenge_method": "s256"}
        back = provider.visit(await depart(auth, ADA, **challenge)).removeprefix("http://auth.test")
        target = (await auth.http.get(back)).headers["location"]
        assert target.startswith(f"{APP}?code=")
        assert "#" not in target
        again = fragment((await auth.http.get(back)).headers["location"])
        assert again["error_code"] == "flow_state_already_used"
        assert again["error_description"] == "State has already been used"
        body = {"auth_code": answered(target)["code"], "code_verifier": VERIFIER}
        wrong = {**body, "code_verifier": VERIFIER + "x"}
        refused = await auth.http.post("/token?grant_type=pkce", json=wrong)
        assert refused.json()["error_code"] == "bad_code_verifier"
        token = await auth.http.post("/token?grant_type=pkce", json=body)
        assert token.status_code == 200, token.text
        assert token.json()["user"]["email"] == "ada@example.com"
        told = {"Authorization": f"Bearer {token.json()['provider_token']}"}
        async with httpx.AsyncClient() as http:
            asked = await http.get(f"{provider.issuer}/me", headers=told)
        assert asked.json()["email"] == "ada@example.com", "the provider knows its token"


async def test_a_state_works_once(open_server: OpenAuth, provider: OidcProvider) -> None:
    async with open_server(**provider.variables) as auth:
        back = provider.visit(await depart(auth, ADA)).removeprefix("http://auth.test")
        first = await auth.http.get(back)
        assert "access_token" in fragment(first.headers["location"])
        second = fragment((await auth.http.get(back)).headers["location"])
        assert second["error_code"] == "bad_oauth_state"
        assert "access_token" not in second


async def test_errors_of_the_provider_reach_the_application(
    open_server: OpenAuth, provider: OidcProvider
) -> None:
    async with open_server(**provider.variables) as auth:
        target = await sign_in(auth, provider, "deny")
        assert target.startswith(f"{APP}?error=access_denied&")
        told = fragment(target)
        assert answered(target) == told, "in the query, too"
        assert (told["error"], told["error_code"]) == ("access_denied", "access_denied")
        assert told["error_description"] == "the user said no"
        state = answered(await depart(auth, ADA))["state"]
        for query, code in (
            ({"state": state}, "bad_oauth_callback"),
            ({"state": state, "code": "nothing"}, "unexpected_failure"),
            ({}, "bad_oauth_callback"),
            ({"state": "x", "code": "y"}, "bad_oauth_state"),
        ):
            answer = await auth.http.get("/callback", params=query)
            assert answer.status_code == 302
            assert fragment(answer.headers["location"])["error_code"] == code


async def test_a_form_post_is_a_callback_too(open_server: OpenAuth, provider: OidcProvider) -> None:
    async with open_server(**provider.variables) as auth:
        back = provider.visit(await depart(auth, ADA))
        answer = await auth.http.post("/callback", data=answered(back))
        assert "access_token" in fragment(answer.headers["location"])


async def test_a_verified_address_links(open_server: OpenAuth, provider: OidcProvider) -> None:
    async with open_server(**provider.variables) as auth:
        token = await auth.sign_up()
        user = await user_of(auth, fragment(await sign_in(auth, provider, ADA)))
        assert user["id"] == token["user"]["id"]
        assert user["app_metadata"]["providers"] == ["email", "google"]
        password = {"email": "ada@example.com", "password": "correct horse"}
        answer = await auth.http.post("/token?grant_type=password", json=password)
        assert answer.status_code == 200, "a confirmed account keeps its password"


async def test_an_unverified_address_takes_over_nothing(
    open_server: OpenAuth, provider: OidcProvider
) -> None:
    off = {"GOTRUE_MAILER_AUTOCONFIRM": "true"}
    async with open_server(**{**provider.variables, **off}) as auth:
        token = await auth.sign_up()
    off = {"GOTRUE_MAILER_AUTOCONFIRM": "false"}
    async with open_server(**{**provider.variables, **off}) as auth:
        for account in ("eve|ada@example.com|false", "new|new@example.com|false"):
            target = await sign_in(auth, provider, account)
            told = fragment(target)
            assert told["error"] == answered(target)["error"] == "access_denied"
            assert told["error_code"] == "provider_email_needs_verification"
            assert told["error_description"] == (
                "Unverified email with google. Verify the email with google in order to sign in"
            )
    async with open_server(**{**provider.variables, **off, **UNVERIFIED}) as auth:
        user = await user_of(
            auth, fragment(await sign_in(auth, provider, "eve|ada@example.com|false"))
        )
        assert (user["email"], user["id"] == token["user"]["id"]) == ("", False)


def confirming(mails: MailServer) -> dict[str, str]:
    """The settings of a server that has addresses confirmed by mail."""
    return {
        "GOTRUE_MAILER_AUTOCONFIRM": "false",
        "GOTRUE_SMTP_HOST": "127.0.0.1",
        "GOTRUE_SMTP_PORT": str(mails.port),
        "GOTRUE_SMTP_ADMIN_EMAIL": "hello@example.com",
    }


async def test_an_unverified_address_is_confirmed_by_mail(
    open_server: OpenAuth, provider: OidcProvider
) -> None:
    eve = "eve|eve@example.com|false"
    async with mail_server() as mails:
        given = {**provider.variables, **confirming(mails)}
        async with open_server(**given) as auth:
            told = fragment(await sign_in(auth, provider, eve))
            assert told["error_code"] == "provider_email_needs_verification"
            assert told["error_description"] == (
                "Unverified email with google. A confirmation email has been sent to your google "
                "email"
            )
            link = link_in(await mails.wait(1))
            again = fragment(await sign_in(auth, provider, eve))
            assert again["error_code"] == "over_email_send_rate_limit", "one mail a minute"
            shown = await provider_id_token(auth, provider, eve, "")
            body = {"provider": "google", "id_token": shown}
            await auth.refused(
                429, "over_email_send_rate_limit", "POST", "/token?grant_type=id_token", json=body
            )
            followed = await auth.http.get(link)
            confirmed = await user_of(auth, fragment(followed.headers["location"]))
            user = await user_of(auth, fragment(await sign_in(auth, provider, eve)))
            assert user["id"] == confirmed["id"]
            assert user["email"] == "eve@example.com"
            assert [one["provider"] for one in user["identities"]] == ["google"]
        assert mails.recipients == [["eve@example.com"]]


async def test_who_may_enter_before_the_address_is_confirmed(
    open_server: OpenAuth, provider: OidcProvider
) -> None:
    async with mail_server() as mails:
        given = {**provider.variables, **UNVERIFIED, **confirming(mails)}
        async with open_server(**given) as auth:
            told = fragment(await sign_in(auth, provider, "eve|eve@example.com|false"))
            user = await user_of(auth, told)
            assert user["email"] == "eve@example.com"
            assert "email_confirmed_at" not in user
            await auth.http.get(link_in(await mails.wait(1)))
            assert (await user_of(auth, told))["email_confirmed_at"]


async def test_what_somebody_prepared_is_gone(
    open_server: OpenAuth, provider: OidcProvider, database: Any
) -> None:
    async with open_server(**provider.variables) as auth:
        token = await auth.sign_up()
        pool = await database.pool(database.dsn, size=1)
        await pool.execute("update auth.users set email_confirmed_at = null")
        user = await user_of(auth, fragment(await sign_in(auth, provider, ADA)))
        assert user["id"] == token["user"]["id"]
        assert [identity["provider"] for identity in user["identities"]] == ["google"]
        password = {"email": "ada@example.com", "password": "correct horse"}
        answer = await auth.http.post("/token?grant_type=password", json=password)
        assert answer.json()["error_code"] == "invalid_credentials"
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        assert (await auth.http.get("/user", headers=headers)).status_code == 403


async def test_nobody_new_while_signups_are_off(
    open_server: OpenAuth, provider: OidcProvider
) -> None:
    async with open_server(**provider.variables, GOTRUE_DISABLE_SIGNUP="true") as auth:
        told = fragment(await sign_in(auth, provider, ADA))
        assert told["error_code"] == "signup_disabled"


async def test_open_redirects_are_not_followed(
    open_server: OpenAuth, provider: OidcProvider
) -> None:
    async with open_server(**provider.variables) as auth:
        target = await sign_in(auth, provider, ADA, redirect_to="https://evil.example/")
        assert target.startswith("http://localhost:3000")


async def test_one_address_for_everybody_who_comes_back(
    open_server: OpenAuth, provider: OidcProvider
) -> None:
    home = "https://app.example.com/signed-in"
    async with open_server(**provider.variables, GOTRUE_EXTERNAL_REDIRECT_URL=home) as auth:
        assert (await sign_in(auth, provider, ADA)).startswith(f"{home}#access_token=")
        assert (await sign_in(auth, provider, "deny")).startswith(f"{home}?error=access_denied")
        lost = await auth.http.get("/callback", params={"state": "x", "code": "y"})
        assert lost.headers["location"].startswith(f"{home}?error=invalid_request")


async def test_unknown_providers(open_server: OpenAuth, provider: OidcProvider) -> None:
    async with open_server(**provider.variables) as auth:
        for name, words in (("nowhere", "could not be found"), ("github", "is not enabled")):
            said = await auth.refused(
                400, "validation_failed", "GET", "/authorize", params={"provider": name}
            )
            assert said.startswith("Unsupported provider: ")
            assert words in said
        for query in ({"code_challenge": "x" * 43}, {"code_challenge_method": "s256"}):
            given = {"provider": "google", **query}
            await auth.refused(400, "validation_failed", "GET", "/authorize", params=given)


async def provider_id_token(auth: Any, provider: OidcProvider, account: str, nonce: str) -> str:
    """Be an application of the provider: get an ID token from it."""
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid email profile",
        "login_hint": account,
        **({"nonce": nonce} if nonce else {}),
    }
    back = provider.visit(str(httpx.URL(f"{provider.issuer}/auth", params=query)))
    form = {
        "grant_type": "authorization_code",
        "code": answered(back)["code"],
        "redirect_uri": CALLBACK,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    async with httpx.AsyncClient() as http:
        token: str = (await http.post(f"{provider.issuer}/token", data=form)).json()["id_token"]
    return token


async def test_id_tokens(open_server: OpenAuth, provider: OidcProvider) -> None:
    async with open_server(**provider.variables) as auth:
        hashed = hashlib.sha256(b"a nonce").hexdigest()
        token = await provider_id_token(auth, provider, ADA, hashed)
        path = "/token?grant_type=id_token"
        good = {"id_token": token, "nonce": "a nonce", "provider": "google"}
        answer = await auth.http.post(path, json=good)
        assert answer.status_code == 200, answer.text
        assert answer.json()["user"]["email"] == "ada@example.com"
        by_issuer = {**good, "client_id": CLIENT_ID, "issuer": provider.issuer}
        del by_issuer["provider"]
        assert (await auth.http.post(path, json=by_issuer)).status_code == 200
        head, body, signature = token.split(".")
        forged = ".".join((head, body, signature[:-4] + "AAAA"))
        for error, change in (
            ("invalid request", {"id_token": ""}),
            ("invalid request", {"provider": ""}),
            ("invalid request", {"nonce": ""}),
            ("invalid nonce", {"nonce": "another"}),
            ("invalid request", {"id_token": forged}),
            ("invalid request", {"id_token": "a.b.c"}),
        ):
            refused = await auth.http.post(path, json={**good, **change})
            assert refused.status_code == 400
            assert refused.json()["error"] == error, (change, refused.text)
        bare = await provider_id_token(auth, provider, ADA, "")
        refused = await auth.http.post(path, json={**good, "id_token": bare})
        assert refused.json()["error"] == "invalid request"
        other = {**by_issuer, "issuer": "https://elsewhere.example"}
        await auth.refused(400, "provider_disabled", "POST", path, json=other)
    variables = {**provider.variables, "GOTRUE_EXTERNAL_GOOGLE_CLIENT_ID": "somebody-else"}
    async with open_server(**variables) as auth:
        refused = await auth.http.post("/token?grant_type=id_token", json=good)
        assert refused.json()["error"] == "invalid request", "the token is for another client"
