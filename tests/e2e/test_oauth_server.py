"""The OAuth 2.1 server behind the gateway: administered by supabase-py, used by a stock client."""

from __future__ import annotations

import httpx
import pytest
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from supabase import Client
from supabase_auth.types import CreateOAuthClientParams, UpdateOAuthClientParams
from tests.e2e.conftest import World
from tests.support.apps import refused, unique
from tests.support.oauth import answered

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("world"), pytest.mark.timeout(240)]
BACK = "https://app.example.com/callback"
PASSWORD = "correct horse battery"
VERIFIER = "a-verifier-that-has-at-least-forty-three-characters"


def person(world: World) -> tuple[Client, str]:
    """Return a signed-in user of the app, and the address."""
    email = unique("owner")
    world.apps.admin().auth.admin.create_user(
        {"email": email, "password": PASSWORD, "email_confirm": True}
    )
    app = world.apps.app()
    app.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    return app, email


def discovered(world: World) -> dict[str, str]:
    """Return the discovery document, as a third party reads it: without a key."""
    answer = httpx.get(f"{world.auth_url}/.well-known/openid-configuration")
    assert answer.status_code == 200
    document: dict[str, str] = answer.json()
    return document


def consented(world: World, url: str, app: Client, action: str = "approve") -> str:
    """Be the browser and the application's consent page; return where the client is called."""
    sent = httpx.get(url)
    assert sent.status_code == 302, sent.text
    request = answered(sent.headers["location"])["authorization_id"]
    session = app.auth.get_session()
    assert session
    headers = {**world.apps.stack.publishable, "Authorization": f"Bearer {session.access_token}"}
    path = f"{world.auth_url}/oauth/authorizations/{request}"
    looked = httpx.get(path, headers=headers)
    assert looked.status_code == 200, looked.text
    decided = httpx.post(f"{path}/consent", json={"action": action}, headers=headers)
    return str(decided.json()["redirect_url"])


def verified(document: dict[str, str], token: str) -> dict[str, object]:
    """Verify with nothing but the published keys."""
    keys = KeySet.import_key_set(httpx.get(document["jwks_uri"]).json())
    return dict(jwt.decode(token, keys, algorithms=["ES256", "RS256"]).claims)


def test_clients_are_administered(world: World) -> None:
    admin = world.apps.admin().auth.admin.oauth
    made = admin.create_client(
        CreateOAuthClientParams(client_name="Calendar", redirect_uris=[BACK])
    ).client
    assert made
    assert made.client_secret
    listed = admin.list_clients().clients
    assert made.client_id in [each.client_id for each in listed]
    found = admin.get_client(made.client_id).client
    assert found
    assert found.client_secret is None
    renamed = admin.update_client(
        made.client_id, UpdateOAuthClientParams(client_name="Diary")
    ).client
    assert renamed
    assert renamed.client_name == "Diary"
    fresh = admin.regenerate_client_secret(made.client_id).client
    assert fresh
    assert fresh.client_secret not in {None, made.client_secret}
    admin.delete_client(made.client_id)
    with refused("oauth_client_not_found"):
        admin.get_client(made.client_id)


def test_a_third_party_signs_people_in(world: World) -> None:
    document = discovered(world)
    assert document["issuer"] == world.auth_url
    app, email = person(world)
    wanted = {"client_name": "Calendar", "redirect_uris": [BACK]}
    registered = httpx.post(document["registration_endpoint"], json=wanted)
    assert registered.status_code == 201, registered.text
    client = registered.json()
    with OAuth2Client(
        client["client_id"],
        client["client_secret"],
        token_endpoint_auth_method=client["token_endpoint_auth_method"],
        redirect_uri=BACK,
        scope="openid email",
        code_challenge_method="S256",
        token_endpoint=document["token_endpoint"],
    ) as party:
        url, state = party.create_authorization_url(
            document["authorization_endpoint"], code_verifier=VERIFIER, nonce="n-1"
        )
        back = consented(world, url, app)
        token = party.fetch_token(authorization_response=back, state=state, code_verifier=VERIFIER)
        identity = verified(document, token["id_token"])
        assert (identity["iss"], identity["aud"]) == (world.auth_url, client["client_id"])
        assert (identity["email"], identity["nonce"]) == (email, "n-1")
        told = party.get(document["userinfo_endpoint"]).json()
        assert (told["sub"], told["email"]) == (identity["sub"], email)
        fresh = party.refresh_token(document["token_endpoint"], token["refresh_token"])
        assert verified(document, fresh["access_token"])["client_id"] == client["client_id"]
        with pytest.raises(AuthlibBaseError):  # a code works once
            party.fetch_token(authorization_response=back, state=state, code_verifier=VERIFIER)
    head, body, signature = token["id_token"].split(".")
    with pytest.raises(JoseError):
        verified(document, ".".join((head, body, signature[:-8] + "AAAAAAAA")))


def test_who_says_no_sends_the_third_party_away(world: World) -> None:
    document, (app, _) = discovered(world), person(world)
    admin = world.apps.admin().auth.admin.oauth
    client = admin.create_client(
        CreateOAuthClientParams(client_name="Nosy", redirect_uris=[BACK])
    ).client
    assert client
    with OAuth2Client(
        client.client_id,
        client.client_secret,
        redirect_uri=BACK,
        scope="openid",
        code_challenge_method="S256",
    ) as party:
        url, state = party.create_authorization_url(
            document["authorization_endpoint"], code_verifier=VERIFIER
        )
    back = answered(consented(world, url, app, "deny"))
    assert (back["error"], back["state"]) == ("access_denied", state)
    assert "code" not in back
