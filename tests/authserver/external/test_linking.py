"""Who a provider's user is when that is known beforehand: linking by hand, and invitations."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.authserver.external.test_oidc_provider import (
    ADA,
    APP,
    fragment,
    provider_id_token,
    user_of,
)
from tests.support.messages import link_in, mail_server
from tests.support.oauth import SECRET, VERIFIER, answered, bearer, s256
from tests.support.oidc import OidcProvider, oidc_provider

OpenAuth = Callable[..., AbstractAsyncContextManager[Any]]
Bearer = Callable[[str], dict[str, str]]
PATH = "/user/identities/authorize"
ON = {"GOTRUE_SECURITY_MANUAL_LINKING_ENABLED": "true"}
BOB = "bob|bob@example.com|true"


@pytest.fixture
def provider(unused_port: int) -> Iterator[OidcProvider]:
    with oidc_provider(unused_port) as running:
        yield running


async def link(
    auth: Any, provider: OidcProvider, who: dict[str, str], account: str, **query: str
) -> str:
    """Link as supabase-js does: ask for the address, send the browser there, and come back."""
    given = {
        "provider": "google",
        "redirect_to": APP,
        "login_hint": account,
        "skip_http_redirect": "true",
        **query,
    }
    answer = await auth.http.get(PATH, params=given, headers=who)
    assert answer.status_code == 200, answer.text
    back = provider.visit(answer.json()["url"]).removeprefix("http://auth.test")
    return str((await auth.http.get(back)).headers["location"])


async def test_linking_another_address(open_server: OpenAuth, provider: OidcProvider) -> None:
    async with open_server(**provider.variables, **ON) as auth:
        token = await auth.sign_up()
        who = bearer(token)
        told = fragment(await link(auth, provider, who, BOB))
        user = await user_of(auth, told)
        assert user["id"] == token["user"]["id"]
        assert user["email"] == "ada@example.com"
        assert user["app_metadata"]["providers"] == ["email", "google"]
        again = fragment(await link(auth, provider, who, BOB))
        assert again["error_code"] == "identity_already_exists"
        assert again["error_description"] == "Identity is already linked"
        other = bearer(await auth.sign_up("carol@example.com"))
        stolen = fragment(await link(auth, provider, other, BOB))
        assert stolen["error_description"] == "Identity is already linked to another user"
        google = next(one for one in user["identities"] if one["provider"] == "google")
        one = f"/user/identities/{google['identity_id']}"
        assert (await auth.http.delete(one, headers=who)).status_code == 200
        left = (await auth.http.get("/user", headers=who)).json()
        assert [each["provider"] for each in left["identities"]] == ["email"]


async def test_with_pkce_and_a_redirect(open_server: OpenAuth, provider: OidcProvider) -> None:
    async with open_server(**provider.variables, **ON) as auth:
        token = await auth.sign_up()
        given = {"provider": "google", "login_hint": BOB}
        plain = await auth.http.get(PATH, params=given, headers=bearer(token))
        assert plain.status_code == 302
        challenge = {"code_challenge": s256(VERIFIER), "code_challenge_method": "s256"}
        target = await link(auth, provider, bearer(token), BOB, **challenge)
        body = {"auth_code": answered(target)["code"], "code_verifier": VERIFIER}
        answer = await auth.http.post("/token?grant_type=pkce", json=body)
        assert answer.json()["user"]["id"] == token["user"]["id"]


async def test_a_guest_becomes_permanent(open_server: OpenAuth, provider: OidcProvider) -> None:
    guests = {"GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED": "true"}
    off = {"GOTRUE_MAILER_AUTOCONFIRM": "false"}
    async with open_server(**{**provider.variables, **ON, **guests, **off}) as auth:
        guest = (await auth.http.post("/signup", json={})).json()
        who = bearer(guest)
        unsure = fragment(await link(auth, provider, who, "eve|eve@example.com|false"))
        assert unsure["error_code"] == "provider_email_needs_verification"
        user = await user_of(auth, fragment(await link(auth, provider, who, BOB)))
        assert (user["id"], user["email"]) == (guest["user"]["id"], "bob@example.com")
        assert user["is_anonymous"] is False
        assert user["email_confirmed_at"]


async def test_who_may_link(open_server: OpenAuth, provider: OidcProvider) -> None:
    query = {"provider": "google"}
    async with open_server(**provider.variables, **ON) as auth:
        who = bearer(await auth.sign_up())
        await auth.refused(401, "no_authorization", "GET", PATH, params=query)
        unknown = {"provider": "nowhere"}
        await auth.refused(400, "validation_failed", "GET", PATH, params=unknown, headers=who)
        wrong = {**who, "X-JWT-AUD": "others"}
        await auth.refused(403, "unexpected_audience", "GET", PATH, params=query, headers=wrong)
    async with open_server(**provider.variables) as auth:
        who = bearer(await auth.sign_up("carol@example.com"))
        said = await auth.refused(
            404, "manual_linking_disabled", "GET", PATH, params=query, headers=who
        )
        assert said == "Manual linking is disabled"


async def test_linking_by_an_id_token(open_server: OpenAuth, provider: OidcProvider) -> None:
    path = "/token?grant_type=id_token"
    async with open_server(**provider.variables, **ON) as auth:
        token = await auth.sign_up()
        hashed = hashlib.sha256(b"a nonce").hexdigest()
        shown = await provider_id_token(auth, provider, BOB, hashed)
        body = {"id_token": shown, "nonce": "a nonce", "provider": "google", "link_identity": True}
        await auth.refused(401, "no_authorization", "POST", path, json=body)
        answer = await auth.http.post(path, json=body, headers=bearer(token))
        assert answer.status_code == 200, answer.text
        assert answer.json()["user"]["id"] == token["user"]["id"]
        who = bearer(token)
        await auth.refused(422, "identity_already_exists", "POST", path, json=body, headers=who)
    async with open_server(**provider.variables) as auth:
        who = bearer(await auth.sign_up("carol@example.com"))
        await auth.refused(404, "manual_linking_disabled", "POST", path, json=body, headers=who)


async def test_an_invitation(
    open_server: OpenAuth, provider: OidcProvider, service_role: Bearer
) -> None:
    async with mail_server() as server:
        given = {
            **provider.variables,
            "GOTRUE_JWT_SECRET": SECRET,
            "GOTRUE_SMTP_HOST": "127.0.0.1",
            "GOTRUE_SMTP_PORT": str(server.port),
            "GOTRUE_MAILER_AUTOCONFIRM": "false",
            "GOTRUE_DISABLE_SIGNUP": "true",
        }
        async with open_server(**given) as auth:
            admin = service_role(SECRET)
            body = {"email": "bob@example.com"}
            invited = (await auth.http.post("/invite", json=body, headers=admin)).json()
            token = answered(link_in(await server.wait(1)))["token"]
            query = {"provider": "google", "invite_token": token, "redirect_to": APP}
            wrong = {**query, "invite_token": "0" * 56}
            await auth.refused(404, "user_not_found", "GET", "/authorize", params=wrong)

            async def accept(account: str) -> dict[str, str]:
                given = {**query, "login_hint": account}
                out = await auth.http.get("/authorize", params=given)
                back = provider.visit(out.headers["location"]).removeprefix("http://auth.test")
                return fragment((await auth.http.get(back)).headers["location"])

            differs = await accept(ADA)
            words = "Invited email does not match emails from external provider"
            assert differs["error_description"] == words
            user = await user_of(auth, await accept("bob|bob@example.com|false"))
            assert user["id"] == invited["id"]
            assert user["email_confirmed_at"]
            assert user["app_metadata"] == {"provider": "google", "providers": ["google"]}
            await auth.refused(404, "user_not_found", "GET", "/authorize", params=query)


async def test_an_invitation_that_ends_meanwhile(
    open_server: OpenAuth, provider: OidcProvider, service_role: Bearer
) -> None:
    given = {**provider.variables, "GOTRUE_JWT_SECRET": SECRET}
    async with open_server(**given) as auth:
        wanted = {"type": "invite", "email": "bob@example.com"}
        made = await auth.http.post(
            "/admin/generate_link", json=wanted, headers=service_role(SECRET)
        )
        token = made.json()["hashed_token"]
        query = {"provider": "google", "invite_token": token, "login_hint": BOB}
        out = await auth.http.get("/authorize", params=query)
        back = provider.visit(out.headers["location"]).removeprefix("http://auth.test")
        used = await auth.http.post("/verify", json={"type": "invite", "token_hash": token})
        assert used.status_code == 200, used.text
        told = fragment((await auth.http.get(back)).headers["location"])
        assert told["error_code"] == "invite_not_found"
        assert told["error_description"] == "Invite not found"
