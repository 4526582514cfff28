"""People who come from another provider, with both clients: a certified one, over TLS."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from supabase import AuthApiError, Client
from tests.e2e.conftest import World
from tests.e2e.test_first_light import node
from tests.support.apps import Landing, follow, refused, unique
from tests.support.oidc import CLIENT_ID, CLIENT_SECRET

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("world"), pytest.mark.timeout(240)]
PAGE = "http://localhost:3000/welcome"
LINKED, UNLINKED = "A new identity has been linked", "An identity has been unlinked"


def account(email: str, *, verified: bool = True) -> str:
    """Return the account at the provider: subject, address, and whether it was verified."""
    return f"{email.partition('@')[0]}|{email}|{'true' if verified else 'false'}"


def returned(world: World, url: str) -> Landing:
    """Be the browser: to our server, to the provider, back, and to the application."""
    out = httpx.get(url)
    assert out.status_code == 302, out.text
    return follow(world.provider.visit(out.headers["location"]), 302)


def through_google(world: World, app: Client, who: str) -> Landing:
    """Sign in as ``who`` of the provider; return where the application is called back."""
    options = {"redirect_to": PAGE, "query_params": {"login_hint": who}}
    asked = app.auth.sign_in_with_oauth({"provider": "google", "options": options})  # type: ignore[typeddict-item]
    assert asked.url.startswith(f"{world.auth_url}/authorize?")
    return returned(world, asked.url)


def test_with_pkce(world: World) -> None:
    app, email = world.apps.app(pkce=True), unique("ada")
    landed = through_google(world, app, account(email))
    assert landed.page == PAGE
    assert landed.fragment == {}
    entered = app.auth.exchange_code_for_session(
        {"auth_code": landed.query["code"], "code_verifier": "", "redirect_to": PAGE}
    )
    assert entered.user
    assert entered.session
    assert entered.user.email == email
    assert entered.user.app_metadata == {"provider": "google", "providers": ["google"]}
    assert entered.session.provider_token
    with refused("flow_state_not_found"):
        app.auth.exchange_code_for_session(
            {"auth_code": landed.query["code"], "code_verifier": "v" * 43, "redirect_to": PAGE}
        )


def test_without_pkce_and_a_second_time(world: World) -> None:
    app, email = world.apps.app(), unique("bob")
    first = through_google(world, app, account(email)).fragment
    set_up = app.auth.set_session(first["access_token"], first["refresh_token"])
    assert set_up.user
    claims = app.auth.get_claims()
    assert claims
    assert [entry["method"] for entry in claims["claims"]["amr"]] == ["oauth"]
    second = through_google(world, app, account(email)).fragment
    again = app.auth.get_user(second["access_token"])
    assert again
    assert again.user.id == set_up.user.id


def test_who_says_no_comes_back_with_the_reason(world: World) -> None:
    landed = through_google(world, world.apps.app(), "deny")
    assert landed.page == PAGE
    assert landed.fragment["error"] == "access_denied"
    assert landed.fragment["error_description"] == "the user said no"


def test_an_identity_is_linked_and_unlinked_and_both_are_told(world: World) -> None:
    app, email = world.apps.app(), unique("carol")
    admin = world.apps.admin().auth.admin
    admin.create_user({"email": email, "password": "correct horse", "email_confirm": True})
    app.auth.sign_in_with_password({"email": email, "password": "correct horse"})
    asked = app.auth.link_identity(
        {
            "provider": "google",
            "options": {"redirect_to": PAGE, "query_params": {"login_hint": account(unique("c"))}},
        }
    )
    landed = follow(world.provider.visit(asked.url), 302)
    assert landed.page == PAGE
    linked = world.apps.mail(email, LINKED)
    assert "google" in linked.text
    found = {each.provider: each for each in app.auth.get_user_identities().identities}
    assert set(found) == {"email", "google"}
    app.auth.unlink_identity(found["google"])
    unlinked = world.apps.mail(email, UNLINKED)
    assert "google" in unlinked.text
    left = app.auth.get_user_identities().identities
    assert [each.provider for each in left] == ["email"]


def id_token(world: World, who: str) -> str:
    """Be an app of the provider itself, as one with its native sign-in is."""
    callback = f"{world.auth_url}/callback"
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": callback,
        "response_type": "code",
        "scope": "openid email",
        "login_hint": who,
    }
    back = world.provider.visit(str(httpx.URL(f"{world.provider.issuer}/auth", params=query)))
    form = {
        "grant_type": "authorization_code",
        "code": dict(parse_qsl(urlsplit(back).query))["code"],
        "redirect_uri": callback,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    with world.provider.browser() as browser:
        token: str = browser.post(f"{world.provider.issuer}/token", data=form).json()["id_token"]
    return token


def test_an_id_token_signs_in(world: World) -> None:
    app, email = world.apps.app(), unique("ida")
    token = id_token(world, account(email))
    entered = app.auth.sign_in_with_id_token({"provider": "google", "token": token})
    assert entered.user
    assert entered.user.email == email


def test_a_signature_of_somebody_else_does_not_sign_in(world: World) -> None:
    app, email = world.apps.app(), unique("forged")
    head, body, signature = id_token(world, account(email)).split(".")
    forged = ".".join((head, body, signature[:-8] + "AAAAAAAA"))
    with pytest.raises(AuthApiError) as found:
        app.auth.sign_in_with_id_token({"provider": "google", "token": forged})
    assert found.value.status == 400


def test_supabase_js(world: World) -> None:
    more = {"OIDC_ISSUER": world.provider.issuer, "OIDC_CERTIFICATE": str(world.provider.trusted)}
    done = node(world.apps.stack, "social.test.mjs", "--test", env=more)
    assert done.returncode == 0, done.stdout + done.stderr
