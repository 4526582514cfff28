"""An application in a real browser: redirects, another origin, and an authenticator of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from supabase_auth.types import CreateOAuthClientParams
from tests.e2e.conftest import World
from tests.e2e.test_social import account
from tests.support.app_page import AppPage
from tests.support.apps import unique
from tests.support.browser import why_not
from tests.support.console_browser import enter, link_of, visiting
from tests.support.oauth import answered, s256

REASON = why_not()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("world"),
    pytest.mark.timeout(240),
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
]
PASSWORD = "correct horse battery"


@asynccontextmanager
async def window(world: World, path: str = "/") -> AsyncIterator[AppPage]:
    """Open the application in a fresh browser; the test provider's certificate is accepted."""
    async with visiting(world.origin, ignore_https_errors=True) as page:
        await page.goto(path)
        yield AppPage(page)


async def member(world: World, name: str) -> str:
    """Make a confirmed account; returns the address."""
    email = unique(name)
    attributes = {"email": email, "password": PASSWORD, "email_confirm": True}
    create = world.apps.admin().auth.admin.create_user
    await asyncio.to_thread(create, attributes)  # type: ignore[arg-type]
    return email


async def claims(app: AppPage) -> Any:
    return (await app.ask("auth.getClaims"))["claims"]


async def with_authenticator(app: AppPage, transport: str) -> None:
    """Give the browser an authenticator that knows its user (Chromium's own virtual one)."""
    session = await app.page.context.new_cdp_session(app.page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": transport,
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def test_a_newcomer_follows_the_link_in_the_inbox(world: World) -> None:
    """Sign up in the application, open the console's inbox in the same browser, click."""
    email = unique("newcomer")
    async with window(world) as app:
        given = {"email": email, "password": PASSWORD}
        made = await app.ask("auth.signUp", given)
        assert made["session"] is None
        await asyncio.to_thread(world.apps.mail, email, "Confirm Your Email")
        await app.page.goto(await asyncio.to_thread(link_of, world.apps.stack))
        await enter(app.page)
        await app.page.goto(f"{world.apps.stack.url}/inbox")
        mail = app.page.locator("section", has_text=email)
        await mail.get_by_role("link", name="Follow the link").click()
        await app.arrive(f"{world.origin}/**")
        session = (await app.ask("auth.getSession"))["session"]
        assert session["user"]["email"] == email
        assert "access_token" not in app.page.url, "the client takes it out of the address"
        assert (await app.ask("auth.getUser"))["user"]["email"] == email
        assert (await claims(app))["sub"] == session["user"]["id"]


@pytest.mark.parametrize("pkce", [False, True], ids=["fragment", "PKCE"])
async def test_there_and_back_through_a_provider(world: World, pkce: bool) -> None:
    email, path = unique("there"), "/pkce/welcome" if pkce else "/welcome"
    async with window(world, path) as app:
        options = {"redirectTo": world.origin + path, "queryParams": {"login_hint": account(email)}}
        wanted = {"provider": "google", "options": options}
        await app.leave("auth.signInWithOAuth", wanted)
        await app.arrive(f"{world.origin}{path}?code=*" if pkce else f"{world.origin}{path}#*")
        session = (await app.ask("auth.getSession"))["session"]
        assert session["user"]["email"] == email
        assert session["provider_token"]
        await app.page.reload()
        kept = (await app.ask("auth.getSession"))["session"]
        assert kept["access_token"] == session["access_token"], "the window remembers"
        await app.ask("auth.signOut")
        assert (await app.ask("auth.getSession"))["session"] is None


async def test_a_passkey_of_the_browser(world: World) -> None:
    email = await member(world, "passkey")
    async with window(world) as app:
        await with_authenticator(app, "internal")
        await app.ask("auth.signInWithPassword", {"email": email, "password": PASSWORD})
        made = await app.ask("auth.registerPasskey")
        listed = await app.ask("auth.passkey.list")
        assert [each["id"] for each in listed] == [made["id"]]
        await app.ask("auth.signOut")
        entered = await app.ask("auth.signInWithPasskey")
        assert entered["user"]["email"] == email
        assert [entry["method"] for entry in (await claims(app))["amr"]] == ["passkey"]


async def test_a_security_key_as_second_factor(world: World) -> None:
    email = await member(world, "key")
    credentials = {"email": email, "password": PASSWORD}
    async with window(world) as app:
        await with_authenticator(app, "usb")
        await app.ask("auth.signInWithPassword", credentials)
        await app.ask("auth.mfa.webauthn.register", {"friendlyName": "key"})
        assert (await claims(app))["aal"] == "aal2"
        await app.ask("auth.signOut")
        await app.ask("auth.signInWithPassword", credentials)
        level = await app.ask("auth.mfa.getAuthenticatorAssuranceLevel")
        assert (level["currentLevel"], level["nextLevel"]) == ("aal1", "aal2")
        [factor] = (await app.ask("auth.mfa.listFactors"))["webauthn"]
        await app.ask("auth.mfa.webauthn.authenticate", {"factorId": factor["id"]})
        assert (await claims(app))["aal"] == "aal2"


async def test_a_page_of_consent(world: World) -> None:
    """A third party sends the browser to our server, that to the application's own page."""
    email, back = await member(world, "consent"), "https://party.example.com/callback"
    registration = CreateOAuthClientParams(client_name="Party", redirect_uris=[back])
    create = world.apps.admin().auth.admin.oauth.create_client
    party = (await asyncio.to_thread(create, registration)).client
    assert party
    query = {
        "client_id": party.client_id,
        "redirect_uri": back,
        "response_type": "code",
        "scope": "openid email",
        "state": "a state",
        "code_challenge": s256("v" * 43),
        "code_challenge_method": "S256",
    }
    async with window(world) as app:
        await app.page.route("https://party.example.com/**", lambda route: route.fulfill(body="in"))
        await app.ask("auth.signInWithPassword", {"email": email, "password": PASSWORD})
        await app.page.evaluate(
            "([url, query]) => { location = url + '?' + new URLSearchParams(query) }",
            [f"{world.auth_url}/oauth/authorize", query],
        )
        await app.arrive(f"{world.origin}/consent?*")
        request = answered(app.page.url)["authorization_id"]
        asked = await app.ask("auth.oauth.getAuthorizationDetails", request)
        assert (asked["client"]["name"], asked["user"]["email"]) == ("Party", email)
        await app.leave("auth.oauth.approveAuthorization", request)
        await app.page.wait_for_url(f"{back}?*")
        told = answered(app.page.url)
    assert told["state"] == "a state"
    assert told["code"]
